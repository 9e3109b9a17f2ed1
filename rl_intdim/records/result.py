"""The typed result of a sweep, key for key as in result.json, and its figures in words."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from math import floor, log10

from rl_intdim.config.schema import Goal
from rl_intdim.search.paper_rule import PaperEstimate

STATUSES = {
    "found": "the interval is as narrow as asked for",
    "below_1": "theta0 alone, with nothing learned in the subspace, solves the task with chance 1/2 or more",
    "above_max": "no d up to the largest tried solves with chance 1/2; a larger one might",
    "undefined": "d_int is not defined: the chance of solving stays below 1/2 at every d",
    "undecided": "the interval is wider than asked for, or rests on too few trials",
}
FLAWS = {"falling": "success falls off again above d_int", "misfit": "no curve of the model fits these trials"}


@dataclass(frozen=True)
class Estimate:
    """An estimate of d_int, with its interval and status."""

    d_int: int | None
    ci95: tuple[int, int | None]  # None: no upper bound up to d_max
    status: str  # of STATUSES


@dataclass(frozen=True, kw_only=True)
class SweepRecord:
    """The result of a sweep, in the order of result.json. Keys with a default are missing in older ones."""

    env: str
    agent: str
    projection: str
    d_int: int | None
    ci95: tuple[int, int | None]
    status: str
    stopped_by: str = ""  # the configuration key, or the status, that ended the sweep
    method: str = ""
    threshold: float
    threshold_source: str = ""
    goal: Goal | None = None
    confirm_episodes: int = 100
    D: int
    d_max: int
    budget: int  # env steps per trial
    trials: int  # of the search
    env_steps: int  # of training, direct runs included
    seconds: float  # computing time, summed over trials
    scoring_steps: int  # env steps of looks and confirmations
    subspace_steps: int = 0  # env steps of the direct runs that learned subspaces began with
    direct: tuple[int, int]  # solved, runs
    tested: dict[int, tuple[int, int]]  # d -> seeds, solved
    by_budget: dict[str, Estimate]  # at a quarter, half and all of the budget
    d90_paper: PaperEstimate | None = None
    p_falling: float = 0.0  # posterior probability that success falls off again well above d_int
    misfit: float = 1.0  # p-value of the fit
    looked_above: bool = True
    level: tuple[float, float, float] | None = None  # if undefined: low, mean and high of the chance's level
    flaws: list[str] = field(default_factory=list)  # of FLAWS
    warnings: list[str]
    threads: int = 1
    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    command: str = ""

    def to_json(self) -> str:
        """The text of result.json."""
        return json.dumps(asdict(self), indent=2, allow_nan=False)


def interval(ci95: Sequence[int | None]) -> str:
    """An interval as text; a question mark stands for an unknown end."""
    low, high = ("?" if bound is None else bound for bound in ci95)
    return f"[{low}, {high}]"


def shown(d_int: int | None) -> str:
    """A d_int as text; a dash stands for none."""
    return "-" if d_int is None else f"{d_int}"


def points(value: float) -> str:
    """A score or return as text: three digits of a small one, since thresholds may be 0.7, else one decimal."""
    size = abs(value)
    decimals = 1 if size >= 10 or size == 0 else min(2 - floor(log10(size)), 4)
    return f"{value:.{decimals}f}"


def span(seconds: float) -> str:
    """A duration as text, in seconds, minutes or hours."""
    for limit, unit, name in ((100, 1, "s"), (100 * 60, 60, "min")):
        if seconds < limit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds / 3600:.0f} h"


def trial_time_left(seconds: float, env_steps: int, budget: int) -> str:
    """The time left to a trial as text, if it uses its whole budget at its pace so far."""
    return span(seconds * (budget / env_steps - 1))


def learned(record: SweepRecord) -> str:
    """What a title says of a sweep in learned subspaces; "" if they were drawn."""
    return ", learned basis" if record.subspace_steps else ""


def _level(record: SweepRecord) -> str:
    if record.level is None:
        return ""
    low, mean, high = record.level
    return f", it levels off at {mean:.2f} [{low:.2f}, {high:.2f}]"


def rows(record: SweepRecord) -> dict[str, str]:
    """The figures of a sweep as text: name -> text."""
    d_int, D = record.d_int, record.D
    by = f"; stopped by {record.stopped_by}" if record.stopped_by else ""
    out = {
        "d_int": f"{shown(d_int)}, 95 % interval {interval(record.ci95)}",
        "status": f"{record.status}: {STATUSES[record.status]}{_level(record)}{by}",
        "threshold": f"{record.threshold:g}" + (f" ({record.threshold_source})" if record.threshold_source else ""),
        "D": f"{D:,}" + (f", D / d_int = {D / d_int:.0f}" if d_int else ""),
        "direct": f"{record.direct[0]} of {record.direct[1]} solved" if record.direct[1] else "none run",
        "budget": f"{record.budget:,} env steps a trial",
        "trials": f"{record.trials}, and {record.direct[1]} direct, in {span(record.seconds)} of computing",
        "env steps": f"{record.env_steps:,} of training, {record.scoring_steps:,} of scoring",
    }
    if record.subspace_steps:
        out["learned basis"] = f"{record.projection}: {record.subspace_steps:,} env steps of direct runs besides"
    out |= {
        "less budget": "; ".join(
            f"{part}: {shown(then.d_int)} {interval(then.ci95)}" for part, then in record.by_budget.items()
        ),
    }
    if rule := record.d90_paper:
        out["d_int90"] = f"{shown(rule.d_int90)} {interval(rule.ci95)} by the paper's rule ({rule.method})"
    return out
