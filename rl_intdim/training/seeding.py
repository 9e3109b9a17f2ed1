"""Draw from a trial's seed its subspace, and the seeds of training, looks, confirmations and the direct run."""

import random
from dataclasses import dataclass

import numpy as np
import torch

from rl_intdim.subspace.projections import Projection
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network


@dataclass(frozen=True)
class LearnedSubspace:
    """What a direct run gave: theta0 (D,) or P, None if it is drawn all the same; and the env steps and seconds of
    computing that it took."""

    theta0: torch.Tensor | None
    projection: Projection | None
    env_steps: int = 0
    seconds: float = 0.0


def children(seed: int) -> list[np.random.SeedSequence]:
    """The seeds of [theta0, P, training, looks, confirmations, direct run]; the last is for a learned subspace."""
    return np.random.SeedSequence(seed).spawn(6)


def seed_globals(seed: int) -> None:
    """Seed the global generators of Python, numpy and torch, from which an environment may draw: a trial then repeats
    in any process. Stable-Baselines3, which draws from them too, seeds them again."""
    state = int(np.random.SeedSequence(seed, spawn_key=(6,)).generate_state(1)[0])
    random.seed(state)
    np.random.seed(state)  # noqa: NPY002
    torch.manual_seed(state)


def draw_subspace(
    policy: Network, projection: str, d: int | str, seed: int, learned: LearnedSubspace | None = None
) -> tuple[Subspace, list[np.random.SeedSequence]]:
    """The subspace of a seed, the same for every agent, and the seeds of [training, looks, confirmations]. What is
    `learned` of it takes the place of what the seed draws."""
    theta0, P, *rest, _ = children(seed)
    learned = learned or LearnedSubspace(None, None)
    start = policy.theta0(np.random.default_rng(theta0)) if learned.theta0 is None else learned.theta0
    return Subspace(start, d, learned.projection or projection, P), rest
