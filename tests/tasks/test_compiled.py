"""Compiled episodes are Gymnasium's own, to the last bit of every return, and so is every number below them."""

import signal
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.tasks import classic_control, compiled, environment, pcg64, rollout, vector
from rl_intdim.tasks.network import Network

POLICIES, EPISODES = 4, 2
N = POLICIES * EPISODES
PENDULUM = ["env=gym", "env.id=Pendulum-v1", "env.threshold=-200"]
UNSTANDARDISED = ["env.statistics.mean=", "env.statistics.std="]
TASKS = {
    "CartPole": ["env=CartPole"],
    "CartPole, 200 steps, no hidden layer": ["env=CartPole200", "env.policy.hidden=[]"],
    "Acrobot": ["env=Acrobot", "env.policy.activation=relu"],
    "MountainCar, no hidden layer": ["env=MountainCar", "env.policy.hidden=[]"],
    "MountainCarContinuous": ["env=MountainCarContinuous"],
    "MountainCarContinuous, clipped": ["env=MountainCarContinuous", "env.policy.action=clip", *UNSTANDARDISED],
    "Pendulum": [*PENDULUM, "env.policy.hidden=[7,33]"],
}


def task_of(name, vectorisation):
    return cli.load("sweep", [*TASKS[name], f"env.vector={vectorisation}"]).env


def policies(policy):
    """Of unequal skill, and some of large weights, whose actions reach the bounds."""
    rng = np.random.default_rng(1)
    theta = torch.stack([policy.theta0(rng) * scale for scale in (0.3, 1.0, 3.0, 30.0)])
    return theta + 0.1 * torch.from_numpy(rng.standard_normal(theta.shape)).float()


@pytest.mark.parametrize("name", TASKS)
def test_episodes_are_gymnasiums_own(name):
    policy = environment.policy(task_of(name, "slots"))
    theta, seeds = policies(policy), np.random.default_rng(3).integers(2**31, size=N)
    played = {}
    for vectorisation in ("slots", "compiled"):
        envs = vector.make_vec(task_of(name, vectorisation), N)
        played[vectorisation] = [a.tolist() for a in rollout.episodes(envs, policy, theta, seeds)]
        played[vectorisation] += [a.tolist() for a in rollout.episodes(envs, policy, theta, 5)]
    assert played["compiled"] == played["slots"]
    assert len(set(played["slots"][0])) > 2


def test_one_seed_for_all_slots_means_the_same_too():
    task, slots = (task_of("CartPole", vectorisation) for vectorisation in ("compiled", "slots"))
    policy = environment.policy(task)
    once, again = (rollout.episodes(vector.make_vec(t, N), policy, policies(policy), 5)[0] for t in (task, slots))
    assert once.tolist() == again.tolist()


@pytest.mark.parametrize("name", TASKS)
def test_an_episode_starts_where_gymnasiums_reset_puts_it(name):
    task = replace(task_of(name, "compiled"), statistics=replace(task_of(name, "slots").statistics, mean="", std=""))
    seeds = np.random.default_rng(0).integers(2**31, size=50)
    states, obs = classic_control.CompiledEpisodes(task, 50).reset(seeds)
    env = gym.make(task.id, **task.kwargs)
    for seed, state, seen in zip(seeds, states, obs, strict=True):
        assert env.reset(seed=int(seed))[0].tolist() == seen.tolist()
        own = list(env.unwrapped.state)
        assert state.tolist() == own + [0.0] * (4 - len(own))


def test_numbers_are_those_of_numpys_generators():
    seeds = np.uint32([0, 1, 2**31 - 1, 2**32 - 1, *np.random.default_rng(0).integers(2**32, size=200)])
    assert pcg64.random(seeds, 5).tolist() == [np.random.default_rng(int(s)).random(5).tolist() for s in seeds]


@pytest.mark.parametrize("activation", ["tanh", "relu"])
@pytest.mark.parametrize("hidden", [[], [1], [20, 20], [3, 130, 9]])
def test_a_layer_is_a_sum_in_order(activation, hidden):
    """By numpy, one input after the other, in float32: the same bits on every CPU."""
    policy = Network(replace(task_of("CartPole", "slots").policy, hidden=hidden, activation=activation),
                     gym.spaces.Box(-1, 1, (5,)), gym.spaces.Discrete(3))  # fmt: skip
    rng = np.random.default_rng(0)
    theta, obs = torch.stack([policy.theta0(rng) for _ in range(2)]), torch.from_numpy(rng.normal(size=(2, 3, 5)))
    layers = policy.layers(theta)
    y = obs.float().numpy()
    for i, (weight, bias) in enumerate(layers):
        x, y = y, np.broadcast_to(bias.numpy(), (2, 3, bias.shape[-1]))
        for j in range(x.shape[-1]):
            y = y + x[:, :, j : j + 1] * weight.numpy()[:, j : j + 1, :]
        if i < len(layers) - 1:
            y = np.maximum(y, 0) if activation == "relu" else compiled.squash(y.ravel()).reshape(y.shape)
    assert policy.outputs(layers, obs).tolist() == y.tolist()


def test_tanh():
    x = np.concatenate([np.linspace(-12, 12, 100_001), np.geomspace(1e-30, 1, 1000)]).astype(np.float32)
    y = compiled.squash(x)
    assert np.abs(y).max() == 1
    assert y == pytest.approx(np.tanh(x.astype(float)), rel=4e-7)
    assert (compiled.squash(-x) == -y).all()
    assert np.isnan(compiled.squash(np.float32([np.nan]))).all()
    assert compiled.squash(np.float32([-np.inf, np.inf])) == pytest.approx([-1, 1])


@pytest.mark.parametrize("name", ["CartPole", "Pendulum"])
def test_a_policy_that_overflows_fails(name):
    task = task_of(name, "compiled")
    policy = environment.policy(task)
    with pytest.raises(TrialFailure, match="NaN"):
        rollout.episodes(vector.make_vec(task, 2), policy, torch.full((1, policy.D), np.nan), seed=0)


def test_a_signal_during_compiled_episodes_stops_the_command():
    """SIGTERM raises KeyboardInterrupt, as here SIGALRM does; as any other error, the trial would be run again."""
    task = task_of("CartPole", "compiled")
    policy = environment.policy(task)
    envs, theta = vector.make_vec(task, N), policies(policy)
    rollout.episodes(envs, policy, theta, 0)  # compiled now

    def interrupted(seed):
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        while True:
            rollout.episodes(envs, policy, theta, seed)

    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        for seed in range(10):  # most arrive inside the compiled loop
            with pytest.raises(KeyboardInterrupt):
                interrupted(seed)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_a_wrapper_that_is_registered_with_the_environment_is_not_compiled():
    half = gym.envs.registration.WrapperSpec(
        "Half", "gymnasium.wrappers:TransformReward", {"func": lambda reward: reward / 2}
    )
    gym.register(
        "Half-v0", "gymnasium.envs.classic_control:CartPoleEnv", max_episode_steps=9, additional_wrappers=(half,)
    )
    try:
        with pytest.raises(ConfigError, match="Half-v0 is not compiled"):
            classic_control.CompiledEpisodes(replace(task_of("CartPole", "compiled"), id="Half-v0"), 1)
    finally:
        del gym.registry["Half-v0"]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["env=InvertedPendulum"], "InvertedPendulum"),
        (["env=CartPole", "+env.kwargs.sutton_barto_reward=true"], "sutton_barto_reward"),
        (["env=CartPole", "env.wrappers=[gymnasium.wrappers.FlattenObservation]"], "env.wrappers"),
        (["env=CartPole", "env.goal.info=x"], "env.goal"),
    ],
)
def test_what_is_not_compiled_is_refused(words, named):
    with pytest.raises(ConfigError, match=named) as error:
        vector.make_vec(cli.load("sweep", [*words, "env.vector=compiled"]).env, 1)
    assert "slots" in str(error.value)
