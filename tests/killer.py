"""An environment that kills its process once, or hangs once, for the tests of the runner."""

import os
import signal
import time
from pathlib import Path

import gymnasium as gym
import numpy as np


class Killer(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, mark: str, way: str = "die") -> None:
        self.mark, self.way = Path(mark), way

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self.observation_space.sample() * 0, {}

    def step(self, action):
        if self.mark.exists():
            self.mark.unlink()
            if self.way == "hang":
                time.sleep(10_000)
            os.kill(os.getpid(), signal.SIGKILL)
        self.t += 1
        return np.zeros(2, np.float32), 0.0, False, self.t >= 5, {}


gym.register("test/Killer-v0", Killer)
