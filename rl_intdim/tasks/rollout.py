"""Play whole episodes of the deterministic policy."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rl_intdim.tasks.border import VectorBorder, endless
from rl_intdim.tasks.classic_control import CompiledEpisodes
from rl_intdim.tasks.network import Network
from rl_intdim.tasks.sequential import SequentialEpisodes
from rl_intdim.tasks.vector import SingleEpisodeVectorEnv, Vector


@torch.inference_mode()
def episodes(
    envs: Vector, policy: Network, theta: torch.Tensor, seed: int | np.ndarray, most: int = sys.maxsize
) -> tuple[np.ndarray, np.ndarray]:
    """Play one whole episode in every slot with the deterministic policies theta (N, D), or until another env step
    could exceed `most` env steps in all; the return of an episode that has not ended by then is -inf.

    Each policy plays n / N episodes, in consecutive slots. Returns the undiscounted returns and the lengths in
    env steps, both (n,). Where slots are played side by side, a finished one waits for the others, since the first
    episodes to finish are the short ones, and starting new ones would favour them. Once half of the policies still
    computed have finished, they are dropped.
    Raises TrialFailure for an environment that the border refuses, NaN outputs, and an endless episode.
    """
    if isinstance(envs, CompiledEpisodes | SequentialEpisodes):
        return envs.play(policy, theta, seed, most)
    n, N = envs.num_envs, theta.shape[0]
    layers = policy.layers(theta)
    obs, _ = envs.reset(seed=seed)
    returns, lengths, live = np.zeros(n), np.zeros(n, dtype=np.int64), np.ones(n, dtype=bool)
    playing = np.arange(N)  # the policies still computed, those of `layers`
    outputs: Any = None
    steps = 0
    while live.any():
        if lengths.sum() + live.sum() > most:
            returns[live] = -np.inf
            break
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
        steps += 1
        if envs.longest is not None and steps >= envs.longest and live.any():
            raise endless(steps, limited=isinstance(envs, VectorBorder))
    return returns, lengths


def score_episodes(
    envs: Vector,
    policy: Network,
    theta: torch.Tensor,
    n: int,
    rng: np.random.Generator,
    enough: Callable[[np.ndarray], bool] = lambda returns: False,
) -> tuple[np.ndarray, float | None, int]:
    """Play n whole episodes of the policy theta (D,), the same number in every slot, with seeds from rng; fewer if
    `enough` says so, which is asked whenever every slot has played one, with the returns so far.

    Returns the undiscounted returns of those played, the mean of the goal's number (None without a goal), and the env
    steps. Raises TrialFailure as `episodes` does.
    """
    returns, reached, steps = [], [], 0
    for seed in [int(rng.integers(2**31)) for _ in range(n // envs.num_envs)]:  # drawn whether or not they are played
        played, lengths = episodes(envs, policy, theta[None], seed)
        returns.append(played)
        if isinstance(envs, SequentialEpisodes | SingleEpisodeVectorEnv) and envs.info is not None:
            reached.append(envs.reached.copy())
        steps += int(lengths.sum())
        if enough(np.concatenate(returns)):
            break
    return np.concatenate(returns), float(np.mean(reached)) if reached else None, steps
