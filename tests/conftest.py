"""Shared by the tests: one torch thread, and a task that can be learned in seconds."""

import signal
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config.schema import Policy, Scoring, Task

torch.set_num_threads(1)
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs ignore it, and so would theirs


class Echo(gym.Env):
    """Reward for the action that the observation shows: the trivial task of every agent's learning test.

    `kind` discrete: 1 if the action is the shown one; continuous: 1 minus the distance to the shown number.
    """

    def __init__(self, kind: str = "discrete", length: int = 10) -> None:
        self.kind, self.length = kind, length
        self.observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
        discrete = kind == "discrete"
        self.action_space = gym.spaces.Discrete(2) if discrete else gym.spaces.Box(-2, 2, (1,), np.float32)

    def _show(self) -> np.ndarray:
        self.x = self.np_random.uniform(-1, 1)
        return np.array([self.x, -self.x], np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._show(), {}

    def step(self, action):
        wanted = int(self.x > 0) if self.kind == "discrete" else self.x
        reward = float(action == wanted) if self.kind == "discrete" else 1 - abs(float(action[0]) - wanted)
        self.t += 1
        if self.kind == "broken":
            reward = np.nan
        return self._show(), reward, False, self.t >= self.length, {}


gym.register("test/Echo-v0", Echo)


def echo(kind: str = "discrete", **changes) -> Task:
    """Echo as a task. A random policy scores about 5 of 10 (discrete), and 9 or more counts as solved."""
    fields = {
        "name": "Echo",
        "id": "test/Echo-v0",
        "threshold": 9.0,
        "budget": 20_000,
        "kwargs": {"kind": kind},
        "policy": Policy(hidden=[8]),
        "scoring": Scoring(look_episodes=5, confirm_episodes=20),
    }
    return Task(**(fields | changes))


@pytest.fixture(name="echo")
def echo_fixture():
    return echo


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty folder of its own."""
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def solved():
    """The path of a solution file of CartPole, d = 4, that was confirmed at 490."""
    return Path(__file__).parent / "CartPole.json"
