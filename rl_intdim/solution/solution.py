"""The solution file: a solved policy as its task, network, projection, seed and theta_d, in JSON.

D parameters are rebuilt from a seed and d numbers: the compression of Li et al. 2018, section 2. `loading` reads the
file.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_intdim import files
from rl_intdim.config.schema import DIRECT, Task
from rl_intdim.errors import ConfigError, TrialFailure

if TYPE_CHECKING:
    import torch

    from rl_intdim.tasks.network import Network

FORMAT = "rl_intdim solution 1"
# theta0 is drawn in float64, then rounded, and theta and its layers are copies: 28 at peak in play, besides P.
PARAMETER_BYTES = 32


@dataclass(frozen=True)
class Solution:
    """Everything that rebuilds the policy (task, projection, seed and theta_d), and its confirmed score."""

    task: Task
    agent: str
    projection: str
    d: int | str
    seed: int
    score: float
    theta_d: list[float]
    seeds_tried: int = 1  # by the sweep that found it; naming the seed takes log2 of them or of the seed, the larger
    bits: int | None = None  # per coordinate, if quantised
    theta0: list[float] | None = field(default=None, repr=False)  # (D,), if it was learned, not drawn
    basis: list[list[float]] | None = field(default=None, repr=False)  # (d, D), the columns of P if it was learned
    trusted: bool = field(default=True, compare=False)  # may it exceed `limits`? Not stored in the file

    def save(self, path: Path) -> None:
        """Write the file. Numbers have as many digits as float32 needs to be read back to the bit."""
        numbers: dict[str, Any] = {"theta_d": shortest(self.theta_d)}
        if self.theta0 is not None:
            numbers["theta0"] = shortest(self.theta0)
        if self.basis is not None:
            numbers["basis"] = [shortest(column) for column in self.basis]
        data = {"format": FORMAT} | {k: v for k, v in asdict(self).items() if k not in ("trusted", "theta0", "basis")}
        data |= numbers
        files.write_whole(path, json.dumps(data, allow_nan=False) + "\n")

    @property
    def learned(self) -> str:
        """What of its subspace was learned, in words; "" if a seed draws all of it."""
        parts = ["theta0"] * (self.theta0 is not None)
        parts += [f"a basis of {len(self.basis)} directions"] if self.basis is not None else []
        return " and ".join(parts)

    def policy(self) -> "tuple[Network, torch.Tensor]":
        """The network and its parameters theta0 + P theta_d, (D,). Raises ConfigError if d is above D, if D or P does
        not fit into memory, or if an untrusted file exceeds a limit."""
        import psutil
        import torch

        from rl_intdim.solution import limits
        from rl_intdim.subspace import projections
        from rl_intdim.tasks import environment
        from rl_intdim.training.seeding import LearnedSubspace, draw_subspace

        policy = environment.policy(self.task)
        for key, row in [("theta0", self.theta0 or []), *(("basis", column) for column in self.basis or [])]:
            if row and len(row) != policy.D:
                raise ConfigError(f"{key}: {len(row):,} numbers for D = {policy.D:,}.")
        if len(self.theta_d) != (policy.D if self.d == DIRECT else self.d) or len(self.theta_d) > policy.D:
            raise ConfigError(f"theta_d: {len(self.theta_d)} numbers for d={self.d}, D = {policy.D:,}.")
        P_bytes = 0
        if self.d != DIRECT and self.theta_d:
            P_bytes = projections.memory(self.projection, policy.D, len(self.theta_d))
        if not self.trusted:
            limits.check_network(policy, P_bytes)
        need, free = PARAMETER_BYTES * policy.D + P_bytes, psutil.virtual_memory().available
        if free < need:
            raise ConfigError(
                f"env.policy.hidden={self.task.policy.hidden}: D = {policy.D:,} by d = {self.d} does not fit into "
                f"memory: it takes {need / 2**30:,.1f} GiB, and {free / 2**30:,.1f} GiB are available."
            )
        learned = None
        if self.theta0 is not None or self.basis is not None:
            P = None if self.basis is None else projections.LearnedBasis(torch.tensor(self.basis))
            learned = LearnedSubspace(None if self.theta0 is None else torch.tensor(self.theta0), P)
        subspace, _ = draw_subspace(policy, self.projection, self.d, self.seed, learned)
        return policy, subspace.theta(torch.tensor(self.theta_d))

    def returns(self, episodes: int | None, rng: np.random.Generator) -> tuple[np.ndarray, float | None]:
        """Undiscounted returns (episodes,) of whole episodes of the deterministic policy, as many as confirm the task
        if None, and the mean of the number that the task's goal names, or None."""
        from rl_intdim.tasks import rollout, vector

        episodes = episodes or self.task.scoring.confirm_episodes
        policy, theta = self.policy()
        slots = max(n for n in range(1, 26) if episodes % n == 0)
        envs = vector.make_vec(self.task, slots)
        try:
            returns, reached, _ = rollout.score_episodes(envs, policy, theta, episodes, rng)
        except TrialFailure as error:  # an environment may do anything with a file's values
            raise ConfigError(
                f"env.id={self.task.id}, env.kwargs={self.task.kwargs}: breaks down at play: {error}"
            ) from None
        finally:
            envs.close()
        return returns, reached


def shortest(numbers: Sequence[float]) -> list[float]:
    """The float32 numbers with as many digits as tell them apart."""
    return [float(str(np.float32(x))) for x in numbers]
