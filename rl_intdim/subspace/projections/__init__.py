"""Random projections P: (D, d), one file each, all with the same interface.

    P = Type(D, d, rng)          draws P from `rng`, a numpy Generator, and nothing else; 1 <= d <= D
    P.apply(theta_d)             (..., d) -> (..., D)     P theta_d
    P.adjoint(g_D)               (D,) -> (d,)             P^T g_D
    P.to(device, dtype)          moves P, and returns it; P is drawn on the CPU, so it is the same on every device
    Type.memory(D, d)            bytes of P, known before it is drawn
    Type.nested                  are P's columns at d the first d columns at every larger d?

Columns have unit norm, the normalisation of Li et al. 2018 (https://arxiv.org/abs/1804.08838, section 2): exactly
for dense and countsketch, in expectation for sparse and fastfood.
"""

from typing import ClassVar, Protocol, Self

import numpy as np
import psutil
import torch

from rl_intdim.config.import_path import load
from rl_intdim.config.schema import LEARNED_BASES
from rl_intdim.errors import ConfigError, choices
from rl_intdim.subspace.projections.countsketch import CountSketch
from rl_intdim.subspace.projections.dense import Dense
from rl_intdim.subspace.projections.fastfood import Fastfood
from rl_intdim.subspace.projections.identity import Identity
from rl_intdim.subspace.projections.learned import LearnedBasis
from rl_intdim.subspace.projections.sparse import Sparse

SMALL = 64 * 2**20  # largest dense P, in bytes, that `auto` chooses


class Projection(Protocol):
    """The interface of P, described above."""

    d: int
    nested: ClassVar[bool]

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None: ...
    @staticmethod
    def memory(D: int, d: int) -> int: ...
    def apply(self, theta_d: torch.Tensor) -> torch.Tensor: ...
    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor: ...
    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self: ...


PROJECTIONS: dict[str, type[Projection]] = {
    "dense": Dense,
    "sparse": Sparse,
    "fastfood": Fastfood,
    "countsketch": CountSketch,
}


def find(name: str) -> type[Projection]:
    """The projection of this name or import path. Raises ConfigError if there is none."""
    if name in PROJECTIONS:
        return PROJECTIONS[name]
    if "." not in name:
        if name in LEARNED_BASES:
            raise ConfigError(f"subspace.projection={name}: is learned in a trial, not drawn from a seed.")
        raise ConfigError(f"subspace.projection={name}: not known. {choices(name, ['auto', *PROJECTIONS])}")
    found = load(name, "subspace.projection")
    if not (isinstance(found, type) and hasattr(found, "memory")):
        raise ConfigError(
            f"subspace.projection={name}: is no projection; valid: a class such as {Dense.__module__}.Dense."
        )
    return found


def memory(name: str, D: int, d: int) -> int:
    """The bytes of this P. Raises ConfigError if there is no such projection."""
    return LearnedBasis.memory(D, d) if name in LEARNED_BASES else find(resolve(name, D, d)).memory(D, d)


def resolve(name: str, D: int, d: int) -> str:
    """The name, with `auto` replaced by the projection it stands for: dense while that is small, then countsketch.
    Records and solutions store this name."""
    if name != "auto":
        return name
    return "dense" if Dense.memory(D, d) <= SMALL else "countsketch"


def draw(name: str, D: int, d: int, rng: np.random.Generator) -> Projection:
    """Draw P. Raises ConfigError, before anything is allocated, if it does not fit into memory."""
    projection = find(resolve(name, D, d)) if d else Dense  # at d = 0 all projections are the same
    if not 0 <= d <= D:
        raise ConfigError(f"d={d}: must be from 0 to D = {D}.")
    if d:
        check_memory(name, D, d)
    return projection(D, d, rng)


def check_memory(name: str, D: int, d: int, copies: int = 1, free: int | None = None) -> None:
    """Raise ConfigError if `copies` of P do not fit into `free` bytes; None: the memory available on this machine."""
    free = psutil.virtual_memory().available if free is None else free
    need = memory(name, D, d) * copies
    if need > free:
        fits = [other for other, cls in PROJECTIONS.items() if cls.memory(D, d) * copies <= free]
        raise ConfigError(
            f"subspace.projection={name}: P of D = {D:,} by d = {d:,} takes {need / 2**30:,.1f} GiB"
            f"{f' for {copies} trials at a time' if copies > 1 else ''}, and {free / 2**30:,.1f} GiB are available. "
            + (f"These fit: {', '.join(fits)}." if fits else "None fits.")
            + " A smaller d takes less: in a sweep, search.d_max=..."
        )


__all__ = [
    "PROJECTIONS",
    "Identity",
    "LearnedBasis",
    "Projection",
    "check_memory",
    "draw",
    "find",
    "memory",
    "resolve",
]
