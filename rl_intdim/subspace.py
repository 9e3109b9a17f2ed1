"""The subspace theta = theta0 + P theta_d, and the torch optimiser that lives in it.

Li et al. 2018, https://arxiv.org/abs/1804.08838
"""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import numpy as np
import torch

from rl_intdim.config import DIRECT
from rl_intdim.projections import PROJECTIONS, Identity, Projection


class Subspace:
    """theta0 (D,) and P (D, d), both frozen; theta_d (d,) is what is learned, from 0."""

    def __init__(self, theta0: torch.Tensor, projection: Projection) -> None:
        self.theta0 = theta0
        self.projection = projection
        self.D, self.d = theta0.numel(), projection.d

    @classmethod
    def draw(cls, theta0: torch.Tensor, d: int | str, projection: str, rng: np.random.Generator) -> "Subspace":
        """The subspace of d dimensions, or all D of them for `direct`; `rng` draws P."""
        D = theta0.numel()
        return cls(theta0, Identity(D) if d == DIRECT else PROJECTIONS[projection](D, int(d), rng))

    def theta(self, theta_d: torch.Tensor) -> torch.Tensor:
        """theta0 + P theta_d: (..., d) -> (..., D)."""
        return self.theta0 + self.projection.apply(theta_d)

    @property
    def step_scale(self) -> float:
        """sqrt(D / d): a step of this size on each theta_d changes a parameter by 1, root mean square."""
        return sqrt(self.D / max(self.d, 1))


class SubspaceOptimizer(torch.optim.Optimizer):
    """Adam on theta_d for the actor's parameters, plain Adam on the free ones; both in one optimizer.

    It takes the place of the optimizer of a Stable-Baselines3 policy. `parameters` are written to
    theta0 + P theta_d at once and after every step. The learning rate is read from the parameter groups at
    each step, where SB3's schedule writes it; the actor's is that times `scale`.
    """

    def __init__(
        self,
        subspace: Subspace,
        parameters: Iterable[torch.nn.Parameter],
        free: Iterable[torch.nn.Parameter],
        lr: float,
        scale: float,
        **adam: Any,
    ) -> None:
        self.subspace, self.scale = subspace, scale
        self.theta_d = torch.zeros(subspace.d, requires_grad=True)
        rest: list[Any] = list(free)
        super().__init__([{"params": list(parameters)}, {"params": rest}], {"lr": lr})
        groups: list[dict[str, Any]] = [{"params": [self.theta_d]}, {"params": rest}]
        self.inner = torch.optim.Adam(groups, lr=lr, **adam)
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """Put theta0 + P theta_d into the actor's parameters, in place."""
        torch.nn.utils.vector_to_parameters(self.subspace.theta(self.theta_d), self.param_groups[0]["params"])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step of the inner Adam along g_d = P^T g_D."""
        loss = closure() if closure else None
        actor, free = self.param_groups
        g_D = torch.cat(
            [torch.zeros_like(p).flatten() if p.grad is None else p.grad.flatten() for p in actor["params"]]
        )
        self.theta_d.grad = self.subspace.projection.adjoint(g_D)
        self.inner.param_groups[0]["lr"] = actor["lr"] * self.scale
        self.inner.param_groups[1]["lr"] = free["lr"]
        self.inner.step()
        self.write()
        return loss
