"""What the ladder of sweeps shows: worked out once, drawn by `comparison_plots` and by `interactive`."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rl_intdim.analysis.sweep_figure import ZERO
from rl_intdim.records.sweep import Sweep


@dataclass(frozen=True)
class Rung:
    """A sweep on the ladder, in the coordinates of its log axis of d."""

    label: str
    sweep: Sweep
    low: float
    high: float  # the largest d tried where the interval has no upper end
    bounded: bool  # has it one?
    place: float  # of d_int; of the largest d tried where none is named


def ladder(sweeps: Sequence[Sweep], labels: Sequence[str]) -> list[Rung]:
    """The sweeps, the easiest first; those in which no d_int is named last."""
    rungs = []
    for label, s in zip(labels, sweeps, strict=True):
        d_int, (low, high) = s.answer.d_int, s.answer.ci95
        end, place = (float(s.d_max) if d is None else max(float(d), ZERO) for d in (high, d_int))
        rungs.append(Rung(label, s, max(float(low), ZERO), end, high is not None, place))
    return sorted(rungs, key=lambda r: (np.inf if r.sweep.answer.d_int is None else r.place, r.high, r.label))
