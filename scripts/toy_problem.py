"""The toy problem of Li et al. 2018 (section 2): D = 1000 parameters in ten groups of a hundred, each of which must
sum to one. Its intrinsic dimension is 10 exactly: nine dimensions fail, ten succeed.

    python scripts/toy_problem.py

For every projection: the least loss in the subspace at d = 9 and 10, by least squares, and at d = 10 and 12 by an
optimiser that sees nothing but gradients.
"""

import numpy as np
import torch

from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.projections import PROJECTIONS
from rl_intdim.subspace.subspace import Subspace

D, GROUPS = 1000, 10


class Toy(torch.nn.Module):
    """Ten groups of a hundred parameters; the loss is the sum of squares of what each group's sum is off one."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        start = np.random.default_rng(seed).standard_normal((GROUPS, D // GROUPS))
        self.groups = torch.nn.Parameter(torch.from_numpy(start))

    def forward(self) -> torch.Tensor:
        return (self.groups.sum(1) - 1).square().sum()


def least_loss(d: int, projection: str, seed: int = 0) -> float:
    """The least loss over theta_d: the reduced system has ten equations and d unknowns."""
    toy = Toy(seed)
    subspace = Subspace(toy, d, projection, seed)
    sums = torch.eye(GROUPS, dtype=torch.float64).repeat_interleave(D // GROUPS, 1)  # (10, D)
    reduced = torch.stack([subspace.projection.adjoint(row) for row in sums])  # (10, d)
    theta_d = torch.linalg.lstsq(reduced, 1 - sums @ subspace.theta0, driver="gelsd").solution
    toy.groups.data = subspace.theta(theta_d).view(GROUPS, -1)
    return toy().item()


def trained_loss(d: int, projection: str, seed: int = 0, steps: int = 200) -> float:
    """The loss after training by L-BFGS in the subspace."""
    toy = Toy(seed)
    optimizer = SubspaceOptimizer(Subspace(toy, d, projection, seed), torch.optim.LBFGS, lr=1.0, max_iter=steps)

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        loss = toy()
        loss.backward()
        return loss

    optimizer.step(closure)
    return toy().item()


def main() -> None:
    print(f"{'projection':<12} {'least loss, d = 9':>18} {'d = 10':>10} {'trained, d = 10':>17} {'d = 12':>10}")
    for name in PROJECTIONS:
        row = [least_loss(9, name), least_loss(10, name), trained_loss(10, name), trained_loss(12, name)]
        print(f"{name:<12} {row[0]:>18.2e} {row[1]:>10.1e} {row[2]:>17.1e} {row[3]:>10.1e}")


if __name__ == "__main__":
    main()
