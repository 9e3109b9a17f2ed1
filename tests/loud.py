"""An environment that prints and warns: on import, when it is made, and at every step."""

import os
import signal
import sys
import warnings

import gymnasium as gym
import numpy as np

print("loud is imported")


class Loud(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)
    action_space = gym.spaces.Discrete(2)

    def __init__(self, dies: bool = False) -> None:
        self.dies = dies
        warnings.warn("an old asset", stacklevel=1)
        print("[made] in \x1b[31mred\x1b[0m")

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return np.zeros(2, np.float32), {}

    def step(self, action):
        self.t += 1
        if self.dies:
            print("licence expired")
            os.kill(os.getpid(), signal.SIGKILL)
        print(f"reward {self.np_random.random()}")
        print("no newline\r", end="", file=sys.stderr)
        warnings.warn(f"gap of {self.np_random.random()} closed", RuntimeWarning, stacklevel=1)
        return np.zeros(2, np.float32), 0.0, False, self.t >= 3, {}


gym.register("test/Loud-v0", Loud, max_episode_steps=5)
