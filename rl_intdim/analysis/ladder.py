"""The data of the ladder plot, d_int of every sweep; `comparison_plots` and `interactive` draw it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rl_intdim.analysis.log_axis import ZERO
from rl_intdim.records.sweep import Sweep


@dataclass(frozen=True)
class Rung:
    """A sweep on the ladder, in coordinates of the log axis of d."""

    label: str
    sweep: Sweep
    low: float
    high: float  # d_max if the interval has no upper end
    bounded: bool  # does the interval have an upper end?
    place: float | None  # of d_int; d_max if it is known to lie above or to be undefined


def ladder(sweeps: Sequence[Sweep], labels: Sequence[str]) -> list[Rung]:
    """One rung per sweep, the easiest first; then sweeps without a d_int, and last those of learned subspaces."""
    rungs = []
    for label, s in zip(labels, sweeps, strict=True):
        d_int, (low, high) = s.answer.d_int, s.answer.ci95
        end = float(s.d_max) if high is None else max(float(high), ZERO)
        place = float(s.d_max) if s.answer.status in ("above_max", "undefined") else None
        place = place if d_int is None else max(float(d_int), ZERO)
        rungs.append(Rung(label, s, max(float(low), ZERO), end, high is not None, place))
    return sorted(
        rungs,
        key=lambda r: (
            r.sweep.learned is not None,
            np.inf if r.sweep.answer.d_int is None else r.sweep.answer.d_int,
            r.high,
            r.label,
        ),
    )
