"""Stable-Baselines3's algorithms in the subspace: one mechanism, held to the same promises for every agent file."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from stable_baselines3 import PPO

from rl_intdim.config import cli
from rl_intdim.config.schema import Conv, GradientAgent, Policy
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.subspace import flat
from rl_intdim.tasks import environment
from rl_intdim.training import gradient
from rl_intdim.training.sb3.model import build
from rl_intdim.training.sb3.subspace_actor import SubspaceActor
from rl_intdim.training.sb3.vec_env import flat_pictures
from rl_intdim.training.seeding import draw_subspace
from rl_intdim.training.trial import Trial, run_trial

DISCRETE, CONTINUOUS = ["ppo", "a2c", "dqn"], ["ppo", "a2c", "sac", "td3", "tqc"]
KINDS = [(agent, "discrete") for agent in DISCRETE] + [(agent, "continuous") for agent in CONTINUOUS]


def agent_of(name, **changes):
    words = [f"agent={name}", *(f"agent.{k}={v}" for k, v in changes.items())]
    return cli.load("sweep", words).agent


def small(name):
    """The agent with settings that learn Echo in seconds."""
    off_policy = {
        **{"learning_starts": 100, "train_freq": 2, "gradient_steps": 2, "batch_size": 64, "learning_rate": 1e-3},
        "buffer_size": 1500,
    }
    agent = agent_of(name) if name in ("ppo", "a2c") else agent_of(name, multiplier=3, n_envs=2)
    if name == "a2c":
        return replace(agent, multiplier=10, settings=agent.settings | {"learning_rate": 3e-3})
    more = off_policy | ({"target_update_interval": 20} if name == "dqn" else {})
    settings = agent.settings | (more if name in ("dqn", "sac", "td3", "tqc") else {})
    return replace(agent, settings=settings)


class Pictures(gym.Env):
    """A bright half, left or right, of a small picture; one point for the action that says which."""

    observation_space = gym.spaces.Box(0, 255, (2, 12, 12), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def _show(self):
        self.right = int(self.np_random.integers(2))
        picture = self.np_random.integers(0, 60, (2, 12, 12), dtype=np.uint8)
        picture[:, :, 6 * self.right : 6 * self.right + 6] += 190
        return picture

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._show(), {}

    def step(self, action):
        reward, self.t = float(action == self.right), self.t + 1
        return self._show(), reward, False, self.t >= 10, {}


gym.register("test/Pictures-v0", Pictures)


def pictures(echo, **changes):
    conv = [Conv(4, 4, 2, [1, 2, 1, 2]), Conv(4, 3, 1, [1, 1, 1, 1])]
    policy = Policy(conv=conv, hidden=[8], activation="relu", init="he")
    return echo(id="test/Pictures-v0", kwargs={}, policy=policy, **changes)


# ------------------------------------------------------------------------------------ what is held


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_sb3s_actor_acts_as_the_tasks_policy(echo, name, kind):
    """SB3's actor, held at theta, takes the very actions of our forward pass: same order, same output map."""
    task, agent = echo(kind), agent_of(name)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    hold = SubspaceActor(model, agent, subspace)
    theta = subspace.theta(torch.zeros(3))
    assert torch.equal(flat(hold.actor).detach(), theta)
    obs = np.random.default_rng(0).uniform(-1, 1, (50, 2)).astype(np.float32)
    theirs = model.predict(obs, deterministic=True)[0]
    if kind == "continuous" and name in ("ppo", "a2c"):
        theirs = policy.actions(theirs)
    mine = policy.actions(policy.outputs(policy.layers(theta[None]), torch.from_numpy(obs)[None]).numpy()[0])
    assert theirs == pytest.approx(mine, abs=1e-5)


@pytest.mark.parametrize("extractor", ["shared", "separate"])
@pytest.mark.parametrize("name", DISCRETE)
def test_the_same_on_pictures(echo, name, extractor):
    task, agent = pictures(echo), agent_of(name, extractor=extractor)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    SubspaceActor(model, agent, subspace)
    obs = np.random.default_rng(0).integers(0, 256, (50, 2, 12, 12), dtype=np.uint8)
    theta = subspace.theta(torch.zeros(3))[None]
    mine = policy.actions(policy.outputs(policy.layers(theta), torch.from_numpy(obs)[None]).numpy()[0])
    theirs = model.predict(flat_pictures(obs), deterministic=True)[0]
    assert len(set(mine)) == 2
    assert (theirs == mine).mean() > 0.95  # outputs that are nearly equal may round either way
    shared = model.policy.pi_features_extractor is model.policy.vf_features_extractor if name != "dqn" else True
    assert shared == (extractor == "shared" or name == "dqn")


def test_a_policy_without_noise_of_its_own_explores(echo):
    task = echo("continuous")
    model = build(task, agent_of("td3", noise=0.3), environment.policy(task), 0)
    model._setup_learn(100)
    model._last_obs = np.repeat(model.env.reset()[:1], 8, axis=0)  # eight times the same
    actions, _ = model._sample_action(0, model.action_noise, n_envs=8)
    assert 0.1 < actions.std() / 2 < 0.6  # Echo's actions reach from -2 to 2
    assert agent_of("td3").noise > 0


@pytest.mark.parametrize(("name", "kind"), KINDS)
def test_target_networks_start_at_theta0(echo, name, kind):
    task, agent = echo(kind), agent_of(name)
    policy = environment.policy(task)
    subspace, _ = draw_subspace(policy, "dense", 3, 0)
    model = build(task, agent, policy, 0)
    SubspaceActor(model, agent, subspace)
    targets = [n for n, _ in model.policy.named_children() if n.endswith("_target")]
    assert len(targets) == {"dqn": 1, "sac": 1, "tqc": 1, "td3": 2}.get(name, 0)
    for target in targets:
        source = getattr(model.policy, target.removesuffix("_target"))
        pairs = zip(getattr(model.policy, target).parameters(), source.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)


@pytest.mark.parametrize(("name", "kind"), [k for k in KINDS if k[0] != "ppo"])
def test_every_agent_learns_a_trivial_task(echo, name, kind):
    task = echo(kind, budget=8000, threshold=8.5)
    result = run_trial(Trial(task, small(name), "dense", 8, 1))
    assert result.solved
    assert run_trial(Trial(task, small(name), "dense", 0, 1)).score < 8.5


@pytest.mark.parametrize("extractor", ["shared", "separate"])
def test_ppo_learns_from_pictures(echo, extractor):
    agent = agent_of("ppo", multiplier=3, extractor=extractor, critic="{vf:[]}")
    result = run_trial(Trial(pictures(echo, budget=6000), agent, "countsketch", 30, 1))
    assert result.solved


def test_agents_share_theta0_and_P_to_the_bit(echo):
    """Whatever the agent, the parameters that it trains start at the same point of the same subspace."""
    starts = {}
    for name, kind in KINDS:
        task, agent = echo(kind), agent_of(name)
        policy = environment.policy(task)
        subspace, _ = draw_subspace(policy, "dense", 3, 7)
        hold = SubspaceActor(build(task, agent, policy, 0), agent, subspace)
        with torch.no_grad():
            hold.optimizer.theta_d.copy_(torch.arange(3.0))
        hold.optimizer.write()
        starts.setdefault(kind, []).append(flat(hold.actor).detach())
    for mine in starts.values():
        assert all(torch.equal(mine[0], other) for other in mine)


# ------------------------------------------------------------------------------------ what is refused


class WritesItsParameters(PPO):
    """As TRPO does: the actor does not step through the optimiser."""

    def train(self):
        super().train()
        with torch.no_grad():
            self.policy.action_net.bias.add_(1e-3)


def test_an_algorithm_that_writes_its_actor_is_refused_at_its_first_update(echo, monkeypatch):
    looks = []
    monkeypatch.setattr(SubspaceActor, "look", lambda self, evaluator, steps: looks.append(steps))
    for algorithm in ("test_gradient.WritesItsParameters", "sb3_contrib.TRPO"):
        agent = agent_of("ppo", algorithm=algorithm)
        if algorithm.endswith("TRPO"):
            agent = replace(agent, settings={"n_steps": 32, "batch_size": 64})
        with pytest.raises(TrialFailure, match=r"cannot be held|is not theta0"):
            run_trial(Trial(echo(), agent, "dense", 3, 0))
    assert looks == []


class NoOptimizer(PPO):
    def _setup_model(self):
        super()._setup_model()
        self.policy.optimizer = None


def test_an_actor_without_an_optimizer_is_refused(echo):
    agent = agent_of("ppo", algorithm="test_gradient.NoOptimizer")
    with pytest.raises(ConfigError, match="cannot be held in a subspace"):
        gradient.check(echo(), agent, environment.policy(echo()))


@pytest.mark.parametrize(
    ("name", "kind", "changes", "said"),
    [
        ("ppo", "discrete", {"free": "[mlp_extractor.value_net]"}, "does not name value_net.bias, value_net.weight"),
        ("ppo", "discrete", {"actor": "[action_net]"}, "18 parameters, and the task's policy has 42"),
        ("ppo", "discrete", {"actor": "[actor.mu]"}, "has no such module"),
        ("ppo", "discrete", {"algorithm": "gymnasium.Env"}, "not a Stable-Baselines3 algorithm"),
        ("dqn", "continuous", {}, "agent=dqn: does not fit env=Echo"),
        ("sac", "discrete", {}, "agent=sac: does not fit env=Echo"),
        ("ppo", "discrete", {"settings": "{n_stpes: 3}"}, "n_stpes"),
        ("ppo", "discrete", {"settings": "{learning_rate: lin_fast}"}, "'lin_fast'.*lin_1e-3"),
    ],
)
def test_mistakes(echo, name, kind, changes, said):
    task = echo(kind)
    with pytest.raises(ConfigError, match=said):
        gradient.check(task, agent_of(name, **changes), environment.policy(task))


def test_a_clipped_action_fits_no_algorithm_that_squashes(echo):
    task = echo("continuous", policy=Policy(hidden=[8], action="clip"))
    with pytest.raises(ConfigError, match="squashes actions itself; valid here: tanh"):
        gradient.check(task, agent_of("sac"), environment.policy(task))
    gradient.check(task, agent_of("ppo"), environment.policy(task))


def test_a_schedule_falls_to_nothing_at_the_whole_budget(echo):
    task, agent = echo(budget=1000), agent_of("ppo", settings="{learning_rate: lin_1e-2, n_steps: 25}")
    policy, rates = environment.policy(task), []
    subspace, _ = draw_subspace(policy, "dense", 4, 0)
    model = build(task, agent, policy, 0)
    hold = SubspaceActor(model, agent, subspace)
    real = hold.optimizer.step
    hold.optimizer.step = lambda *args: rates.append(hold.optimizer.param_groups[0]["lr"]) or real(*args)
    model.learn(1000)
    # Read after each rollout of 25 steps of eight environments.
    assert list(dict.fromkeys(rates)) == pytest.approx([8e-3, 6e-3, 4e-3, 2e-3, 0])


def test_the_log_of_sb3_goes_to_tensorboard(echo, tmp_path):
    run_trial(Trial(echo(budget=2000), agent_of("ppo"), "dense", 3, 0, tensorboard=str(tmp_path / "logs")))
    assert list((tmp_path / "logs").glob("*/events.out.tfevents.*"))


def test_the_catalogues_gradient_agents_are_those_tested_here():
    names = cli.register([])["agent"]
    assert {n for n in names if isinstance(agent_of(n), GradientAgent)} == {n for n, _ in KINDS}
