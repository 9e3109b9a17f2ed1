"""A finished trial: what the search decides by, and a line of trials.jsonl."""

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from rl_intdim.config.schema import DIRECT

Job = tuple[int | str, int]  # d (or "direct") and seed: which trial of a sweep


@dataclass(frozen=True)
class TrialRecord:
    """What one trial says. Steps are env steps; returns are undiscounted and unclipped."""

    d: int | str
    seed: int
    D: int
    solved: bool
    score: float  # mean return of the policy scored at the end, on the fresh episodes of its confirmation
    solved_at: int | None  # env steps of training when the solved policy was first looked at
    env_steps: int  # of training
    scoring_steps: int  # of looks and confirmations
    confirmations: list[list[float]]  # [env steps, mean return], and the mean reached where the task has a goal
    curve: list[list[float]]  # [env steps, look score, norm of theta_d], and what was reached
    seconds: float
    theta_d: list[float] | None = field(repr=False)  # of that policy; (d,); None where it was not kept
    subspace_steps: int = 0  # env steps of the direct run that a learned subspace began with; not in env_steps
    theta0: list[float] | None = field(default=None, repr=False)  # (D,), if it was learned
    device: str = ""  # cpu, or the GPU's name; "" in records from before it was kept
    basis: list[list[float]] | None = field(default=None, repr=False)  # (d, D), if P was learned; its columns

    @property
    def direct(self) -> bool:
        """Did it train all D parameters, with no projection?"""
        return self.d == DIRECT

    def kept(self) -> "TrialRecord":
        """The record as trials.jsonl holds it: without the D numbers of a direct run, megabytes that no solution
        is made of, nor a learned subspace's, which the run folder holds in a file of their own."""
        theta_d = [] if self.direct else self.theta_d
        return replace(self, theta_d=theta_d, theta0=None, basis=None)

    def line(self) -> dict[str, Any]:
        """The keys and values of a line of trials.jsonl."""
        return {key: value for key, value in asdict(self.kept()).items() if key not in ("theta0", "basis")}
