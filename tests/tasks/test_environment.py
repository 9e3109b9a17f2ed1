"""Batched episodes against a plain loop over gymnasium.make, episode by episode."""

from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch
from factories import agent_of

from rl_intdim.config import cli
from rl_intdim.config.schema import Statistics
from rl_intdim.errors import ConfigError
from rl_intdim.tasks import environment, rollout, vector
from rl_intdim.training.sb3.model import training_envs

POLICIES, EPISODES = 3, 2
N = POLICIES * EPISODES


def plain(env, obs, act):
    """Return and length of one episode, from an environment that was just reset to obs."""
    total, steps, done = 0.0, 0, False
    while not done:
        obs, reward, terminated, truncated, _ = env.step(act(obs))
        total, steps, done = total + float(reward), steps + 1, terminated or truncated
    return total, steps


def start_states(task, seed):
    """The plain environments of the task in the initial states that `episodes` starts from."""
    if task.vector == "native":
        vec = vector.make_vec(task, N)
        vec.reset(seed=seed)
        for state in vec.unwrapped.state.T:
            env = gym.make(task.id)
            env.reset(seed=0)
            env.unwrapped.state = state.copy()
            yield env, state.astype(np.float32)
    else:
        for s in np.random.SeedSequence(seed).generate_state(N) % 2**31:
            env = gym.make(task.id)
            yield env, env.reset(seed=int(s))[0]


@pytest.mark.parametrize("words", ["env=CartPole", "env=CartPole env.vector=native", "env=InvertedPendulum"])
def test_batched_episodes_equal_a_plain_loop(words):
    task = cli.load("sweep", words.split()).env
    policy = environment.policy(task)
    rng = np.random.default_rng(2)
    # Of unequal skill: the slots finish at different times.
    theta = torch.stack([policy.theta0(rng) * scale for scale in (0.5, 1, 2)])
    returns, lengths = rollout.episodes(vector.make_vec(task, N), policy, theta, seed=5)
    expected = []
    for slot, (env, obs) in enumerate(start_states(task, 5)):
        layers = policy.layers(theta[slot // EPISODES][None])

        def act(obs, layers=layers):
            x = torch.as_tensor(obs, dtype=torch.float32).view(1, 1, -1)
            return policy.actions(policy.outputs(layers, x).numpy().reshape(1, -1))[0]

        expected.append(plain(env, obs, act))
    assert lengths.tolist() == [steps for _, steps in expected]
    assert returns == pytest.approx([total for total, _ in expected], rel=1e-9)
    assert len(set(lengths.tolist())) > 2


def test_a_finished_slot_is_left_alone(echo):
    envs = vector.SingleEpisodeVectorEnv([gym.make("test/Echo-v0", length=k) for k in (2, 5)])
    policy = environment.policy(echo())
    returns, lengths = rollout.episodes(envs, policy, torch.zeros(1, policy.D), seed=0)
    assert lengths.tolist() == [2, 5]
    assert [env.unwrapped.t for env in envs.envs] == [2, 5]
    assert (returns <= lengths).all()


def test_the_seed_decides_the_episodes(echo):
    task = echo("continuous")
    policy, envs = environment.policy(task), vector.make_vec(task, 4)
    theta = policy.theta0(np.random.default_rng(0))[None]
    once, again, other = (rollout.episodes(envs, policy, theta, seed)[0].tolist() for seed in (1, 1, 2))
    assert once == again != other


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"id": "CartPoel-v1", "kwargs": {}}, "CartPole-v1"),
        ({"id": "Nosuch/Pong-v5", "kwargs": {}}, "env.id=module:Nosuch/Pong-v5"),
        ({"id": "MiniGrid-Empty-5x5-v0", "kwargs": {}}, "env.id=module:MiniGrid-Empty-5x5-v0"),
        ({"id": "nosuch:Pong-v5", "kwargs": {}}, "nosuch"),
        ({"kwargs": {"nosuch": 1}}, "nosuch"),
        ({"wrappers": ["gymnasium.wrappers.FlatenObservation"]}, "FlattenObservation"),
        ({"wrappers": ["nosuch.Wrapper"]}, "nosuch"),
        ({"vector": "native", "kwargs": {}}, "slots"),
    ],
)
def test_what_cannot_be_made_is_named(echo, changes, named):
    with pytest.raises(ConfigError, match=named):
        vector.make_vec(echo(**changes), 1)


def test_a_module_that_raises_is_named(echo, monkeypatch):
    Path("raises.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(Path()))
    with pytest.raises(ConfigError, match=r"env\.wrappers=raises\.W: cannot be imported: ZeroDivisionError"):
        environment.make(echo(wrappers=["raises.W"]))


def test_an_environment_of_another_package_is_played_by_module_and_id(echo, monkeypatch):
    with pytest.raises(ConfigError, match=r"env\.id=mygrid:MyGrid-Empty-v0: .* no package mygrid .*PYTHONPATH="):
        environment.make(echo(id="mygrid:MyGrid-Empty-v0", kwargs={}))
    Path("mygrid.py").write_text(
        "import gymnasium\nfrom gymnasium.envs.classic_control import CartPoleEnv\n"
        "gymnasium.register('MyGrid-Empty-v0', CartPoleEnv, max_episode_steps=7)\n"
    )
    monkeypatch.syspath_prepend(str(Path()))
    with pytest.raises(ConfigError, match=r"give its module too: env.id=mygrid:MyGrid-Empty-v0$"):
        vector.make_vec(echo(id="MyGrid-Empty-v0", kwargs={}), 1)
    task = echo(id="mygrid:MyGrid-Empty-v0", kwargs={})
    policy = environment.policy(task)
    _, lengths = rollout.episodes(vector.make_vec(task, 2), policy, torch.zeros(1, policy.D), seed=0)
    assert lengths.tolist() == [7, 7]


def test_the_documented_environment_of_a_users_own_is_played(echo):
    task = echo(id="line:Line-v0", kwargs={})
    policy = environment.policy(task)
    returns, lengths = rollout.episodes(vector.make_vec(task, 2), policy, torch.zeros(1, policy.D), seed=0)
    assert lengths.tolist() == [20, 20]
    assert (returns < 0).all()


def test_an_atari_game_that_is_not_imported_yet_names_its_module(echo, monkeypatch):
    for name in [name for name in gym.registry if name.startswith("ALE/")]:
        monkeypatch.delitem(gym.registry, name)
    with pytest.raises(ConfigError, match=r"not registered .* env\.id=ale_py:ALE/Pong-v5$"):
        environment.make(echo(id="ALE/Pong-v5", kwargs={}))


def test_observations_are_standardised_for_every_agent_alike(echo):
    raw = echo()
    task = replace(raw, statistics=Statistics("0.1 0", "0.2 2", clip=1.5))
    policy = environment.policy(task)
    seen = [np.stack([environment.make(t).reset(seed=s)[0] for s in range(8)]) for t in (raw, task)]
    expected = np.clip((seen[0] - [0.1, 0.0]) / [0.2, 2.0], -1.5, 1.5)
    assert seen[1] == pytest.approx(expected)
    assert abs(seen[1]).max() == 1.5
    assert abs(seen[1][:, 1]).max() < 0.5
    trained = [training_envs(t, agent_of("ppo"), policy, seed=3).reset() for t in (raw, task)]
    assert trained[1] == pytest.approx(np.clip((trained[0] - [0.1, 0.0]) / [0.2, 2.0], -1.5, 1.5))


def test_statistics_are_as_many_as_the_observations(echo):
    with pytest.raises(ConfigError, match=r"3 numbers.*\(2,\)"):
        environment.make(echo(statistics=Statistics("0 0 0", "1 1 1")))


def test_the_goal_of_humanoid_is_how_far_it_came():
    task = cli.load("sweep", ["env=Humanoid"]).env
    policy, envs = environment.policy(task), vector.make_vec(task, 2)
    assert policy.D == 159_505
    rollout.episodes(envs, policy, torch.zeros(1, policy.D), seed=1)
    assert envs.reached[1] == pytest.approx(envs.env.unwrapped.data.qpos[0])
    assert envs.reached[0] != envs.reached[1]
    wrong = replace(task, goal=replace(task.goal, info="x_positon"))
    with pytest.raises(ConfigError, match="Did you mean x_position"):
        rollout.episodes(vector.make_vec(wrong, 1), policy, torch.zeros(1, policy.D), seed=1)


def test_policies_whose_episodes_are_over_are_not_computed_on(echo):
    """Episodes of 2, 2, 5 and 9 steps, one to each policy: two are dropped after step 2, a third after step 5."""
    envs = vector.SingleEpisodeVectorEnv([gym.make("test/Echo-v0", length=k) for k in (2, 2, 5, 9)])
    policy = environment.policy(echo())
    theta = torch.stack([policy.theta0(np.random.default_rng(i)) for i in range(4)])
    computed, outputs = [], policy.outputs
    policy.outputs = lambda layers, obs: computed.append(len(obs)) or outputs(layers, obs)
    returns, lengths = rollout.episodes(envs, policy, theta, seed=0)
    assert computed == [4, 4, 2, 2, 2, 1, 1, 1, 1]
    assert lengths.tolist() == [2, 2, 5, 9]
    alone = []
    for env, one, s in zip(envs.envs, theta, np.random.SeedSequence(0).generate_state(4), strict=True):
        alone += rollout.episodes(vector.SingleEpisodeVectorEnv([env]), policy, one[None], np.array([s]))[0].tolist()
    assert returns.tolist() == alone
