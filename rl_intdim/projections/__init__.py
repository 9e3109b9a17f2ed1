"""Random projections P: (D, d), one file each, all with the same two products.

    apply(theta_d)   (..., d) -> (..., D)     P theta_d
    adjoint(g_D)     (D,) -> (d,)             P^T g_D

Columns have unit norm, the normalisation of Li et al. 2018 (https://arxiv.org/abs/1804.08838, section 2).
"""

from typing import Protocol

import numpy as np
import torch

from rl_intdim.projections.dense import Dense
from rl_intdim.projections.identity import Identity


class Projection(Protocol):
    """What a subspace needs of P; `rng` draws it, and only it."""

    d: int

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None: ...
    def apply(self, theta_d: torch.Tensor) -> torch.Tensor: ...
    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor: ...


PROJECTIONS: dict[str, type[Projection]] = {"dense": Dense}


def resolve(name: str) -> str:
    """The projection that `auto` stands for; any other name as it is."""
    return "dense" if name == "auto" else name


__all__ = ["PROJECTIONS", "Dense", "Identity", "Projection", "resolve"]
