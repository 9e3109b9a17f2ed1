"""sparse: very sparse random projection, entries +-D^(-1/4) with probability 1/sqrt(D), else 0.

Li, Hastie and Church 2006, https://doi.org/10.1145/1150402.1150436
"""

import warnings
from math import sqrt
from typing import ClassVar, Self

import numpy as np
import torch


class Sparse:
    """Stores P and P^T as compressed sparse rows, so that both products read memory in order."""

    nested: ClassVar = True

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None:
        self.d = d
        density = 1 / sqrt(D)
        places, signs = rng.spawn(2)  # separate streams, so that the first d columns are the same at a larger d
        parts, last = [], -1  # flat positions of the non-zeros, column after column
        while last < D * d:
            # The gaps between successes of a Bernoulli process are geometric.
            parts.append(last + np.cumsum(places.geometric(density, size=2**16)))
            last = int(parts[-1][-1])
        flat = np.concatenate(parts)
        flat = flat[: np.searchsorted(flat, D * d)]
        value = 1 / sqrt(D * density)
        values = torch.from_numpy(np.where(signs.integers(2, size=len(flat), dtype=np.int8), value, -value)).float()
        columns, rows = (torch.from_numpy(part.astype(np.int32)) for part in np.divmod(flat, D))
        order = torch.argsort(rows, stable=True)
        self.down = _csr(columns, rows, values, (d, D))
        self.up = _csr(rows[order], columns[order], values[order], (D, d))

    @staticmethod
    def memory(D: int, d: int) -> int:
        return 2 * (8 * int(d * sqrt(D)) + 4 * (D + d))

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        if theta_d.ndim == 1:
            return self.up @ theta_d
        return (self.up @ theta_d.reshape(-1, self.d).T).T.reshape(*theta_d.shape[:-1], -1)

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        return self.down @ g_D

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        self.up, self.down = self.up.to(device, dtype), self.down.to(device, dtype)
        return self


def _csr(rows: torch.Tensor, columns: torch.Tensor, values: torch.Tensor, shape: tuple[int, int]) -> torch.Tensor:
    """A sparse matrix from entries sorted by row."""
    starts = torch.zeros(shape[0] + 1, dtype=torch.int32)
    starts[1:] = torch.cumsum(torch.bincount(rows, minlength=shape[0]), 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch warns that the layout is in beta
        return torch.sparse_csr_tensor(starts, columns, values, shape)
