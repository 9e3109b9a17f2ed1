"""dense: independent Gaussian columns, scaled to unit norm.

Li et al. 2018, https://arxiv.org/abs/1804.08838
"""

from math import sqrt
from typing import ClassVar, Self

import numpy as np
import torch


class Dense:
    """Stores P transposed, (d, D), so that one matrix product decodes a population of theta_d."""

    nested: ClassVar = True

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None:
        self.d = d
        columns = np.empty((d, D), dtype=np.float32)
        for column in columns:
            g = rng.standard_normal(D)
            # cumsum adds from left to right, so the norm has the same last bit on every machine.
            column[:] = g / sqrt(np.cumsum(g * g)[-1])
        self.columns = torch.from_numpy(columns)

    @staticmethod
    def memory(D: int, d: int) -> int:
        return 4 * D * d

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        return theta_d @ self.columns

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        return self.columns @ g_D

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        self.columns = self.columns.to(device, dtype)
        return self
