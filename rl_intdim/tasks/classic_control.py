"""Whole compiled episodes of Gymnasium's classic control tasks: `env.vector=compiled`."""

from dataclasses import replace
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.envs.classic_control import (
    AcrobotEnv,
    CartPoleEnv,
    Continuous_MountainCarEnv,
    MountainCarEnv,
    PendulumEnv,
)

from rl_intdim.config.schema import Task
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.tasks import compiled, pcg64
from rl_intdim.tasks.border import SEEDS, slot_seeds
from rl_intdim.tasks.environment import make
from rl_intdim.tasks.network import Network

# Gymnasium's class -> the compiled task, and the lower and upper bounds of its uniform initial state.
TASKS: dict[type, tuple[int, Any, Any]] = {
    CartPoleEnv: (compiled.CARTPOLE, [-0.05] * 4, [0.05] * 4),
    AcrobotEnv: (compiled.ACROBOT, [-0.1] * 4, [0.1] * 4),
    MountainCarEnv: (compiled.MOUNTAIN_CAR, [-0.6], [-0.4]),
    Continuous_MountainCarEnv: (compiled.MOUNTAIN_CAR_CONTINUOUS, [-0.6], [-0.4]),
    PendulumEnv: (compiled.PENDULUM, [-np.pi, -1.0], [np.pi, 1.0]),
}


class CompiledEpisodes:
    """n slots of a task, each for one whole episode; the policies run inside the compiled loop.

    No border is needed, since states stay finite and rewards are bounded. Slot by slot, the episodes are those of
    sequential.SequentialEpisodes with the same seeds, to the bit. Raises ConfigError for a task that is not compiled.
    """

    longest: int | None = None  # every episode has a time limit

    def __init__(self, task: Task, n: int) -> None:
        env = make(replace(task, max_episode_steps=None))
        try:
            cls, spec = type(env.unwrapped), env.spec
        finally:
            env.close()
        wrapped = spec is not None and gym.registry[spec.id].additional_wrappers
        if cls not in TASKS or spec is None or spec.kwargs or wrapped or not spec.max_episode_steps:
            names = ", ".join(each.__name__.removesuffix("Env") for each in TASKS)
            raise ConfigError(
                f"env.vector=compiled: {task.id} is not compiled with env.kwargs={task.kwargs}; valid: "
                f"env.vector=slots, or {names} with no keyword but max_episode_steps and no wrapper."
            )
        self.task, *self.bounds = TASKS[cls]
        self.num_envs, self.horizon = n, min(filter(None, (spec.max_episode_steps, task.max_episode_steps)))
        self.mean, self.std = (np.array(x.split(), float) for x in (task.statistics.mean, task.statistics.std))
        self.clip = task.statistics.clip if len(self.mean) else 0.0

    def play(
        self, policy: Network, theta: torch.Tensor, seed: int | np.ndarray, most: int
    ) -> tuple[np.ndarray, np.ndarray]:
        """`rollout.episodes` on these slots."""
        starts, obs = self.reset(seed)
        low, high = (np.float32(0), np.float32(0)) if policy.discrete else (policy.low[0], policy.high[0])
        returns, lengths = np.zeros(self.num_envs), np.zeros(self.num_envs, dtype=np.int64)
        compiled.play(
            self.task,
            self.horizon,
            most,
            policy.laid_out(theta),
            np.array(policy.sizes),
            policy.activation,
            *(starts, obs),
            *(self.mean, self.std, self.clip),
            *(low, high, policy.spec.action == "tanh"),
            2.0,
            *(returns, lengths),
        )
        if np.isnan(returns).any():
            raise TrialFailure("the policy's outputs are NaN: its parameters are too large.")
        return returns, lengths

    def reset(self, seed: int | np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The initial states (n, 4) float64 and observations (n, ...) float32 that env.reset(seed=...) gives, for one
        seed for all slots or an array of one for each."""
        seeds = slot_seeds(seed, self.num_envs)
        low, high = map(np.array, self.bounds)
        drawn = low + (high - low) * pcg64.random((seeds % SEEDS).astype(np.uint32), len(low))
        states = np.zeros((self.num_envs, 4))
        states[:, : len(low)] = drawn
        if self.task == compiled.ACROBOT:
            drawn = drawn.astype(np.float32)
            angles = [f(drawn[:, i]) for i in (0, 1) for f in (np.cos, np.sin)]
            states[:], obs = drawn, np.stack([*angles, drawn[:, 2], drawn[:, 3]], axis=1)
        elif self.task == compiled.PENDULUM:
            obs = np.stack([np.cos(drawn[:, 0]), np.sin(drawn[:, 0]), drawn[:, 1]], axis=1)
        else:
            obs = states[:, : 4 if self.task == compiled.CARTPOLE else 2]
        return states, obs.astype(np.float32)

    def close(self) -> None:
        """Nothing to close; the method belongs to the interface of vector environments."""
