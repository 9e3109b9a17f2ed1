"""identity: d = D and P = I, so that direct training takes the same path as training in a subspace."""

from typing import ClassVar, Self

import numpy as np
import torch


class Identity:
    """theta_d is theta - theta0 itself."""

    nested: ClassVar = False

    def __init__(self, D: int, d: int | None = None, rng: np.random.Generator | None = None) -> None:
        self.d = D

    @staticmethod
    def memory(D: int, d: int) -> int:
        return 0

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        return theta_d

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        return g_D

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        return self
