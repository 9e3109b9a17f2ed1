"""Which d to try next, and what the trials so far say about d_int. Pure numpy; knows no environment.

d_int is the smallest d at which a fresh seed solves with probability 1/2 or more. The chance of solving is
modelled as a psychometric function of log d: a logistic rise that crosses 1/2 at c, or never, with unknown width
and level, and perhaps a fall well above c, or a hump before it, since success need not be monotone. Trials go where
they tell most about d_int per env step (Kontsevich and Tyler, Vision Research 1999; QUEST+, Watson, Journal of
Vision 2017, with the cost of a trial added). `scripts/calibrate_search.py` measures what the interval is worth.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from rl_intdim.config.schema import Search
from rl_intdim.search.posterior import TAIL, Posterior, p_zero, posterior

MIN_LOOK = 4  # trials well above the estimate, where success may have fallen off again, before it is called
SIDE = 8  # trials within two octaves on either side of the estimate, before it is called found
LOOK_ABOVE = 4  # this many times the estimate
LOOK_RATIO = 3  # look there once the interval's high / low is at most this
LOOK_BY = 48  # or after so many trials
ZERO_TRIALS = 300  # of theta0 alone, at most, while it is undecided whether they solve: they train nothing
FINE = 8  # steps between both ends of a narrow interval
SOLVED_COST = 0.4  # share of the budget that a solved trial is expected to take, until trials have shown it


@dataclass(frozen=True)
class Outcome:
    """What the search needs to know of a trial."""

    d: int
    solved: bool
    cost: float = 1.0  # env steps, as a share of the budget


@dataclass(frozen=True)
class Answer:
    """What the outcomes say. status: found, below_1 (theta0 alone solves, so d_int is 0), above_max, undefined (the
    chance levels off below 1/2, up to d_max) or undecided."""

    status: str
    d_int: int | None
    ci95: tuple[int, int | None]  # None: no upper bound up to d_max
    p_falling: float  # posterior probability that success falls off again well above d_int
    looked_above: bool  # were MIN_LOOK trials run well above the estimate?
    level: tuple[float, float, float] | None  # if undefined, the highest chance of solving: low, mean, high
    trials: int
    tested: dict[int, tuple[int, int]] = field(repr=False)  # d -> (seeds, solved)


def lattice(d_max: int) -> list[int]:
    """The d that the search tries at first: every whole number up to 8, then four to the octave, and d_max."""
    steps = np.round(2 ** (np.arange(4 * int(np.log2(d_max) + 1) + 1) / 4)).astype(int)
    return sorted({int(d) for d in steps if d < d_max} | {d_max})


def candidates(d_max: int, low: int, high: int) -> list[int]:
    """The d of the lattice and, once the interval from low to high is an octave or less, FINE steps within it.

    Between two d of the lattice the answer would rest on a smooth curve alone, and chances are not always smooth.
    """
    fine = np.round(np.geomspace(low, high, FINE + 1)) if high <= min(2 * low, d_max) else ()
    return sorted({*lattice(d_max), *(int(d) for d in fine)})


def count(outcomes: Sequence[Outcome]) -> dict[int, tuple[int, int]]:
    """d -> (seeds, solved)."""
    seeds, solved = Counter(o.d for o in outcomes), Counter(o.d for o in outcomes if o.solved)
    return {d: (seeds[d], solved[d]) for d in sorted(seeds)}


def answer(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> Answer:
    """What the outcomes say of d_int: the posterior's median and its central 95 % interval.

    `found` needs high / low <= search.ci_ratio (or neighbours, such as 1 and 2) and, where the search chose
    the d, SIDE trials on either side of the estimate, and some well above. Theta0 alone, where no trial asked, may
    solve: then an interval from 1 begins at 0, and cannot be `found`.
    """
    tested = count(outcomes)
    model = posterior(d_max)
    weights = model.update(tested)
    low, median, high = _interval(model, weights, p_zero(tested))
    if low == 1 and 0 not in tested:
        low = 0
    looked = _seen_above(tested, median, d_max) >= MIN_LOOK
    if high == 0:
        status = "below_1"
    elif low > d_max and model.p_never(weights) > 1 - TAIL:
        status = "undefined"
    elif low > d_max:
        status = "above_max"
    elif (
        high <= d_max
        and high <= max(low * search.ci_ratio, low + 1)
        and (low > 0 or 0 in tested)
        and (search.ds is not None or (looked and min(_beside(tested, median)) >= SIDE))
    ):
        status = "found"
    else:
        status = "undecided"
    return Answer(
        status,
        median if median <= d_max and (status == "found" or _shown(tested, median)) else None,
        (min(low, d_max), high if high <= d_max else None),
        model.p_falling(weights),
        looked,
        _level(model, weights) if status == "undefined" else None,
        len(outcomes),
        tested,
    )


def misfit(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> float:
    """The p-value of outcomes as odd as these, under the posterior; small: no curve of the model fits them."""
    size = search.round if search.ds is None else 1  # where the d are given, the trials share no round
    pairs = [(o.d, o.solved) for o in outcomes]
    model = posterior(d_max)
    return model.misfit(model.update(count(outcomes)), [pairs[i : i + size] for i in range(0, len(pairs), size)])


def next_round(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> list[int]:
    """The d of the next round of trials, from the configuration and the outcomes alone.

    First theta0 alone, until it is known whether that solves, then by information, once with a look well above
    the estimate. What makes a sweep stop has no say in where it goes, so that it can be extended.
    """
    if search.ds is not None:
        # Seed by seed, so that a sweep that is ended early has as many trials at each d.
        return search.ds * (search.seeds - len(outcomes) // len(search.ds))
    tested = count(outcomes)
    if not outcomes or (0 < p_zero(tested) < 1 and tested[0][0] < ZERO_TRIALS):
        return [0] * search.round
    model = posterior(d_max)
    weights = model.update(tested)
    low, median, high = _interval(model, weights)
    due = high <= d_max and (high <= LOOK_RATIO * low or len(outcomes) >= LOOK_BY)
    lacking = max(0, MIN_LOOK - _seen_above(tested, median, d_max)) if due else 0
    look = [min(d for d in lattice(d_max) if d >= _above(median, d_max))] * min(lacking, search.round)
    costs = [o.cost for o in outcomes if o.solved and o.d > 0]
    solved_cost = (SOLVED_COST + sum(costs)) / (1 + len(costs))
    tries = candidates(d_max, low, high)
    return sorted(look + model.informative(weights, tries, search.round - len(look), solved_cost))


def _shown(tested: dict[int, tuple[int, int]], median: int) -> bool:
    """Do the trials speak for this d_int, or little but the prior? One has solved, of theta0 alone for 0 only, and
    some were run within two octaves on either side of it."""
    solved = any(solved for d, (_, solved) in tested.items() if d > 0 or median == 0)
    below = median == 0 or any(median // 4 <= d < median for d in tested)
    return solved and below and any(median <= d <= 4 * max(median, 1) for d in tested)


def _level(model: Posterior, weights: np.ndarray) -> tuple[float, float, float]:
    """The chance of solving where it is highest, on average over the curves: low, mean, high."""
    low, mean, high = max(model.band(weights, lattice(model.d_max)), key=lambda row: row[1])
    low, mean, high = (round(float(share), 6) for share in (low, mean, high))  # a sum's last bits depend on threads
    return low, mean, high


def _interval(model: Posterior, weights: np.ndarray, zero: float = 0.0) -> tuple[int, int, int]:
    """Both ends of the 95 % interval of d_int, about its median."""
    low, median, high = (model.quantile(weights, q, zero) for q in (TAIL, 0.5, 1 - TAIL))
    return low, median, high


def _above(median: int, d_max: int) -> int:
    return min(LOOK_ABOVE * max(1, median), d_max)


def _seen_above(tested: dict[int, tuple[int, int]], median: int, d_max: int) -> int:
    """Trials at about the d of the look above, or beyond; above the estimate in any case, where d_max leaves room."""
    least = max(0.75 * _above(median, d_max), min(median + 1, d_max))
    return sum(n for d, (n, _) in tested.items() if d >= least)


def _beside(tested: dict[int, tuple[int, int]], median: int) -> tuple[int, int]:
    """Trials within two octaves below the estimate, and from it on. Those of theta0 alone count below 2 and 3; below
    1 there is nothing else, and it is tried until it is known."""
    below = sum(n for d, (n, _) in tested.items() if median // 4 <= d < median) if median > 1 else SIDE
    return below, sum(n for d, (n, _) in tested.items() if median <= d <= 4 * median)


def largest(search: Search, D: int) -> int:
    """The largest d that a search may try."""
    return search.d_max or (max([1, *search.ds]) if search.ds else D)
