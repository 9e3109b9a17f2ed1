"""Vector environments for scoring and evolution, which play one whole episode per slot."""

from importlib import import_module
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector.utils import batch_space

from rl_intdim.config.schema import Task
from rl_intdim.errors import ConfigError
from rl_intdim.tasks.border import VectorBorder, goal_number, slot_seeds
from rl_intdim.tasks.classic_control import CompiledEpisodes
from rl_intdim.tasks.environment import explained, make, unlimited
from rl_intdim.tasks.sequential import SequentialEpisodes

# A trial fails at an episode of this many env steps, if it has no known limit: the budget, within these bounds.
LONG, LONGEST = 10_000, 100_000


class SingleEpisodeVectorEnv(gym.vector.VectorEnv):
    """A vector of single environments, each for one episode; a finished slot is not stepped again.

    Gymnasium's SyncVectorEnv steps or resets finished environments, which in MuJoCo is most of the work.
    """

    def __init__(self, envs: list[gym.Env], info: str | None = None, longest: int | None = None) -> None:
        self.longest = longest
        self.envs, self.num_envs, self.info = envs, len(envs), info
        self.reached = np.zeros(self.num_envs)  # the number that `info` names, at the end of each slot's episode
        self.single_observation_space = envs[0].observation_space
        self.single_action_space = envs[0].action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.live = np.zeros(self.num_envs, dtype=bool)

    def reset(self, *, seed: Any = None, options: dict | None = None) -> tuple[np.ndarray, dict]:
        """`seed`: one from which all slots draw theirs, or an array of one per slot."""
        seeds = slot_seeds(seed, self.num_envs)
        self.obs = np.stack([env.reset(seed=int(s))[0] for env, s in zip(self.envs, seeds, strict=True)])
        self.live[:] = True
        return self.obs.copy(), {}

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        rewards = np.zeros(self.num_envs)
        terminated, truncated = np.zeros((2, self.num_envs), dtype=bool)
        for i in np.flatnonzero(self.live):
            self.obs[i], rewards[i], terminated[i], truncated[i], info = self.envs[i].step(actions[i])
            if self.info is not None and (terminated[i] or truncated[i]):
                self.reached[i] = goal_number(info, self.info)
        self.live &= ~(terminated | truncated)
        return self.obs.copy(), rewards, terminated, truncated, {}

    def close_extras(self, **kwargs: Any) -> None:
        for env in self.envs:
            env.close()


# Each has `longest`, and checks what crosses the border.
Vector = SequentialEpisodes | SingleEpisodeVectorEnv | VectorBorder | CompiledEpisodes


def sequential(task: Task) -> bool:
    """Are the episodes of a population played policy by policy, not as one batch?"""
    return task.vectorisation.compiled or (task.vectorisation.single and not task.policy.conv)


def make_vec(task: Task, n: int) -> Vector:
    """n slots for whole episodes, as `env.vector` selects: compiled episodes, Gymnasium's or ALE's vector entry
    point, or single environments; one of these for all slots, unless the policy's convolutions want batches."""
    if task.vectorisation.compiled:
        return CompiledEpisodes(task, n)
    if task.vectorisation.single:
        first = make(task)
        longest = min(max(task.budget, LONG), LONGEST) if unlimited(task, first) else None
        if sequential(task):
            return SequentialEpisodes(first, n, task.goal.info, longest)
        return SingleEpisodeVectorEnv([first, *(make(task) for _ in range(n - 1))], task.goal.info, longest)
    if task.vectorisation.ale:
        from rl_intdim.tasks import atari

        with explained(task):
            return VectorBorder(atari.make_vec(task, n), task.vectorisation.seed_per_slot)
    with explained(task):
        try:
            module, _, name = task.id.rpartition(":")
            if module:
                import_module(module)
            spec = gym.spec(name)
            limits = [steps for steps in (spec.max_episode_steps, task.max_episode_steps) if steps]
            if spec.vector_entry_point and not limits:
                raise ConfigError(f"env.vector=native: {task.id} has no time limit; give env.max_episode_steps=1000.")
            limit: dict[str, Any] = {"max_episode_steps": min(limits)} if limits else {}
            vec = gym.make_vec(task.id, n, vectorization_mode="vector_entry_point", **limit)
        except (gym.error.Error, TypeError, AttributeError) as error:
            raise ConfigError(
                f"env.vector=native: {task.id} has no vector entry point that fits ({error}); valid: slots."
            ) from None
    return VectorBorder(vec, task.vectorisation.seed_per_slot, min(limits, default=None))
