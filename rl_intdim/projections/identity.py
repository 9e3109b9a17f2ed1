"""identity: d = D and P = I, so that direct training takes the same path as training in a subspace."""

import numpy as np
import torch


class Identity:
    """theta_d is theta - theta0 itself."""

    def __init__(self, D: int, d: int | None = None, rng: np.random.Generator | None = None) -> None:
        self.d = D

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        return theta_d

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        return g_D
