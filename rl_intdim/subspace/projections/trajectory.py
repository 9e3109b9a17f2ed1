"""trajectory: the leading principal directions of a direct run's trajectory, orthonormal; learned, not drawn.

Larsen, Fort, Becker and Ganguli 2022, https://arxiv.org/abs/2107.05802, section 4 ("lottery subspaces").
"""

import torch

from rl_intdim.errors import TrialFailure
from rl_intdim.subspace.projections.dense import Dense

SMALLEST = 1e-6  # a direction whose singular value is below this part of the largest is rounding


class Trajectory(Dense):
    """Stores P transposed, (d, D), as Dense does."""

    def __init__(self, columns: torch.Tensor) -> None:
        self.d, self.columns = len(columns), columns


def principal_directions(points: torch.Tensor, origin: torch.Tensor, d: int) -> torch.Tensor:
    """The d directions, (d, D) orthonormal float32, in which the points (n, D) lie farthest from the origin (D,), in
    the root mean square: an affine subspace through theta0 fits the trajectory best with these.

    Raises TrialFailure if the points span fewer.
    """
    away = (points - origin).double()
    _, sizes, rows = torch.linalg.svd(away, full_matrices=False)
    spanned = int((sizes > SMALLEST * sizes[:1]).sum())
    if d > spanned:
        raise TrialFailure(
            f"the {len(points)} points of the direct run span {spanned} directions, and d is {d}; a larger "
            "subspace.direct_steps has more, or a smaller d."
        )
    return rows[:d].float()
