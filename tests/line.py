"""An environment of a user's own: bring a point on a line to a goal within 20 env steps."""

import gymnasium as gym
import numpy as np


class Line(gym.Env):
    observation_space = gym.spaces.Box(-20, 20, (2,), np.float32)
    action_space = gym.spaces.Box(-1, 1, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.x, self.goal = self.np_random.uniform(-2, 2, 2)
        return self.observation(), {}

    def step(self, action):
        self.x += 0.5 * action[0]
        return self.observation(), -abs(self.x - self.goal), False, False, {}

    def observation(self):
        return np.array([self.x, self.goal], np.float32)


gym.register("Line-v0", Line, max_episode_steps=20)
