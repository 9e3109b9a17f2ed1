"""fastfood: blocks H G Pi H B of Hadamard transforms, random signs B, permutations Pi and Gaussians G.

Le, Sarlos and Smola 2013, https://proceedings.mlr.press/v28/le13.html. Each block is (n, n), with n the smallest
power of two at or above d; ceil(D / n) blocks are stacked. O(D log d) time, O(D) memory.
"""

from math import sqrt
from typing import ClassVar, Self

import numpy as np
import torch


class Fastfood:
    """Stores all blocks together, so that each step is one operation on (blocks, n)."""

    nested: ClassVar = False

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None:
        self.d, self.D = d, D
        self.n = n = 1 << (d - 1).bit_length()
        blocks = -(-D // n)
        self.signs = torch.from_numpy(2 * rng.integers(2, size=(blocks, n), dtype=np.int8) - 1).float()
        self.order = torch.from_numpy(rng.permuted(np.tile(np.arange(n), (blocks, 1)), axis=1))
        # H G Pi H has entries of variance n, and each column has D entries: 1 / sqrt(n D) gives unit norm.
        self.gauss = torch.from_numpy(rng.standard_normal((blocks, n)) / sqrt(n * D)).float()
        self.back = torch.argsort(self.order, dim=1)

    @staticmethod
    def memory(D: int, d: int) -> int:
        n = 1 << (d - 1).bit_length()
        return 24 * -(-D // n) * n

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        batch = theta_d.shape[:-1]
        x = self.signs.new_zeros(*batch, *self.signs.shape)
        x[..., : self.d] = self.signs[:, : self.d] * theta_d[..., None, :]
        x = hadamard(hadamard(x).gather(-1, self.order.expand(x.shape)).mul_(self.gauss))
        return x.reshape(*batch, -1)[..., : self.D]

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        x = self.signs.new_zeros(self.signs.shape)
        x.view(-1)[: self.D] = g_D
        x = hadamard(hadamard(x).mul_(self.gauss).gather(-1, self.back))
        return (x[:, : self.d] * self.signs[:, : self.d]).sum(0)

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        self.signs, self.gauss = self.signs.to(device, dtype), self.gauss.to(device, dtype)
        self.order, self.back = self.order.to(device), self.back.to(device)
        return self


def hadamard(x: torch.Tensor) -> torch.Tensor:
    """The unnormalised Walsh-Hadamard transform of each row, (..., n) with n a power of two; overwrites x."""
    y, h, n = torch.empty_like(x), 1, x.shape[-1]
    while h < n:
        a, b = x.view(-1, 2, h).unbind(1)
        out = y.view(-1, 2, h)
        torch.add(a, b, out=out[:, 0])
        torch.sub(a, b, out=out[:, 1])
        x, y, h = y, x, 2 * h
    return x
