"""What the next round of a sweep is worth: by how much it is expected to narrow the interval of d_int."""

from collections.abc import Sequence

import numpy as np

from rl_intdim.config.schema import Search
from rl_intdim.search.adaptive import Outcome, count, next_round
from rl_intdim.search.posterior import TAIL, Posterior, p_zero, particles, posterior

DRAWS = 64  # outcomes of the round that are tried


def narrowing(search: Search, d_max: int, outcomes: Sequence[Outcome]) -> float:
    """The octaves of d by which the next round is expected to narrow the 95 % interval, over outcomes drawn from the
    posterior.

    Trials of theta0 alone narrow nothing: while those are next, it is the round after them, if theta0 fails.
    """
    outcomes = list(outcomes)
    ds = next_round(search, d_max, outcomes)
    if not any(ds):
        failed = search.round
        while p_zero({0: (failed, 0)}) > 0:
            failed += search.round
        outcomes = [o for o in outcomes if o.d > 0] + [Outcome(0, False)] * failed
        ds = next_round(search, d_max, outcomes)
    model, tested, rng = posterior(d_max), count(outcomes), np.random.default_rng(0)
    before, chance = model.update(tested), {d: model.chance(d) for d in set(ds) if d > 0}
    curves = particles(before)
    widths = []
    for curve in curves[rng.integers(len(curves), size=DRAWS)]:
        after = dict(tested)
        for d in ds:
            if d > 0:
                seeds, solved = after.get(d, (0, 0))
                after[d] = seeds + 1, solved + int(rng.random() < chance[d][curve])
        widths.append(octaves(model, model.update(after)))
    return octaves(model, before) - float(np.mean(widths))


def octaves(model: Posterior, weights: np.ndarray) -> float:
    """The width of the 95 % interval of d_int in octaves; without an upper end, up to 2 d_max."""
    low, high = (model.quantile(weights, q) for q in (TAIL, 1 - TAIL))
    return float(np.log2(high if high <= model.d_max else 2 * model.d_max) - np.log2(max(low, 0.5)))
