"""trajectory, gradients: leading principal directions of a direct run's snapshots, orthonormal; learned, not drawn.

trajectory: of its parameters, about theta0. Larsen, Fort, Becker and Ganguli 2022, https://arxiv.org/abs/2107.05802,
section 4 ("lottery subspaces").
gradients: of the gradients of its actor. Schneider et al. 2024, https://arxiv.org/abs/2401.06604, find that policy
gradients stay in a small subspace. Theirs is spanned by eigenvectors of the Hessian, which take a product with the
Hessian for every direction; this one by the gradients themselves, which training computes anyway.
"""

import torch

from rl_intdim.errors import TrialFailure
from rl_intdim.subspace.projections.dense import Dense

SMALLEST = 1e-6  # a direction whose singular value is below this part of the largest is rounding


class LearnedBasis(Dense):
    """Stores P transposed, (d, D), as Dense does."""

    def __init__(self, columns: torch.Tensor) -> None:
        self.d, self.columns = len(columns), columns


def principal_directions(snapshots: torch.Tensor, d: int) -> torch.Tensor:
    """The d directions, (d, D) orthonormal float32, along which the snapshots (n, D) are longest, in the root mean
    square. Snapshots are not centred: of points less theta0 these directions give the affine subspace through theta0
    that fits the points best.

    Raises TrialFailure if the snapshots span fewer.
    """
    _, sizes, rows = torch.linalg.svd(snapshots.double(), full_matrices=False)
    spanned = int((sizes > SMALLEST * sizes[:1]).sum())
    if d > spanned:
        raise TrialFailure(
            f"the {len(snapshots)} snapshots of the direct run span {spanned} directions, and d is {d}; a larger "
            "subspace.direct_steps has more, or a smaller d."
        )
    return rows[:d].float()
