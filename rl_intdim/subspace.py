"""The subspace theta = theta0 + P theta_d, and the torch optimiser that lives in it.

Li et al. 2018, https://arxiv.org/abs/1804.08838. Any torch module and any torch optimiser:

    subspace = Subspace(module, d=25, projection="sparse", seed=0)
    optimizer = SubspaceOptimizer(subspace, torch.optim.Adam, lr=0.01)
    loss.backward(); optimizer.step()
"""

from collections.abc import Callable, Iterable
from math import sqrt
from typing import Any

import numpy as np
import torch

from rl_intdim.config import DIRECT
from rl_intdim.errors import TrialFailure
from rl_intdim.projections import Identity, Projection, draw


class Subspace:
    """theta0 (D,) and P (D, d), both frozen; theta_d (d,) is what is learned, from 0.

    `origin` is a module, its parameters, or theta0 itself as a flat tensor; P takes its device and type.
    `seed` alone decides P, on every machine. Raises ConfigError if d is above D or P does not fit into memory.
    """

    def __init__(
        self,
        origin: torch.nn.Module | Iterable[torch.nn.Parameter] | torch.Tensor,
        d: int | str,
        projection: str = "auto",
        seed: int | np.random.SeedSequence = 0,
    ) -> None:
        if isinstance(origin, torch.Tensor):
            self.parameters: list[torch.nn.Parameter] = []
            self.theta0 = origin.detach()
        else:
            self.parameters = list(origin.parameters() if isinstance(origin, torch.nn.Module) else origin)
            self.theta0 = flat(self.parameters).detach().clone()
        self.D = self.theta0.numel()
        rng = np.random.default_rng(seed)
        P = Identity(self.D) if d == DIRECT else draw(projection, self.D, int(d), rng)
        self.projection: Projection = P.to(self.theta0.device, self.theta0.dtype)
        self.d = self.projection.d

    def to(self, device: torch.device) -> None:
        """Move theta0 and P."""
        self.theta0 = self.theta0.to(device)
        self.projection = self.projection.to(device, self.theta0.dtype)

    @torch.no_grad()
    def theta(self, theta_d: torch.Tensor) -> torch.Tensor:
        """theta0 + P theta_d: (..., d) -> (..., D)."""
        return self.theta0 + self.projection.apply(theta_d)

    @property
    def step_scale(self) -> float:
        """sqrt(D / d): a step of this size on each theta_d changes a parameter by 1, root mean square."""
        return sqrt(self.D / max(self.d, 1))


class SubspaceOptimizer(torch.optim.Optimizer):
    """A torch optimiser on theta_d, and beside it on parameters that are free of the subspace.

    It holds the subspace's parameters at theta0 + P theta_d, from the start and after every step, in place.
    Group 0 is the subspace (its `params` are the parameters that it holds, so zero_grad and gradient clipping
    work on them); group 1 the free parameters. Learning-rate schedules, and Stable-Baselines3, write to the
    groups; the subspace's learning rate is multiplied by the group's `scale`, which they leave alone.
    """

    def __init__(
        self,
        subspace: Subspace,
        optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
        parameters: Iterable[torch.nn.Parameter] | None = None,
        free: Iterable[torch.nn.Parameter] = (),
        scale: float = 1.0,
        **settings: Any,
    ) -> None:
        """`parameters`: the D parameters to hold, by default the subspace's own; `settings`: of `optimizer`."""
        self.subspace = subspace
        self.theta_d = subspace.theta0.new_zeros(subspace.d).requires_grad_()
        held = subspace.parameters if parameters is None else list(parameters)
        outer: list[dict[str, Any]] = [{"params": held, "scale": scale}]
        inner: list[dict[str, Any]] = [{"params": [self.theta_d]}]
        if rest := list(free):
            outer.append({"params": rest, "scale": 1.0})
            inner.append({"params": rest})
        self.inner = optimizer(inner, **settings)
        super().__init__(outer, self.inner.defaults)
        self.sizes = [p.numel() for p in held]
        if sum(self.sizes) != subspace.D:
            raise ValueError(f"the parameters to hold are {sum(self.sizes)}, and the subspace has D = {subspace.D}.")
        self.write()

    @torch.no_grad()
    def write(self) -> None:
        """Put theta0 + P theta_d into the parameters, in place."""
        self.written = self.subspace.theta(self.theta_d).split(self.sizes)
        for parameter, part in zip(self.param_groups[0]["params"], self.written, strict=True):
            parameter.copy_(part.view(parameter.shape))

    @torch.no_grad()
    def _check(self) -> None:
        """What else wrote to the parameters would be undone by the next `write`, and nobody would know."""
        for parameter, part in zip(self.param_groups[0]["params"], self.written, strict=True):
            if not torch.equal(parameter, part.view(parameter.shape)):
                raise TrialFailure(
                    "something else than the optimizer's step changed the parameters in the subspace: an algorithm "
                    "that writes them itself, as TRPO does, cannot be held in one."
                )

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """One step of the inner optimiser along g_d = P^T g_D. Raises TrialFailure if the parameters have moved."""
        self._check()
        for outer, inner in zip(self.param_groups, self.inner.param_groups, strict=True):
            inner.update({key: value for key, value in outer.items() if key not in ("params", "scale")})
            inner["lr"] = outer["lr"] * outer["scale"]
        if closure is None:
            self._pull_back()
            loss = self.inner.step()
        else:
            loss = self.inner.step(self._inside(closure))
        self.write()
        return loss

    def _pull_back(self) -> None:
        g_D = flat([torch.zeros_like(p) if p.grad is None else p.grad for p in self.param_groups[0]["params"]])
        self.theta_d.grad = self.subspace.projection.adjoint(g_D)

    def _inside(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure as an inner optimiser sees it, which may move theta_d before it calls (L-BFGS does)."""

        def evaluate() -> Any:
            self.write()
            with torch.enable_grad():
                loss = closure()
            self._pull_back()
            return loss

        return evaluate

    def state_dict(self) -> dict[str, Any]:
        """theta_d, the state of the inner optimiser, and the settings of the groups; not P, which is its seed."""
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]
        return {"theta_d": self.theta_d.detach().clone(), "inner": self.inner.state_dict(), "groups": groups}

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up a saved state, and write its parameters."""
        self.theta_d.copy_(state_dict["theta_d"])
        self.inner.load_state_dict(state_dict["inner"])
        for group, saved in zip(self.param_groups, state_dict["groups"], strict=True):
            group.update(saved)
        self.write()


def flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Tensors of any shape and layout as one vector."""
    return torch.cat([t.reshape(-1) for t in tensors])
