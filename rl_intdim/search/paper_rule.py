"""The paper's rule for d_int90 (Li et al., ICLR 2018, arXiv 1804.08838), with the interval that it lacks.

The rule: the first d of a grid at which the mean score over runs reaches 90 % of the direct baseline. It needs
runs that are never stopped early (search=grid), since a trial that stops when solved has no final score.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rl_intdim.search.trials import TrialRecord

DRAWS = 2000
LEVEL = 0.9


@dataclass(frozen=True)
class PaperEstimate:
    """What the rule says of a sweep."""

    d_int90: int | None
    ci95: tuple[int | None, int | None]
    level: float  # the score that counts as solved
    baseline: float  # mean score of the direct runs
    method: str


def d90(trials: Sequence[TrialRecord], direct: Sequence[TrialRecord], draws: int = DRAWS) -> PaperEstimate:
    """The rule on the scores of trials and direct runs, and its 95 % bootstrap interval: the runs of each d and
    the direct ones are drawn anew, with replacement, always by the same draws.

    With a baseline below 0 the level is baseline - 0.1 |baseline|, which is 90 % in the sense of a loss.
    d_int90 or a bound is None where no d of the grid reaches the level.
    """
    ds = sorted({int(t.d) for t in trials})
    scores = [np.array([t.score for t in trials if t.d == d]) for d in ds]
    base = np.array([t.score for t in direct])
    rng = np.random.default_rng(0)

    def resampled(x: np.ndarray) -> np.ndarray:
        return x[rng.integers(len(x), size=(draws, len(x)))].mean(1)

    means = np.array([resampled(x) for x in scores])  # (ds, draws)
    places = np.array([*ds, np.inf])
    drawn = np.quantile(places[_first(means >= _level(resampled(base)))], (0.025, 0.975), method="inverted_cdf")
    there = places[_first(np.array([x.mean() for x in scores]) >= _level(base.mean()))]
    d_int90, low, high = (None if np.isinf(x) else int(x) for x in (there, *drawn))
    return PaperEstimate(
        d_int90=d_int90,
        ci95=(low, high),
        level=float(_level(base.mean())),
        baseline=float(base.mean()),
        method=f"first d with mean score >= 90 % of direct; percentile bootstrap over runs, {draws} draws",
    )


def _level(base: Any) -> Any:
    return base - (1 - LEVEL) * np.abs(base)


def _first(reached: np.ndarray) -> Any:
    """The index of the first True along axis 0; one past the end if there is none."""
    return np.where(reached.any(0), reached.argmax(0), len(reached))
