"""A torch optimiser that trains in a subspace.

Li et al. 2018, https://arxiv.org/abs/1804.08838.
"""

from collections.abc import Callable, Iterable
from typing import Any

import torch

from rl_intdim.errors import TrialFailure
from rl_intdim.subspace.subspace import Subspace, flat


class SubspaceOptimizer(torch.optim.Optimizer):
    """A torch optimiser of theta_d, and of parameters outside the subspace.

    It sets the parameters in the subspace to theta0 + P theta_d, in place, at the start and after every step.
    Group 0 holds these parameters, so that zero_grad and gradient clipping work on them; group 1 holds the free
    ones. Learning-rate schedules and Stable-Baselines3 write `lr` to the groups; group 0's learning rate is
    multiplied by its `scale`, a key of our own that they leave alone.
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
        """`parameters`: the D parameters in the subspace, by default the subspace's own. `free`: parameters outside
        it. `settings`: keyword arguments of `optimizer`."""
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
            raise ValueError(f"there are {sum(self.sizes)} parameters, but the subspace has D = {subspace.D}.")
        self.write()

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Raises ValueError once the optimiser is made: its subspace holds the parameters that it was given."""
        if len(self.param_groups) == len(self.inner.param_groups):
            raise ValueError("parameters cannot be added to a subspace: give them to a new Subspace, or as `free`.")
        super().add_param_group(param_group)

    @torch.no_grad()
    def write(self) -> None:
        """Put theta0 + P theta_d into the parameters, in place."""
        self.written = self.subspace.theta(self.theta_d).split(self.sizes)
        for parameter, part in zip(self.param_groups[0]["params"], self.written, strict=True):
            parameter.copy_(part.view(parameter.shape))

    @torch.no_grad()
    def _check(self) -> None:
        """Raise TrialFailure if theta_d is not finite, or anything else has changed the parameters, since the next
        `write` would undo that silently."""
        if not torch.isfinite(self.theta_d).all():
            raise TrialFailure("theta_d is not finite: the last step's gradient was not, or the steps are too large.")
        for parameter, part in zip(self.param_groups[0]["params"], self.written, strict=True):
            if not torch.equal(parameter, part.view(parameter.shape)):
                raise TrialFailure(
                    "something other than the optimizer's step changed the parameters in the subspace: an algorithm "
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
        # An optimiser may count in its groups.
        for outer, inner in zip(self.param_groups, self.inner.param_groups, strict=True):
            outer.update({key: value for key, value in inner.items() if key not in ("params", "lr")})
        self.write()
        return loss

    def _pull_back(self) -> None:
        g_D = flat([torch.zeros_like(p) if p.grad is None else p.grad for p in self.param_groups[0]["params"]])
        self.theta_d.grad = self.subspace.projection.adjoint(g_D)

    def _inside(self, closure: Callable[[], Any]) -> Callable[[], Any]:
        """The closure for the inner optimiser, which may move theta_d before it calls the closure, as L-BFGS does."""

        def evaluate() -> Any:
            self.write()
            with torch.enable_grad():
                loss = closure()
            self._pull_back()
            return loss

        return evaluate

    def state_dict(self) -> dict[str, Any]:
        """theta_d, theta0, the inner optimiser's state and the groups' settings. Not P, which its seed redraws, but a
        few numbers that another P would not give."""
        groups = [{k: v for k, v in g.items() if k != "params"} for g in self.param_groups]
        return {
            "theta_d": self.theta_d.detach().clone(),
            "theta0": self.subspace.theta0.clone(),
            "P": self._fingerprint(),
            "inner": self.inner.state_dict(),
            "groups": groups,
        }

    def _fingerprint(self) -> torch.Tensor:
        """The first 16 numbers, at most, of P^T x for x from 1 to 2."""
        theta0 = self.subspace.theta0
        x = torch.linspace(1, 2, self.subspace.D, device=theta0.device, dtype=theta0.dtype)
        return self.subspace.projection.adjoint(x)[:16]

    @torch.no_grad()
    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore a saved state, theta0 included, and write its parameters. Raises ValueError for the state of
        another subspace."""
        mine = {"theta_d": self.theta_d, "theta0": self.subspace.theta0, "P": self._fingerprint()}
        kept = mine | state_dict  # older states lack theta0 and P
        rounding = torch.finfo(self.subspace.theta0.dtype).eps * self.subspace.D
        for name, own in mine.items():
            theirs = kept[name].to(own)
            if own.shape != theirs.shape or (name == "P" and not torch.allclose(own, theirs, atol=rounding)):
                raise ValueError(
                    f"the state is of another subspace: its {name} differs. Give the same parameters, d, projection "
                    f"and seed; these have D = {self.subspace.D} and d = {self.subspace.d}."
                )
        self.theta_d.copy_(kept["theta_d"])
        self.subspace.theta0 = kept["theta0"].to(self.subspace.theta0, copy=True)
        self.inner.load_state_dict(state_dict["inner"])
        for group, saved in zip(self.param_groups, state_dict["groups"], strict=True):
            group.update(saved)
        self.write()
