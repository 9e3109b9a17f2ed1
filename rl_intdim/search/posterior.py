"""The posterior over the psychometric function of a task, on a grid: how the chance of solving depends on d.

Being conditional on the trials seen, it stays valid however their d were chosen; what it assumes is the model
and the prior below. Pure numpy.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from math import comb

import numpy as np

TAIL = 0.025  # outside the 95 % interval of d_int, on either side
PARTICLES, GROUPS, PATTERNS = 1024, 16, 64  # how finely a round is planned


class Posterior:
    """A grid of (c, width, lapse, fall): where the chance crosses 1/2, how steeply, and what happens above."""

    WIDTHS = np.geomspace(0.2, 8, 8)  # octaves of d in which the chance rises from 0.1 to 0.9 of its range
    LAPSES = np.array([0, 0.05, 0.1, 0.2, 0.3])  # chance of failure far above c
    # Octaves above c at which success has fallen to half. Fine, since a sharp flank would else place c by the gaps.
    FALLS = np.array([np.inf, *np.arange(2, 8.5, 0.5)])
    P_NO_FALL = 0.75
    FALL_WIDTH = 1.0  # octaves

    def __init__(self, d_max: int) -> None:
        """The prior: c log-uniform from 1/2 to 2 d_max, everything else uniform over its grid."""
        self.d_max = d_max
        self.c = np.linspace(np.log2(0.5), np.log2(2 * d_max), 256)
        c, width, lapse, fall = np.meshgrid(self.c, self.WIDTHS, self.LAPSES, self.FALLS, indexing="ij")
        slope = 2 * np.log(9) / width  # a logistic rises from 0.1 to 0.9 within 2 ln 9 of its argument
        self._slope, self._top = slope, 1 - lapse
        # The rise is (1 - lapse) logistic(slope (x - centre)); it is 1/2 at c.
        self._centre = c + np.log(2 * (1 - lapse) - 1) / slope
        self._fall = c + fall
        prior = np.where(np.isinf(self.FALLS), self.P_NO_FALL, (1 - self.P_NO_FALL) / (len(self.FALLS) - 1))
        self.prior = np.broadcast_to(prior, c.shape) / (prior.sum() * c[..., 0].size)
        # d_int of each c: the next whole number; all above d_max are one.
        self.d_int = np.minimum(np.maximum(1, np.ceil(2**self.c - 1e-9)), d_max + 1).astype(int)
        self.chance = lru_cache(maxsize=128)(self._chance)

    def _chance(self, d: float) -> np.ndarray:
        """The chance of solving at d > 0, over the grid, kept off 0 and 1."""
        x = np.log2(d)
        with np.errstate(over="ignore"):
            rise = self._top / (1 + np.exp(-self._slope * (x - self._centre)))
            falls = 1 + np.exp(2 * np.log(9) / self.FALL_WIDTH * (x - self._fall))
        return np.clip(rise / falls, 1e-6, 1 - 1e-6)

    def update(self, tested: Mapping[int, tuple[int, int]]) -> np.ndarray:
        """The posterior weights over the grid given d -> (seeds, solved); d = 0 is no part of it."""
        log = np.log(self.prior)
        for d, (n, k) in sorted(tested.items()):
            if d > 0:
                p = self.chance(d)
                log = log + k * np.log(p) + (n - k) * np.log1p(-p)
        weights = np.exp(log - log.max())
        return weights / weights.sum()

    def quantile(self, weights: np.ndarray, q: float, zero: float = 0.0) -> int:
        """The smallest d with P(d_int <= d) >= q; above d_max it is d_max + 1. `zero`: P(d_int = 0)."""
        if q <= zero:
            return 0
        cumulative = np.cumsum(weights.sum((1, 2, 3)))
        return int(self.d_int[min(int(np.searchsorted(cumulative, (q - zero) / (1 - zero))), len(self.c) - 1)])

    def distribution(self, weights: np.ndarray, zero: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """The values that d_int may have, increasing, d_max + 1 standing for all above; and their probabilities."""
        values, starts = np.unique(self.d_int, return_index=True)
        p = np.add.reduceat(weights.sum((1, 2, 3)), starts)
        return np.append(0, values), np.append(zero, (1 - zero) * p)

    def p_falling(self, weights: np.ndarray) -> float:
        """The probability that success falls off again above c."""
        return float(weights[..., np.isfinite(self.FALLS)].sum())

    def informative(self, weights: np.ndarray, ds: Sequence[int], n: int, solved_cost: float) -> list[int]:
        """The n trials, of the ds, whose outcomes tell most about d_int per expected cost, chosen greedily.

        The information of a trial is the mutual information of its outcome and d_int, given every pattern of
        outcomes that the trials chosen before it may have. A solved trial costs `solved_cost`, another 1.
        d_int counts in up to GROUPS groups of about equal probability, and the grid is represented by
        PARTICLES points of equal weight.
        """
        cumulative = np.cumsum(weights.ravel())
        at = np.searchsorted(cumulative, (np.arange(PARTICLES) + 0.5) / PARTICLES * cumulative[-1])
        d_int = self.d_int[at // weights[0].size]
        starts = np.searchsorted(d_int, np.unique(d_int[:: PARTICLES // GROUPS]))
        solves = np.array([self.chance(d).ravel()[at] for d in ds]).T  # (particles, ds)
        patterns = np.full((PARTICLES, 1), 1 / PARTICLES)  # (particles, patterns of outcomes so far), joint
        picks: list[int] = []
        for _ in range(n):
            parts = zip(np.split(patterns, starts[1:]), np.split(solves, starts[1:]), strict=True)
            both = np.array([pattern.T @ solve for pattern, solve in parts])  # (groups, patterns, ds)
            alone = np.add.reduceat(patterns, starts)[..., None]  # (groups, patterns, 1)
            told = _uncertainty(both.sum(0), alone.sum(0)).sum(0) - _uncertainty(both, alone).sum((0, 1))
            chance = both.sum((0, 1))
            best = int(np.argmax(told / (chance * solved_cost + 1 - chance)))
            picks.append(ds[best])
            yes = solves[:, best, None]
            patterns = _thin(np.hstack([patterns * yes, patterns * (1 - yes)]))
        return picks

    def misfit(self, weights: np.ndarray, tested: Mapping[int, tuple[int, int]], draws: int = 1000) -> float:
        """Posterior predictive p-value of the deviance (Gelman, Meng and Stern 1996): how often trials that
        the model would give, at the same d, deviate from it as much as those seen. Always the same draws."""
        cells = [(d, n, k) for d, (n, k) in tested.items() if d > 0]
        if not cells:
            return 1.0
        rng = np.random.default_rng(0)
        chosen = rng.choice(weights.size, draws, p=weights.ravel())
        p = np.array([self.chance(d).ravel()[chosen] for d, _, _ in cells])  # (cells, draws)
        n, k = (np.array([cell[i] for cell in cells])[:, None] for i in (1, 2))
        seen, given = deviance(k, n, p), deviance(rng.binomial(n, p), n, p)
        return float(np.mean(given >= seen - 1e-9))

    def band(self, weights: np.ndarray, ds: Sequence[float], q: tuple[float, float] = (0.025, 0.975)) -> np.ndarray:
        """The chance of solving at each d: (len(ds), 3): lower quantile, mean, upper quantile."""
        keep, rows = weights > weights.max() * 1e-6, []
        kept = weights[keep]
        for d in ds:
            p = self._chance(d)[keep]
            order = np.argsort(p)
            cumulative = np.cumsum(kept[order])
            low, high = (p[order][min(int(np.searchsorted(cumulative, x * cumulative[-1])), len(p) - 1)] for x in q)
            rows.append((low, float(p @ kept) / cumulative[-1], high))
        return np.array(rows)


def p_zero(tested: Mapping[int, tuple[int, int]]) -> float:
    """The probability that d_int is 0: theta0 alone solves with chance 1/2 or more. That chance is a priori uniform.

    Taken as 0 or 1 beyond 97.5 %: no more is asked of any end of an interval. Never tried, it is 0.
    """
    n, k = tested.get(0, (0, 0))
    p = sum(comb(n + 1, i) for i in range(k + 1)) / 2 ** (n + 1)  # of Beta(k + 1, n - k + 1), above 1/2
    return 0.0 if not n or p < TAIL else 1.0 if p > 1 - TAIL else p


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


@cache
def posterior(d_max: int) -> Posterior:
    return Posterior(d_max)
