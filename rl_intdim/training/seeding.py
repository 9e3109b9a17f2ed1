"""Draw from a trial's seed its subspace, and the seeds of training, looks and confirmations."""

import numpy as np

from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network


def draw_subspace(
    policy: Network, projection: str, d: int | str, seed: int
) -> tuple[Subspace, list[np.random.SeedSequence]]:
    """The subspace of a seed, the same for every agent, and the seeds of [training, looks, confirmations]."""
    theta0, P, *rest = np.random.SeedSequence(seed).spawn(5)
    start = policy.theta0(np.random.default_rng(theta0))
    return Subspace(start, d, projection, P), rest
