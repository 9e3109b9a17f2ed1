"""Whole episodes one after another in one environment, for policies that are quick to compute: `env.vector=slots`."""

import gymnasium as gym
import numpy as np
import torch

from rl_intdim.tasks.border import endless, goal_number, slot_seeds
from rl_intdim.tasks.network import Network


class SequentialEpisodes:
    """n slots, played in turn in one environment of single steps. A multilayer perceptron takes a microsecond or two,
    so batches of observations would save less than they cost: n environments in step with each other evict each
    other's memory from the caches, which made an env step of InvertedPendulum take half as long again.

    `info`: the goal's number, which `reached` (n,) holds as it was at the end of each slot's last episode. `longest`:
    env steps after which an episode counts as endless, or None.
    """

    def __init__(self, env: gym.Env, n: int, info: str | None = None, longest: int | None = None) -> None:
        self.env, self.num_envs, self.info, self.longest = env, n, info, longest
        self.reached = np.zeros(n)

    def play(
        self, policy: Network, theta: torch.Tensor, seed: int | np.ndarray, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """`rollout.episodes` on these slots."""
        n, weights = self.num_envs, policy.laid_out(theta)
        returns, lengths = np.zeros(n), np.zeros(n, dtype=np.int64)
        longest, step = self.longest or np.inf, self.env.step
        for slot, slot_seed in enumerate(slot_seeds(seed, n)):
            if slot % (n // len(weights)) == 0:
                act = policy.actor(weights[slot // (n // len(weights))])
            if most <= 0:
                returns[slot:] = -np.inf
                break
            obs, _ = self.env.reset(seed=int(slot_seed))
            total, steps, over = 0.0, 0, False
            while not over:
                obs, reward, terminated, truncated, info = step(act(obs))
                total, steps, over = total + float(reward), steps + 1, terminated or truncated
                if steps >= longest and not over:
                    raise endless(steps)
                if steps >= most and not over:
                    total = -np.inf
                    break
            returns[slot], lengths[slot] = total, steps
            most -= steps
            if over and self.info is not None:
                self.reached[slot] = goal_number(info, self.info)
        return returns, lengths

    def close(self) -> None:
        self.env.close()
