"""Which d to try next, and what the trials so far say about d_int. Pure numpy; knows no environment.

d_int is the smallest d at which a fresh seed solves with probability 1/2 or more. The chance of solving is
modelled as a psychometric function of log d (Kontsevich and Tyler 1999; Watson 2017): a logistic rise that
crosses 1/2 at c, with unknown width and lapse, and perhaps a fall well above c, since success need not be
monotone. The posterior over (c, width, lapse, fall) is kept on a grid. Being conditional on the trials
seen, it stays valid however the next d was chosen; what it assumes is the model and the prior below.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from rl_intdim.config import Search

MIN_SEEDS = 5  # at each d that bounds the interval, and at the look above
LOOK_ABOVE = 4  # this many times the estimate
LOOK_BY = 96  # look there after so many trials, if the search has not ended before


@dataclass(frozen=True)
class Outcome:
    """What the search needs to know of a trial."""

    d: int
    solved: bool


@dataclass(frozen=True)
class Answer:
    """What the outcomes say. status: found, below_1 (theta0 alone solves), above_max or undecided."""

    status: str
    d_int: int | None
    ci95: tuple[int, int | None]  # None: no upper bound up to d_max
    p_falling: float  # posterior probability that success falls off again well above d_int
    trials: int
    tested: dict[int, tuple[int, int]] = field(repr=False)  # d -> (seeds, solved)


class Posterior:
    """The posterior over the psychometric function, on a grid of (c, width, lapse, fall)."""

    WIDTHS = np.geomspace(0.2, 5, 7)  # octaves of d in which the chance rises from 0.1 to 0.9 of its range
    LAPSES = np.array([0, 0.02, 0.05, 0.1, 0.2, 0.3])  # chance of failure far above c
    FALLS = np.array([np.inf, 2, 3, 4, 6, 8])  # octaves above c at which success has fallen to half
    P_NO_FALL = 0.75
    FALL_WIDTH = 1.0  # octaves

    def __init__(self, d_max: int) -> None:
        """The prior: c log-uniform from 1/2 to 2 d_max, everything else uniform over its grid."""
        self.d_max = d_max
        self.c = np.linspace(np.log2(0.5), np.log2(2 * d_max), 256)
        c, width, lapse, fall = np.meshgrid(self.c, self.WIDTHS, self.LAPSES, self.FALLS, indexing="ij")
        slope = 2 * np.log(9) / width  # a logistic rises from 0.1 to 0.9 within 2 ln 9 of its argument
        self._slope, self._top = slope.ravel(), (1 - lapse).ravel()
        # The rise is (1 - lapse) logistic(slope (x - centre)); it is 1/2 at c.
        self._centre = (c + np.log(2 * (1 - lapse) - 1) / slope).ravel()
        self._fall = (c + fall).ravel()
        prior = np.where(np.isinf(self.FALLS), self.P_NO_FALL, (1 - self.P_NO_FALL) / (len(self.FALLS) - 1))
        self._log_prior = np.broadcast_to(np.log(prior), c.shape).ravel()
        self._shape = c.shape
        self._log_chances = lru_cache(maxsize=256)(self._log_chances_at)

    def _log_chances_at(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """log p and log (1 - p) of solving at d, over the grid."""
        p = np.clip(self.chance(d), 1e-6, 1 - 1e-6)
        return np.log(p), np.log1p(-p)

    def chance(self, d: float) -> np.ndarray:
        """The chance of solving at d > 0, over the grid."""
        x = np.log2(d)
        with np.errstate(over="ignore"):
            rise = self._top / (1 + np.exp(-self._slope * (x - self._centre)))
            return rise / (1 + np.exp(2 * np.log(9) / self.FALL_WIDTH * (x - self._fall)))

    def update(self, tested: dict[int, tuple[int, int]]) -> np.ndarray:
        """The posterior weights (c, width, lapse, fall) given d -> (seeds, solved); d = 0 is no part of it."""
        log = self._log_prior.copy()
        for d, (n, k) in sorted(tested.items()):
            if d > 0:
                yes, no = self._log_chances(d)
                log += k * yes + (n - k) * no
        weights = np.exp(log - log.max())
        return (weights / weights.sum()).reshape(self._shape)

    def quantile(self, weights: np.ndarray, q: float) -> int:
        """The smallest d with P(d_int <= d) >= q; above d_max it is d_max + 1."""
        cumulative = np.cumsum(weights.sum((1, 2, 3)))
        c = self.c[min(int(np.searchsorted(cumulative, q)), len(self.c) - 1)]
        return min(max(1, int(np.ceil(2**c - 1e-9))), self.d_max + 1)

    def band(self, weights: np.ndarray, ds: Sequence[float], q: tuple[float, float] = (0.025, 0.975)) -> np.ndarray:
        """The chance of solving at each d: (len(ds), 3): lower quantile, mean, upper quantile."""
        flat, rows = weights.ravel(), []
        keep = flat > flat.max() * 1e-6
        for d in ds:
            p = self.chance(d)[keep]
            order = np.argsort(p)
            cumulative = np.cumsum(flat[keep][order])
            low, high = (p[order][min(int(np.searchsorted(cumulative, x * cumulative[-1])), len(p) - 1)] for x in q)
            rows.append((low, float(p @ flat[keep]) / cumulative[-1], high))
        return np.array(rows)


@lru_cache(maxsize=8)
def posterior(d_max: int) -> Posterior:
    return Posterior(d_max)


def lattice(d_max: int) -> list[int]:
    """The d that the search tries: every whole number up to 8, then four to the octave, and d_max."""
    steps = np.round(2 ** (np.arange(4 * int(np.log2(d_max) + 1) + 1) / 4)).astype(int)
    return sorted({int(d) for d in steps if d < d_max} | {d_max})


def snap(d: int, grid: list[int], up: bool) -> int:
    """The nearest d of the lattice at or above (up) or at or below."""
    return min((g for g in grid if g >= d), default=d) if up else max((g for g in grid if g <= d), default=d)


def count(outcomes: Sequence[Outcome]) -> dict[int, tuple[int, int]]:
    """d -> (seeds, solved)."""
    seeds, solved = Counter(o.d for o in outcomes), Counter(o.d for o in outcomes if o.solved)
    return {d: (seeds[d], solved[d]) for d in sorted(seeds)}


def answer(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> Answer:
    """What the outcomes say of d_int: the posterior's median and its 95 % interval.

    The bounds are widened to the lattice. `found` needs high / low <= search.ci_ratio (or neighbours, such
    as 1 and 2) and, when the search chose the d, MIN_SEEDS seeds at both bounds.
    """
    tested = count(outcomes)
    n0, k0 = tested.get(0, (0, 0))
    if n0 and 2 * k0 >= n0:
        return Answer("below_1", 0, (0, 0), 0.0, len(outcomes), tested)
    model = posterior(d_max)
    weights = model.update(tested)
    low, median, high = (model.quantile(weights, q) for q in (0.025, 0.5, 0.975))
    falling = float(weights[..., np.isfinite(model.FALLS)].sum())
    if low > d_max:
        return Answer("above_max", None, (d_max, None), falling, len(outcomes), tested)
    if search.ds is None:
        grid = lattice(d_max)
        low, high = snap(low, grid, up=False), high if high > d_max else snap(high, grid, up=True)
    bounded = search.ds is not None or all(tested.get(d, (0, 0))[0] >= MIN_SEEDS for d in (low, high))
    found = high <= d_max and high <= max(low * search.ci_ratio, low + 1) and bounded
    ci95 = (low, high if high <= d_max else None)
    return Answer(
        "found" if found else "undecided",
        median if median <= d_max else None,
        ci95,
        falling,
        len(outcomes),
        tested,
    )


def next_round(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> list[int]:
    """The d of the next round of trials, from the configuration and the outcomes alone; [] when done.

    theta0 alone; then 1, 2, 4, ... until half of a round solve; then draws spread over the posterior of
    d_int, with the seeds that its bounds still lack; once, a look well above the estimate. Where the search
    stops has no say in where it goes, so that a sweep can be extended.
    """
    r = search.round
    if search.ds is not None:
        return [] if outcomes else [d for d in search.ds for _ in range(search.seeds)]
    if len(outcomes) + r > search.max_trials:
        return []
    if not outcomes:
        return [0] * r
    now = answer(search, d_max, outcomes)
    if now.status == "below_1":
        return []
    d = 1
    while d in now.tested and 2 * now.tested[d][1] < now.tested[d][0] and d < d_max:
        d = min(2 * d, d_max)
    if d not in now.tested:
        return [d] * r
    if now.status == "above_max":
        return []
    above = min(LOOK_ABOVE * (now.d_int or d_max), d_max)
    if not looked_above(now, d_max) and (now.status == "found" or len(outcomes) >= LOOK_BY):
        return [snap(above, lattice(d_max), up=True)] * r
    if now.status == "found":
        return []
    return _narrow(r, d_max, now)


def looked_above(now: Answer, d_max: int) -> bool:
    """Have MIN_SEEDS trials been run well above the estimate, where success may have fallen off again?"""
    above = min(LOOK_ABOVE * (now.d_int or d_max), d_max)
    return sum(n for d, (n, _) in now.tested.items() if d >= 0.75 * above) >= MIN_SEEDS


def _narrow(r: int, d_max: int, now: Answer) -> list[int]:
    """The seeds that the bounds lack, if the interval is narrow enough already; the rest over the posterior."""
    grid, model = lattice(d_max), posterior(d_max)
    weights = model.update(now.tested)
    low, high = now.ci95
    lacking = [d for d in (low, high or d_max) for _ in range(MIN_SEEDS - now.tested.get(d, (0, 0))[0])]
    narrow = high is not None and len([g for g in grid if low <= g <= high]) <= 3
    picks = lacking[:r] if narrow else []
    spread = r - len(picks)
    picks += [snap(min(model.quantile(weights, (i + 0.5) / spread), d_max), grid, up=True) for i in range(spread)]
    return sorted(picks)
