"""Agents in the very same subspaces: who solves what the other does not.

Trials of one task with one seed at one d start from the same theta0 in the same subspace, whatever the agent.
McNemar 1947, https://doi.org/10.1007/BF02295996, exact; the interval of Bonett and Price 2012,
https://doi.org/10.3102/1076998611411915.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb, sqrt
from typing import TYPE_CHECKING

from rl_intdim.measured import Sweep, comparable

if TYPE_CHECKING:
    import pandas as pd

LEAST = 20  # pairs at a d, below which nothing is said
NONE = (
    f"No two sweeps share {LEAST} trials at a d. Run the agents with one env and one search.seed, the same search.ds "
    f"and search.seeds={LEAST} or more."
)
NORMAL = 1.959964  # the 97.5 % quantile of the standard normal distribution


def pairs(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """A row for every two sweeps at each d at which they share LEAST trials or more, and at all of these together.
    At d = 0 there is nothing to train, so nothing to compare.

    `difference` is the share that the first solved less that of the second, with its 95 % interval, and p the
    two-sided exact test that each is as likely to solve what the other does not.
    """
    import pandas as pd

    rows = []
    for a, b in combinations(sorted(sweeps, key=lambda s: (s.env, s.agent)), 2):
        both = sorted(a.solved.keys() & b.solved.keys()) if same_subspaces(a, b) else []
        shared = Counter(d for d, _ in both if d > 0)
        ds = [d for d, n in shared.items() if n >= LEAST]
        for d in [*ds, None] if len(ds) > 1 else ds:
            told = [(a.solved[key], b.solved[key]) for key in both if key[0] in (ds if d is None else [d])]
            rows.append(
                {"task": a.env, "first": a.agent, "second": b.agent, "d": "all" if d is None else d} | row(told)
            )
    names = ["task", "first", "second", "d", "trials", "first solved", "second solved", "only first", "only second",
             "difference", "low", "high", "p"]  # fmt: skip
    return pd.DataFrame(rows, columns=names)


def same_subspaces(a: Sweep, b: Sweep) -> bool:
    """Have equal seeds and d of two sweeps the same theta0 and P, and are they scored alike?"""
    alike = (a.env, a.policy, a.projection) == (b.env, b.policy, b.projection)
    return alike and comparable(a, b) and a.agent != b.agent


def row(told: Sequence[tuple[bool, bool]]) -> dict[str, float]:
    """The figures of pairs (solved by the first, solved by the second)."""
    n, first, second = len(told), sum(x and not y for x, y in told), sum(y and not x for x, y in told)
    low, high = difference(n, first, second)
    return {
        "trials": n,
        "first solved": sum(x for x, _ in told),
        "second solved": sum(y for _, y in told),
        "only first": first,
        "only second": second,
        "difference": round((first - second) / n, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "p": float(f"{mcnemar(first, second):.2g}"),
    }


def mcnemar(first: int, second: int) -> float:
    """Two-sided exact p-value of McNemar's test from the discordant pairs: a fair coin for each."""
    n, fewer = first + second, min(first, second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def difference(n: int, first: int, second: int) -> tuple[float, float]:
    """The 95 % interval of a difference of paired shares: Wald's, after one more pair of each discordant kind."""
    p, q = (first + 1) / (n + 2), (second + 1) / (n + 2)
    half = NORMAL * sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)
