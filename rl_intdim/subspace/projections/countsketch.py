"""countsketch: one signed non-zero per row, so P theta_d copies coordinates with signs. The fastest; O(D) memory.

Charikar, Chen and Farach-Colton 2002, https://doi.org/10.1016/S0304-3975(03)00400-6; for fine-tuning: Uni-LoRA 2025,
https://arxiv.org/abs/2506.00799.

Balanced, not hashed: rows come in blocks of d, and each block maps its rows one to one onto the columns, rolled by a
random shift: row b d + i has its non-zero in column (i + shift_b) mod d, with a random sign. Two rows of different
blocks share a column with probability 1/d, as with a pairwise independent hash; two rows of one block never do. Each
column has floor or ceil of D/d rows, with the value 1/sqrt(rows), so the columns are orthonormal for every d up to D.
Rolls read and write memory in order in both products, unlike a random look-up per row.
"""

from typing import ClassVar, Self

import numpy as np
import torch

CHUNK = 2**17  # elements that the adjoint processes at a time, to stay in the second-level cache


class CountSketch:
    """Stores shifts (blocks,) and signed values (blocks, d); the last block is cut off at D."""

    nested: ClassVar = False

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None:
        self.d, self.D = d, D
        blocks = -(-D // d)
        shifts = rng.integers(d, size=blocks)
        signs = rng.integers(2, size=(blocks, d), dtype=np.int8)
        rows = np.full(d, D // d)  # of each column
        rows[(np.arange(D % d) + shifts[-1]) % d] += 1
        self.shifts = torch.from_numpy(shifts)
        # Where the adjoint starts to read block b, in a chunk whose rows are each repeated twice in a line.
        self.step = max(1, CHUNK // d)
        self.back = torch.from_numpy(2 * d * (np.arange(blocks) % self.step) + (d - shifts) % d)
        self.values = _rolled(torch.from_numpy(1 / np.sqrt(rows))[None], self.shifts)[0].float()
        self.values *= torch.from_numpy(2 * signs - 1)
        self.values.view(-1)[D:] = 0

    @staticmethod
    def memory(D: int, d: int) -> int:
        return 4 * (D + d) + 16 * (D // d + 1)

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        batch = theta_d.shape[:-1]
        rolled = _rolled(theta_d.reshape(-1, self.d), self.shifts)
        return rolled.mul_(self.values).reshape(*batch, -1)[..., : self.D]

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        total = self.values.new_zeros(self.d)
        for start in range(0, len(self.back), self.step):
            values, back = (part[start : start + self.step] for part in (self.values, self.back))
            g = g_D[start * self.d : (start + len(back)) * self.d]
            if g.numel() < values.numel():  # the last block
                g = torch.cat([g, g.new_zeros(values.numel() - g.numel())])
            # The window of d elements that starts at d - shift is the row rolled back.
            twice = torch.mul(g.view(-1, 1, self.d), values[:, None].expand(-1, 2, -1))
            total += _windows(twice, back, self.d).sum(0)
        return total

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        self.shifts, self.back = self.shifts.to(device), self.back.to(device)
        self.values = self.values.to(device, dtype)
        return self


def _rolled(x: torch.Tensor, shifts: torch.Tensor) -> torch.Tensor:
    """Each row of x (N, d) rolled by each shift: (N, shifts, d), where [n, b, i] is x[n, (i + shift_b) mod d]."""
    N, d = x.shape
    lines = 2 * d * torch.arange(N, device=x.device)
    return _windows(torch.cat([x, x], 1), (lines[:, None] + shifts).flatten(), d).view(N, -1, d)


def _windows(x: torch.Tensor, starts: torch.Tensor, d: int) -> torch.Tensor:
    """The d elements of x after each start: (starts, d). index_select copies whole rows, so the order is cheap."""
    return x.view(-1).as_strided((x.numel() - d + 1, d), (1, 1)).index_select(0, starts)
