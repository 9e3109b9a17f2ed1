"""The posterior over the psychometric function of a task: how the chance of solving depends on d.

Being conditional on the trials seen, it stays valid however their d were chosen; what it assumes is the model
and the prior below. Pure numpy.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import accumulate, product

import numpy as np

TAIL = 0.025  # of the posterior outside the 95 % interval of d_int, on either side
PARTICLES, GROUPS, PATTERNS = 1024, 16, 64  # how finely a round is planned
PER_OCTAVE = 32  # places that a curve may have, per octave of d
FALL_WIDTH = 1.0  # octaves in which a fall goes from 0.9 to 0.1 of its range
ALL = slice(None)
NINE = 2 * np.log(9)  # a logistic rises from 0.1 to 0.9 within 2 ln 9 of its argument

# The prior: groups of shapes, each with its probability, and the widths (octaves of d in which the chance rises from
# 0.1 to 0.9 of its range), tops (the chance that it levels off at), falls (octaves above the rise at which it has
# halved again) and second rises (octaves above the fall) that are equally likely within it. In this order: plain,
# falling, a first hump, never 1/2, never 1/2 and falling. Falls are fine, since a sharp flank would else place the
# rise by the gaps.
WIDTHS = tuple(np.geomspace(0.2, 6.4, 6))
FALLS = tuple(np.arange(2, 8.5, 0.5))
SHAPES = (
    (0.62, WIDTHS, (1, 0.95, 0.9, 0.8, 0.7, 0.6, 0.53), (np.inf,), (np.inf,)),
    (0.20, WIDTHS[::2], (1, 0.85, 0.65), FALLS, (np.inf,)),
    (0.03, WIDTHS[:3:2], (0.75, 0.65, 0.57), (2, 3), (1.5, 2.5, 4)),
    (0.12, WIDTHS, (0.48, 0.44, 0.4, 0.35, 0.3, 0.25, 0.2, 0.15, 0.1, 0.05), (np.inf,), (np.inf,)),
    (0.03, WIDTHS[::2], (0.45, 0.3), FALLS[::4], (np.inf,)),
)


class Posterior:
    """A list of curves, sorted by their d_int; weights over them are arrays (curves,).

    A curve whose top is above 1/2 crosses 1/2 at c, its place. One that stays below has no d_int, and is halfway
    to its top at c. NONE, the d_int of these and of all that cross above d_max, is d_max + 1.
    """

    def __init__(self, d_max: int) -> None:
        """The prior: c log-uniform from 1/2 to 2 d_max, whatever the shape."""
        self.d_max, self.none = d_max, d_max + 1
        places = np.linspace(np.log2(0.5), np.log2(2 * d_max), int(PER_OCTAVE * np.log2(4 * d_max)) + 1)
        shapes = np.array(
            [
                (*shape, p / (len(widths) * len(tops) * len(falls) * len(agains)))
                for p, widths, tops, falls, agains in SHAPES
                for shape in product(widths, tops, falls, agains)
            ]
        )
        c, row = np.repeat(places, len(shapes)), np.tile(np.arange(len(shapes)), len(places))
        width, top, fall, again, p = shapes[row].T
        never = top < 0.5
        # The next whole number, from 1 on.
        d_int = np.minimum(np.maximum(1, np.ceil(2**c - 1e-9)), self.none).astype(int)
        d_int[never] = self.none
        order = np.argsort(d_int, kind="stable")
        c, width, top, fall, again, p, self.d_int, self.never = (
            x[order] for x in (c, width, top, fall, again, p, d_int, never)
        )
        self.shape = row[order]
        self.prior, self.falls = p / p.sum(), np.isfinite(fall)
        self._slope, self._top, self._fall, self._again = NINE / width, top, c + fall, c + fall + again
        # The rise is top logistic(slope (x - centre)): it is 1/2 at c, or top / 2.
        odds = np.where(self.never, 1.0, 2 * top - 1)
        self._centre = c + np.log(odds) / self._slope
        self.values, self._starts = np.unique(self.d_int, return_index=True)
        self._tried = lru_cache(maxsize=64)(self._logs)
        self._weights = lru_cache(maxsize=4)(self._posterior)  # a round asks several times

    def chance(self, d: float, at: np.ndarray | slice = ALL) -> np.ndarray:
        """The chance of solving at d > 0 by each curve, or by those `at` these indices; kept off 0 and 1."""
        x = np.log2(d)
        with np.errstate(over="ignore"):
            rise = self._top[at] / (1 + np.exp(-self._slope[at] * (x - self._centre[at])))
            falls = 1 + np.exp(NINE / FALL_WIDTH * (x - self._fall[at]))
            second = 1 / (1 + np.exp(-NINE * (x - self._again[at])))
        return np.clip(1 - (1 - rise / falls) * (1 - second), 1e-6, 1 - 1e-6)

    def _logs(self, d: int) -> tuple[np.ndarray, np.ndarray]:
        """The logarithm of the chance at d, and that of the chance not to solve."""
        p = self.chance(d)
        return np.log(p), np.log1p(-p)

    def update(self, tested: Mapping[int, tuple[int, int]]) -> np.ndarray:
        """The posterior weights of the curves given d -> (seeds, solved); d = 0 is no part of it. Not to be written
        into."""
        return self._weights(tuple((d, n, k) for d, (n, k) in sorted(tested.items()) if d > 0))

    def _posterior(self, cells: tuple[tuple[int, int, int], ...]) -> np.ndarray:
        log = np.log(self.prior)
        for d, n, k in cells:
            yes, no = self._tried(d)
            log += k * yes + (n - k) * no
        weights = np.exp(log - log.max())
        return weights / weights.sum()

    def quantile(self, weights: np.ndarray, q: float, zero: float = 0.0) -> int:
        """The smallest d with P(d_int <= d) >= q, d_max + 1 if there is none. `zero`: P(d_int = 0)."""
        if q <= zero:
            return 0
        at = int(np.searchsorted(np.cumsum(weights), (q - zero) / (1 - zero)))
        return int(self.d_int[min(at, len(weights) - 1)])

    def distribution(self, weights: np.ndarray, zero: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The values that d_int may have, increasing, d_max + 1 standing for none up to d_max; and their
        probabilities."""
        p = np.add.reduceat(weights, self._starts)
        return np.append(0, self.values), np.append(zero, (1 - zero) * p)

    def p_falling(self, weights: np.ndarray) -> float:
        """The probability that success falls off again above its rise."""
        return float(weights[self.falls].sum())

    def p_never(self, weights: np.ndarray) -> float:
        """The probability that the chance stays below 1/2 at every d."""
        return float(weights[self.never].sum())

    def informative(self, weights: np.ndarray, ds: Sequence[int], n: int, solved_cost: float) -> list[int]:
        """The n trials, of the ds, whose outcomes tell most about d_int per expected cost, chosen greedily. A solved
        trial costs `solved_cost`, another 1."""
        at = particles(weights)
        solves = np.array([self.chance(d, at) for d in ds]).T
        return [ds[i] for i in plan(self.d_int[at], solves, np.full(len(ds), solved_cost), np.ones(len(ds)), n)]

    def misfit(self, weights: np.ndarray, rounds: Sequence[Sequence[tuple[int, bool]]], draws: int = 1000) -> float:
        """Posterior predictive p-value (Gelman, Meng and Stern 1996) of trials (d, solved), in the rounds that they
        were decided in: how often trials that the model would give, at the same d, are as odd as those seen.

        Odd in either of two ways, for which the smaller p-value is doubled: by the deviance over the d, which
        shows curves of another shape, or by what the trials of a round share. Always the same draws.
        """
        trials = [(d, solved, i) for i, trials in enumerate(rounds) for d, solved in trials if d > 0]
        if not trials:
            return 1.0
        rng = np.random.default_rng(0)
        cumulative = np.cumsum(weights)
        chosen = np.searchsorted(cumulative, rng.random(draws) * cumulative[-1])
        ds, at = np.unique([d for d, *_ in trials], return_inverse=True)
        p = np.array([self.chance(int(d), chosen) for d in ds])[at]  # (trials, draws)
        seen = np.array([solved for _, solved, _ in trials], float)[:, None]
        given = (rng.random(p.shape) < p).astype(float)
        by_d = at == np.arange(len(ds))[:, None]  # (ds, trials)
        n = by_d.sum(1)[:, None]
        chance = by_d @ p / n
        shape = deviance(by_d @ given, n, chance) >= deviance(by_d @ seen, n, chance) - 1e-9
        _, starts = np.unique([i for *_, i in trials], return_index=True)
        # The sum, not each over its variance: where the chance is near 0, a single solved trial would be all of it.
        spread = (p * (1 - p)).sum(0)

        def luck(solved: np.ndarray) -> np.ndarray:
            return np.asarray((np.add.reduceat(solved - p, starts) ** 2).sum(0) / spread)

        shared = luck(given) >= luck(seen) - 1e-9
        return float(min(1.0, 2 * min(shape.mean(), shared.mean())))

    def band(self, weights: np.ndarray, ds: Sequence[float], q: tuple[float, float] = (0.025, 0.975)) -> np.ndarray:
        """The chance of solving at each d: (len(ds), 3): lower quantile, mean, upper quantile."""
        keep, rows = weights > weights.max() * 1e-6, []
        kept = weights[keep]
        for d in ds:
            p = self.chance(d, keep)
            order = np.argsort(p)
            cumulative = np.cumsum(kept[order])
            low, high = (p[order][min(int(np.searchsorted(cumulative, x * cumulative[-1])), len(p) - 1)] for x in q)
            rows.append((low, float(p @ kept) / cumulative[-1], high))
        return np.array(rows)


def p_zero(tested: Mapping[int, tuple[int, int]]) -> float:
    """The probability that d_int is 0: theta0 alone solves with chance 1/2 or more. That chance is a priori uniform.

    Taken as 0 or 1 where it is within TAIL of it: no more is asked of any end of an interval. Never tried, it is 0.
    """
    n, k = tested.get(0, (0, 0))
    ways = accumulate(range(k), lambda c, i: c * (n + 1 - i) // (i + 1), initial=1)  # of n + 1 trials, i solved
    p = sum(ways) / 2 ** (n + 1)  # of Beta(k + 1, n - k + 1), above 1/2
    return 0.0 if not n or p < TAIL else 1.0 if p > 1 - TAIL else p


def particles(weights: np.ndarray) -> np.ndarray:
    """Places in `weights` that, with equal weight, stand for them: (PARTICLES,), increasing."""
    cumulative = np.cumsum(weights)
    return np.searchsorted(cumulative, (np.arange(PARTICLES) + 0.5) / PARTICLES * cumulative[-1])


def plan(d_int: np.ndarray, solves: np.ndarray, yes: np.ndarray, no: np.ndarray, n: int) -> list[int]:
    """The n trials, of several kinds, whose outcomes tell most about d_int per expected cost, chosen greedily.

    d_int: of each particle, increasing (particles,); solves: the chance that a trial of each kind solves
    (particles, kinds); yes, no: what it costs if it does, and if not (kinds,). The information of a trial is the
    mutual information of its outcome and d_int, in up to GROUPS groups of about equal probability, given every
    pattern of outcomes that the trials chosen before it may have.
    """
    starts = np.searchsorted(d_int, np.unique(d_int[:: len(d_int) // GROUPS]))
    patterns = np.full((len(d_int), 1), 1 / len(d_int))  # (particles, patterns of outcomes so far), joint
    picks: list[int] = []
    for _ in range(n):
        parts = zip(np.split(patterns, starts[1:]), np.split(solves, starts[1:]), strict=True)
        both = np.array([pattern.T @ solve for pattern, solve in parts])  # (groups, patterns, kinds)
        alone = np.add.reduceat(patterns, starts)[..., None]  # (groups, patterns, 1)
        told = _uncertainty(both.sum(0), alone.sum(0)).sum(0) - _uncertainty(both, alone).sum((0, 1))
        chance = both.sum((0, 1))
        best = int(np.argmax(told / (chance * yes + (1 - chance) * no)))
        picks.append(best)
        solved = solves[:, best, None]
        patterns = _thin(np.hstack([patterns * solved, patterns * (1 - solved)]))
    return picks


def _uncertainty(solved: np.ndarray, total: np.ndarray) -> np.ndarray:
    """The entropy (nats) of an outcome that has probability solved / total, weighted by total."""
    p = np.clip(solved / np.maximum(total, 1e-300), 1e-12, 1 - 1e-12)
    return -total * (p * np.log(p) + (1 - p) * np.log1p(-p))


def _thin(patterns: np.ndarray) -> np.ndarray:
    """At most PATTERNS of the columns, drawn evenly by their probability and weighted to stand for all."""
    if patterns.shape[1] <= PATTERNS:
        return patterns
    cumulative = np.cumsum(patterns.sum(0))
    at = np.searchsorted(cumulative, (np.arange(PATTERNS) + 0.5) / PATTERNS * cumulative[-1])
    return patterns[:, at] / patterns[:, at].sum(0) * cumulative[-1] / PATTERNS


def deviance(k: np.ndarray, n: np.ndarray, p: np.ndarray) -> np.ndarray:
    """Twice the log likelihood ratio of the counts k of n against chances p, summed over the first axis."""
    share = np.clip(k / n, 1e-12, 1 - 1e-12)
    return 2 * (k * np.log(share / p) + (n - k) * np.log((1 - share) / (1 - p))).sum(0)


@lru_cache(maxsize=16)  # each may come to hold 220 MB
def posterior(d_max: int) -> Posterior:
    return Posterior(d_max)
