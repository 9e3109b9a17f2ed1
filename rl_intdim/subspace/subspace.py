"""The subspace theta = theta0 + P theta_d.

Li et al. 2018, https://arxiv.org/abs/1804.08838.
"""

from collections.abc import Iterable
from math import sqrt
from numbers import Integral

import numpy as np
import torch

from rl_intdim.config.schema import DIRECT
from rl_intdim.errors import ConfigError
from rl_intdim.subspace.projections import Identity, Projection, draw


class Subspace:
    """theta0 (D,) and P (D, d), both frozen. Training starts at theta_d = 0, (d,).

    `origin` is a module, its parameters, or theta0 as a flat tensor; P has its device and dtype. Parameters that are
    frozen (`requires_grad` is False) are left out, as torch's optimisers leave them. `d`: a whole number from 0 to D,
    or "direct", for which P is the identity. `projection`: auto, dense, sparse, fastfood, countsketch, an import
    path, or a P itself, whose own d must be `d`. But for a P itself, `seed` alone determines P, on every machine.
    Raises ConfigError if d is not one of these or P does not fit into memory, and ValueError without a parameter to
    train.
    """

    def __init__(
        self,
        origin: torch.nn.Module | Iterable[torch.nn.Parameter] | torch.Tensor,
        d: int | str,
        projection: str | Projection = "auto",
        seed: int | np.random.SeedSequence = 0,
    ) -> None:
        if isinstance(origin, torch.Tensor):
            self.parameters: list[torch.nn.Parameter] = []
            self.theta0 = origin.detach()
        else:
            every = origin.parameters() if isinstance(origin, torch.nn.Module) else origin
            self.parameters = [p for p in every if p.requires_grad]
            if not self.parameters:
                raise ValueError("there is no parameter to train: none is given, or all are frozen.")
            self.theta0 = flat(self.parameters).detach().clone()
        self.D = self.theta0.numel()
        if isinstance(seed, np.random.SeedSequence):  # anew, since drawing P may spawn children of it
            seed = np.random.SeedSequence(seed.entropy, spawn_key=seed.spawn_key, pool_size=seed.pool_size)
        rng = np.random.default_rng(seed)
        if d == DIRECT:
            P: Projection = Identity(self.D)
        else:
            if not isinstance(d, Integral) or isinstance(d, bool):
                raise ConfigError(f"d={d!r}: must be a whole number, or {DIRECT!r}.")
            P = draw(projection, self.D, int(d), rng) if isinstance(projection, str) else projection
            if P.d != d:
                raise ConfigError(f"d={d}: the projection given has d = {P.d}.")
        self.projection: Projection = P.to(self.theta0.device, self.theta0.dtype)
        self.d = self.projection.d

    def to(self, device: torch.device) -> None:
        """Move theta0 and P to a device."""
        self.theta0 = self.theta0.to(device)
        self.projection = self.projection.to(device, self.theta0.dtype)

    @torch.no_grad()
    def theta(self, theta_d: torch.Tensor) -> torch.Tensor:
        """theta0 + P theta_d: (..., d) -> (..., D)."""
        return self.theta0 + self.projection.apply(theta_d)

    @property
    def step_scale(self) -> float:
        """sqrt(D / d): moving every coordinate of theta_d by this changes a parameter by 1, root mean square."""
        return sqrt(self.D / max(self.d, 1))


def flat(tensors: Iterable[torch.Tensor]) -> torch.Tensor:
    """Concatenate tensors of any shape and layout to one vector."""
    return torch.cat([t.reshape(-1) for t in tensors])
