"""Random environments and every kind of trainer: training and scoring take the same actions and count the same.

A policy is held fixed, and plays the same episodes four times: through the environments that Stable-Baselines3 trains
on, by SB3's own `evaluate_policy`, by our scoring, and by a plain loop that maps outputs to actions as written here.
"""

import warnings
from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
import torch
from factories import agent_of
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from stable_baselines3.common.evaluation import evaluate_policy

from rl_intdim.config.schema import Conv, Policy, Scoring, Task
from rl_intdim.errors import ConfigError
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import environment, rollout, vector
from rl_intdim.training.sb3.agreement import check_agreement
from rl_intdim.training.sb3.model import build
from rl_intdim.training.sb3.subspace_actor import SubspaceActor


class Random(gym.Env):
    """Observations at random, a reward that weighs every action, and an end at random; it notes each action.

    Refuses an action outside of its space, as some simulators do.
    """

    games: list = []  # noqa: RUF012  # of every instance: (seed, [actions])

    def __init__(self, observation_space, action_space, reset_as, ends) -> None:
        self.observation_space, self.action_space = observation_space, action_space
        self.reset_as, self.ends = reset_as, ends

    def _observe(self):
        space = self.observation_space
        return self.np_random.uniform(space.low, space.high, space.shape).astype(space.dtype)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.actions = []
        Random.games.append((seed, self.actions))
        self.obs = np.rint(self._observe()).astype(self.reset_as)
        return self.obs, {}

    def step(self, action):
        assert self.action_space.contains(action), (self.action_space, action, type(action))
        self.actions.append(np.array(action))
        reward = float(np.tanh(np.sum(np.asarray(action, float))) + len(self.actions) / 100)
        self.obs = self._observe()
        return self.obs, reward, bool(self.np_random.random() < self.ends), False, {}


gym.register("test/Random-v0", Random)

TYPES = [np.float32, np.float64, np.float16, np.int8, np.int16, np.int32, np.int64, np.uint8]


@st.composite
def discrete(draw):
    return gym.spaces.Discrete(draw(st.integers(2, 4)), start=draw(st.sampled_from([0, 0, 1, -3, 10])))


@st.composite
def boxes(draw):
    kind = np.dtype(draw(st.sampled_from(TYPES)))
    if kind.kind == "f":
        low, high = -draw(st.sampled_from([0.6, 1.0, 3.0, 100.0])), draw(st.sampled_from([0.0, 1.7, 2.0, 100.0]))
        bounds = draw(st.sampled_from(["both", "both", "both", "low", "high", "none", "huge"]))
        low = {"high": -np.inf, "none": -np.inf, "huge": float(np.finfo(kind).min)}.get(bounds, low)
        high = {"low": np.inf, "none": np.inf, "huge": float(np.finfo(kind).max)}.get(bounds, high)
    else:
        low, high = draw(st.sampled_from([(0, 3), (0, 100), (np.iinfo(kind).min, np.iinfo(kind).max)]))
    return gym.spaces.Box(kind.type(low), kind.type(high), (draw(st.integers(1, 2)),), kind)


@st.composite
def observed(draw):
    kind = draw(st.sampled_from(["flat", "flat", "float64", "first", "last", "float images"]))
    if kind in ("flat", "float64"):
        return gym.spaces.Box(-2, 2, (3,), np.float64 if kind == "float64" else np.float32)
    shape = (6, 7, 2) if kind == "last" else (2, 6, 7)
    if kind == "float images":
        return gym.spaces.Box(-1, 1, draw(st.sampled_from([shape, (6, 7, 2)])), np.float32)
    return gym.spaces.Box(0, 255, shape, np.uint8)


AGENTS = {"discrete": ["ppo", "a2c", "dqn"], "continuous": ["ppo", "a2c", "sac", "td3", "tqc"]}


def by_hand(policy, actions, outputs):
    """The output map, as the documentation has it."""
    if isinstance(actions, gym.spaces.Discrete):
        return actions.start + np.argmax(outputs)
    low, high = actions.low.astype(float), actions.high.astype(float)
    wanted = outputs if policy.action == "clip" else low + (high - low) * (np.tanh(outputs) + 1) / 2
    wanted = np.clip(wanted, low, high)
    if actions.dtype.kind in "iu":  # Python's integers do not wrap around
        limits = zip(wanted, actions.low, actions.high, strict=True)
        return np.array([min(max(round(float(w)), int(lo)), int(hi)) for w, lo, hi in limits], actions.dtype)
    return np.clip(wanted.astype(actions.dtype), actions.low, actions.high)


def plain(task, network, theta, seed):
    """Return, length and actions of one episode, step by step on a plain environment."""
    env = gym.make(task.id, **task.kwargs)
    obs, _ = env.reset(seed=seed)
    total, done, layers = 0.0, False, network.layers(theta[None])
    while not done:
        x = torch.as_tensor(np.asarray(obs).astype(env.observation_space.dtype))[None, None]
        action = by_hand(task.policy, env.action_space, network.outputs(layers, x).numpy()[0, 0])
        obs, reward, terminated, truncated, _ = env.step(action)
        total, done = total + float(reward), terminated or truncated
    return total, len(env.unwrapped.actions), env.unwrapped.actions


def same(mine, theirs, space):
    """Equal actions; those of float32 sums in another order may differ in their last digits."""
    assert len(mine) == len(theirs)
    assert all(space.contains(a) for a in mine if isinstance(space, gym.spaces.Box))
    span = 1.0
    if isinstance(space, gym.spaces.Box) and np.isfinite(space.high.astype(float) - space.low).all():
        span = max(1.0, float((space.high.astype(float) - space.low).max()))
    slack = 0 if isinstance(space, gym.spaces.Discrete) else 1e-5 * span + (space.dtype.kind in "iu")
    half = 1e-2 if space.dtype == np.float16 else 0
    for a, b in zip(mine, theirs, strict=True):
        assert np.abs(a.astype(float) - b.astype(float)).max() <= slack + half * span


@pytest.mark.filterwarnings("ignore:.*WARN", "ignore:.*precision lowered")
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, names in AGENTS.items() for name in names], ids=lambda x: x
)
def test_training_and_scoring_are_one(kind, name):
    tried = []

    @settings(max_examples=8, deadline=None, derandomize=True, database=None)
    @given(
        observed(), discrete() if kind == "discrete" else boxes(), st.booleans(), st.booleans(),
        st.integers(0, 2**31 - 9), st.sampled_from([None, 1, 7]), st.sampled_from([2.0, 300.0]),
    )  # fmt: skip
    def check(observations, actions, integers, clip, seed, limit, gain):
        images = len(observations.shape) == 3
        policy = Policy(
            hidden=[8], action="clip" if clip and kind == "continuous" else "tanh", output_gain=gain,
            conv=[Conv(3, 3, 1)] if images else [],
        )  # fmt: skip
        reset_as = np.int64 if integers else observations.dtype
        kwargs = {
            "observation_space": observations,
            "action_space": actions,
            "reset_as": reset_as,
            "ends": 0.05,
            "max_episode_steps": limit or 40,
        }
        task = Task(
            name="Random", id="test/Random-v0", threshold=1.0, kwargs=kwargs, policy=policy, budget=100,
            scoring=Scoring(look_episodes=1, confirm_episodes=1),
        )  # fmt: skip
        agent = replace(agent_of(name), n_envs=1, noise=0.0)
        if agent.settings.get("buffer_size", 0) > 100 or name in ("dqn", "sac", "td3", "tqc"):
            agent = replace(agent, settings=agent.settings | {"buffer_size": 100})
        try:
            network = environment.policy(task)
            model = build(task, agent, network, seed)
        except ConfigError:  # no bounds to squash into, or an algorithm that squashes and a task that clips
            assume(False)
        theta = network.theta0(np.random.default_rng(seed))
        actor = SubspaceActor(model, agent, Subspace(theta, "direct"))
        check_agreement(model, actor, agent, network)

        Random.games.clear()
        envs = model.get_env()
        envs.seed(seed)
        obs, done, trained, steps = envs.reset(), [False], 0.0, 0
        while not done[0]:
            obs, rewards, done, _ = envs.step(model.predict(obs, deterministic=True)[0])
            trained, steps = trained + float(rewards[0]), steps + 1
        in_training = Random.games[0][1]

        returns, lengths = rollout.episodes(vector.make_vec(task, 1), network, theta[None], np.array([seed]))
        in_scoring = Random.games[-1][1]
        total, length, by_loop = plain(task, network, theta, seed)
        assert steps == lengths[0] == length
        same(in_training, in_scoring, actions)
        same(in_scoring, by_loop, actions)
        if kind == "discrete" or actions.dtype.kind == "f":
            assert trained == pytest.approx(returns[0], rel=1e-3, abs=1e-2)
            assert returns[0] == pytest.approx(total, rel=1e-3, abs=1e-2)
            envs.seed(seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)
                theirs, their_lengths = evaluate_policy(model, envs, 1, return_episode_rewards=True)
            assert their_lengths[0] == length
            assert theirs[0] == pytest.approx(total, rel=1e-3, abs=1e-2)
        envs.close()
        tried.append(actions)

    flat = gym.spaces.Box(-2, 2, (3,), np.float32)
    if kind == "continuous":  # rounding ends a saturated output just outside; integers wrap around; bounds overflow
        for actions in (
            gym.spaces.Box(-0.6, 1.7, (1,), np.float32),
            gym.spaces.Box(-100, 100, (2,), np.int8),
            gym.spaces.Box(np.finfo(np.float32).min, np.finfo(np.float32).max, (1,), np.float32),
        ):
            check = example(flat, actions, False, False, 3, None, 300.0)(check)
    else:
        check = example(flat, gym.spaces.Discrete(3, start=2), True, False, 3, 7, 2.0)(check)
    check()
    assert len(tried) >= 3
