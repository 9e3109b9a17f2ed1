"""Random projections P: (D, d), one file each, all with the same two products.

    apply(theta_d)   (..., d) -> (..., D)     P theta_d
    adjoint(g_D)     (D,) -> (d,)             P^T g_D

Columns have unit norm, the normalisation of Li et al. 2018 (https://arxiv.org/abs/1804.08838, section 2).
"""

from dataclasses import replace
from typing import Protocol

import numpy as np
import torch

from rl_intdim.config import SubspaceConfig
from rl_intdim.projections.dense import Dense
from rl_intdim.projections.identity import Identity


class Projection(Protocol):
    """What a subspace needs of P; `rng` draws it, and only it."""

    d: int

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None: ...
    def apply(self, theta_d: torch.Tensor) -> torch.Tensor: ...
    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor: ...


PROJECTIONS: dict[str, type[Projection]] = {"dense": Dense}


def resolve(subspace: SubspaceConfig) -> SubspaceConfig:
    """The projection that `auto` stands for, so that records and solutions name what was drawn."""
    return replace(subspace, projection="dense") if subspace.projection == "auto" else subspace


__all__ = ["PROJECTIONS", "Dense", "Identity", "Projection", "resolve"]
