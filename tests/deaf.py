"""An environment whose step does not come back: it is deaf to signals, or crashes, as `way` says."""

import os
import signal
from pathlib import Path

import gymnasium as gym
import numpy as np


class Deaf(gym.Env):
    def __init__(self, way: str) -> None:
        self.way = way
        self.observation_space = gym.spaces.Box(-1, 1, (4,), np.float32)
        self.action_space = gym.spaces.Discrete(2)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return np.zeros(4, np.float32), {}

    def step(self, action):
        Path("mark").touch()
        if self.way == "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        return sum(range(10**15)), 0.0, True, False, {}  # in C, without a look at what signals ask


gym.register("test/Deaf-v0", Deaf)
