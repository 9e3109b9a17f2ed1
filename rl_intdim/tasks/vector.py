"""Environments side by side, a whole episode in each."""

from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from rl_intdim.config.schema import Task
from rl_intdim.errors import ConfigError, choices
from rl_intdim.tasks.environment import explained, make


class SingleEpisodeVectorEnv(gym.vector.VectorEnv):
    """Single environments side by side, each for one episode: a slot that has finished is left alone.

    Gymnasium's SyncVectorEnv steps or resets finished environments; in MuJoCo that is most of the work.
    """

    def __init__(self, envs: list[gym.Env], info: str | None = None) -> None:
        self.envs, self.num_envs, self.info = envs, len(envs), info
        self.reached = np.zeros(self.num_envs)  # what `info` names, at the end of each slot's episode
        self.single_observation_space = envs[0].observation_space
        self.single_action_space = envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.live = np.zeros(self.num_envs, dtype=bool)

    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """`seed`: one for all, or an array of one for each slot."""
        seeds = seed if np.ndim(seed) else np.random.SeedSequence(seed).generate_state(self.num_envs)
        self.obs = np.stack([env.reset(seed=int(s))[0] for env, s in zip(self.envs, seeds, strict=True)])
        self.live[:] = True
        return self.obs.copy(), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        for i in np.flatnonzero(self.live):
            self.obs[i], rewards[i], terminated[i], truncated[i], said = self.envs[i].step(actions[i])
            if self.info is not None and (terminated[i] or truncated[i]):
                self.reached[i] = self._read(said)
        self.live &= ~(terminated | truncated)
        return self.obs.copy(), rewards, terminated, truncated, {}

    def _read(self, said: dict[str, Any]) -> float:
        numbers = {key: float(value) for key, value in said.items() if isinstance(value, int | float | np.number)}
        if self.info not in numbers:
            raise ConfigError(f"env.goal.info={self.info}: no number of that name. {choices(self.info, numbers)}")
        return numbers[self.info]

    def close_extras(self, **kwargs: Any) -> None:
        for env in self.envs:
            env.close()


def make_vec(task: Task, n: int) -> gym.vector.VectorEnv:
    """n environments for whole episodes: Gymnasium's or ALE's vector entry point where the task names it, else single
    ones side by side."""
    if task.vector == "slots":
        return SingleEpisodeVectorEnv([make(task) for _ in range(n)], task.goal.info)
    if task.vector == "atari":
        from rl_intdim.tasks import atari

        with explained(task):
            return atari.make_vec(task, n)
    try:
        return gym.make_vec(task.id, n, vectorization_mode="vector_entry_point")
    except (gym.error.Error, TypeError, AttributeError) as error:
        raise ConfigError(
            f"env.vector=native: {task.id} has no vector entry point that fits ({error}); valid: slots."
        ) from None
