"""Environments from a task, and episodes of the deterministic policy in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from gymnasium.vector.utils import batch_space

from rl_intdim.config import Statistics, Task
from rl_intdim.errors import ConfigError, TrialFailure, choices
from rl_intdim.imports import load
from rl_intdim.policy import Network


def make(task: Task, render_mode: str | None = None) -> gym.Env:
    """One environment of the task, wrapped. Raises ConfigError for an id, kwargs or wrapper that fails."""
    wrappers = [load(path, "env.wrappers") for path in task.wrappers]
    with _explained(task):
        env: gym.Env
        if task.vector == "atari":
            from rl_intdim.atari import Game

            env = Game(task, render_mode)
        else:
            env = gym.make(task.id, **task.kwargs | ({"render_mode": render_mode} if render_mode else {}))
    for path, wrapper in zip(task.wrappers, wrappers, strict=True):
        try:
            env = wrapper(env)
            if not isinstance(env, gym.Env):
                raise TypeError(f"gives {type(env).__name__}, which is no environment")
        except Exception as error:  # a user's wrapper may raise anything
            raise ConfigError(f"env.wrappers={path}: {type(error).__name__}: {error}") from None
    return standardised(env, task.statistics) if task.statistics.mean else env


def standardised(env: gym.Env, statistics: Statistics) -> gym.Env:
    """The environment with the observations that the policy sees. Raises ConfigError where they are not as many."""
    mean, std = (np.array(words.split(), float) for words in (statistics.mean, statistics.std))
    clip = statistics.clip
    if env.observation_space.shape != mean.shape:
        raise ConfigError(
            f"env.statistics.mean: {len(mean)} numbers, and the observations are {env.observation_space}; "
            "valid: a number for each."
        )
    space = gym.spaces.Box(-clip, clip, mean.shape, np.float64)
    return gym.wrappers.TransformObservation(env, lambda x: np.clip((x - mean) / std, -clip, clip), space)


@contextmanager
def _explained(task: Task) -> Iterator[None]:
    """What an environment raises while it is made, as a ConfigError."""
    try:
        yield
    except gym.error.NameNotFound:
        raise ConfigError(f"env.id={task.id}: not registered with Gymnasium. {_near_ids(task.id)}") from None
    except (gym.error.Error, TypeError, ValueError, ModuleNotFoundError) as error:
        raise ConfigError(f"env.id={task.id}, env.kwargs={task.kwargs}: {error}") from None
    except Exception as error:  # an environment may raise anything
        raise ConfigError(
            f"env.id={task.id}, env.kwargs={task.kwargs}: {type(error).__name__}: {str(error)[:200]}"
        ) from None


def _near_ids(value: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(value, gym.registry, n=5, cutoff=0.5)
    return f"Nearest: {', '.join(near)}." if near else "`gymnasium.pprint_registry()` lists what is."


def policy(task: Task) -> Network:
    """The policy network of the task. Raises ConfigError where its spaces fit none."""
    env = make(task)
    try:
        return Network(task.policy, env.observation_space, env.action_space)
    finally:
        env.close()


class Slots(gym.vector.VectorEnv):
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
    """n environments for `episodes`: Gymnasium's or ALE's vector entry point where the task names it, else Slots."""
    if task.vector == "slots":
        return Slots([make(task) for _ in range(n)], task.goal.info)
    if task.vector == "atari":
        from rl_intdim import atari

        with _explained(task):
            return atari.make_vec(task, n)
    try:
        return gym.make_vec(task.id, n, vectorization_mode="vector_entry_point")
    except (gym.error.Error, TypeError, AttributeError) as error:
        raise ConfigError(
            f"env.vector=native: {task.id} has no vector entry point that fits ({error}); valid: slots."
        ) from None


@torch.inference_mode()
def episodes(
    envs: gym.vector.VectorEnv, policy: Network, theta: torch.Tensor, seed: int | np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Play one whole episode in every slot with the deterministic policies theta (N, D).

    The slots are shared out in order: n / N episodes to each policy. Returns the undiscounted returns and
    the lengths in env steps, both (n,). A finished slot waits: whole episodes only, since the first to
    finish are the short ones. Whenever half of the policies still computed have finished, they are dropped.
    Raises TrialFailure if a reward is not finite.
    """
    n, N = envs.num_envs, theta.shape[0]
    layers = policy.layers(theta)
    obs, _ = envs.reset(seed=seed)  # type: ignore[arg-type]  # an array: Slots only
    returns, lengths, live = np.zeros(n), np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    playing = np.arange(N)  # the policies still computed, those of `layers`
    outputs: Any = None
    while live.any():
        x = torch.as_tensor(obs, device=theta.device).view(N, n // N, *obs.shape[1:])
        if len(playing) == N:
            outputs = policy.outputs(layers, x).cpu().numpy()
        else:
            outputs[playing] = policy.outputs(layers, x[playing]).cpu().numpy()
        obs, rewards, terminated, truncated, _ = envs.step(policy.actions(outputs.reshape(n, -1)))
        returns[live] += rewards[live]
        lengths += live
        live &= ~(terminated | truncated)
        still = torch.from_numpy(live.reshape(N, -1)[playing].any(1))
        if 2 * still.sum() <= len(playing):
            playing, layers = playing[still.numpy()], [(w[still], b[still]) for w, b in layers]
    if not np.isfinite(returns).all():
        raise TrialFailure("the environment returned rewards that are not finite.")
    return returns, lengths


def score_episodes(
    envs: gym.vector.VectorEnv, policy: Network, theta: torch.Tensor, n: int, rng: np.random.Generator
) -> tuple[np.ndarray, float | None, int]:
    """Play n whole episodes of the policy theta (D,), as many in every slot, with seeds from rng.

    Returns the undiscounted returns (n,), the mean of what the task's goal names (None without one), and the env
    steps. Raises TrialFailure as `episodes` does.
    """
    returns, reached, steps = [], [], 0
    for _ in range(n // envs.num_envs):
        played, lengths = episodes(envs, policy, theta[None], int(rng.integers(2**31)))
        returns.append(played)
        if isinstance(envs, Slots) and envs.info is not None:
            reached.append(envs.reached.copy())
        steps += int(lengths.sum())
    return np.concatenate(returns), float(np.mean(reached)) if reached else None, steps
