"""An environment for the tests of the runner: it kills its process once, hangs once, or waits at a gate."""

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
        if self.way == "gate":  # shut once a trial has finished, until there is the mark
            while Path("run/trials.jsonl").exists() and not self.mark.exists():
                time.sleep(0.05)
        elif self.way == "shut":
            while not self.mark.exists():
                time.sleep(0.05)
        elif self.mark.exists():
            self.mark.unlink()
            if self.way == "hang":
                time.sleep(10_000)
            os.kill(os.getpid(), signal.SIGKILL)
        self.t += 1
        return np.zeros(2, np.float32), 0.0, False, self.t >= 5, {}


gym.register("test/Killer-v0", Killer)
