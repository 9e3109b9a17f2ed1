"""The data of a sweep's figure, in axis coordinates; `sweep_plots` and `interactive` draw it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rl_intdim.analysis.log_axis import ZERO
from rl_intdim.config.schema import DIRECT
from rl_intdim.records.result import SweepRecord
from rl_intdim.search.posterior import posterior
from rl_intdim.search.trials import TrialRecord

SPREAD = 0.08  # largest jitter of a trial's d to either side, in octaves
BEYOND = 1.3  # an interval without an upper end runs to this times the largest d drawn


@dataclass(frozen=True)
class Point:
    """One trial."""

    trial: TrialRecord
    x: float  # its d, with jitter
    strip: float  # from -1 to 1: its height within a strip of trials


@dataclass(frozen=True)
class Fraction:
    """The solved fraction at one d."""

    d: int | str
    x: float
    seeds: int
    solved: int


@dataclass(frozen=True)
class Span:
    """d_int with its interval, in axis coordinates."""

    name: str
    low: float
    high: float
    bounded: bool  # does the interval have an upper end?
    place: float | None  # of d_int; None if there is none


@dataclass(frozen=True)
class SweepFigure:
    """The figure of one sweep."""

    record: SweepRecord
    points: list[Point]  # of all trials, direct runs last
    fractions: list[Fraction]  # of each d, increasing, then direct
    span: Span | None  # None if theta0 alone solves, since a log axis cannot show d_int = 0
    parts: list[Span | None]  # the same at a quarter, half and all of the budget
    band: np.ndarray | None  # (n, 4): d, and lower end, mean and upper end of the chance of solving, 95 %
    ticks: list[tuple[float, str]]
    left: float  # ends of the axis
    right: float


def figure(record: SweepRecord, trials: Sequence[TrialRecord]) -> SweepFigure:
    """The figure of a sweep from its result and its trials."""
    searched, direct = [t for t in trials if not t.direct], [t for t in trials if t.direct]
    ds = sorted({int(t.d) for t in searched})
    top = max(*ds, 2, record.d_int or 0, *(bound or 0 for bound in record.ci95))  # the largest d drawn
    after = top * max(2.0, top**0.12)  # direct stands clear of the largest d, however wide the axis

    def at(d: int | str) -> float:
        return after if d == DIRECT else max(float(d), ZERO)

    def span(name: str, d_int: int | None, ci95: tuple[int, int | None], status: str) -> Span | None:
        low, high = ci95
        if status == "below_1":
            return None
        end, place = top * BEYOND if high is None else at(high), None if d_int is None else at(d_int)
        return Span(name, at(low), end, high is not None, place)

    jitter = np.random.default_rng(0)
    points = [
        Point(t, at(t.d) * 2 ** jitter.uniform(-SPREAD, SPREAD), jitter.uniform(-1, 1)) for t in [*searched, *direct]
    ]
    fractions = [Fraction(d, at(d), n, k) for d, (n, k) in sorted(record.tested.items())]
    if direct:
        fractions.append(Fraction(DIRECT, after, len(direct), sum(t.solved for t in direct)))
    shown: list[int | str] = [*([0] if 0 in ds else []), *spaced_ticks([d for d in ds if d > 0])]
    shown += [DIRECT] if direct else []
    return SweepFigure(
        record,
        points,
        fractions,
        span("95 % interval of d_int", record.d_int, record.ci95, record.status),
        [span(name, then.d_int, then.ci95, then.status) for name, then in record.by_budget.items()],
        _band(record, top) if any(ds) and record.status != "below_1" else None,
        [(at(d), str(d)) for d in shown],
        0.8 * ZERO if 0 in ds else 0.85,
        1.3 * (after if direct else top),
    )


def _band(record: SweepRecord, top: int) -> np.ndarray:
    """The posterior's mean and central 95 % band of the chance of solving; (80, 4)."""
    ds, model = np.geomspace(1, top, 80), posterior(record.d_max)
    return np.column_stack([ds, model.band(model.update(record.tested), list(ds))])


def spaced_ticks(ds: Sequence[int], letters: int = 72) -> list[int]:
    """The d to label on a log axis that is `letters` characters wide, so that labels do not overlap; the largest d
    is always among them."""
    kept: list[int] = []
    for d in sorted(ds, reverse=True):
        if not kept or kept[-1] / d >= max(ds) ** (max(len(str(kept[-1])) + 1.2, 4) / letters):
            kept.append(d)
    return kept[::-1]
