"""Paired comparison of agents in the same subspaces: which solves more trials than the other?

Trials of one task with the same seed and d have the same theta0 and subspace, whatever the agent. Exact test:
McNemar 1947, https://doi.org/10.1007/BF02295996. Interval: Bonett and Price 2012,
https://doi.org/10.3102/1076998611411915.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations, count
from math import comb, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.analysis.ranking import comparable
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

LEAST = 20  # fewest shared trials at a d for a test
NONE = (
    f"No two sweeps share {LEAST} trials at a d. Run the agents with one env and one search.seed=..., the same "
    f"search.ds and search.seeds={LEAST} or more."
)
TASK = ("task", "network", "P", "threshold", "budget")
ALPHA = 0.05  # largest p by Holm at which the plot calls two agents different
NORMAL = 1.959964  # the 97.5 % quantile of the standard normal distribution


def pairs(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """One row for every two sweeps, by two agents or by one with two settings, and each d at which they share LEAST
    trials or more, and one for all of these d together. d = 0 is left out, since nothing is trained there.

    `difference` is the share that the first solved minus that of the second, with its 95 % interval from `low` to
    `high`. `p` is McNemar's two-sided exact p-value, and `p (Holm)` the same, corrected for all pairs of agents at
    this d of this task.
    """
    import pandas as pd

    rows, names = [], agents(sweeps)
    for a, b in combinations(sorted(sweeps, key=lambda s: (s.env, s.agent)), 2):
        alike = same_subspaces(a, b) and a.config.agent != b.config.agent
        both = sorted(a.solved.keys() & b.solved.keys()) if alike else []
        shared = Counter(d for d, _ in both if d > 0)
        ds = [d for d, n in shared.items() if n >= LEAST]
        for d in [*ds, None] if len(ds) > 1 else ds:
            solved = [(a.solved[key], b.solved[key]) for key in both if key[0] in (ds if d is None else [d])]
            rows.append(
                {
                    **dict(zip(TASK, task(a), strict=True)),
                    **{"first": names[a.folder], "second": names[b.folder], "d": "all" if d is None else d},
                    **row(solved),
                }
            )
    columns = [*TASK, "first", "second", "d", "trials", "first solved", "second solved", "only first", "only second",
             "difference", "low", "high", "p"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame["p (Holm)"] = frame.groupby([*TASK, "d"], sort=False)["p"].transform(lambda p: holm(p.to_list()))
    return frame.assign(**{name: frame[name].map(_rounded) for name in ("p", "p (Holm)")})


def _rounded(p: float) -> float:
    """A p-value in two digits, or in as many as leave it on its side of ALPHA."""
    return next(q for n in count(2) if ((q := float(f"{p:.{n}g}")) <= ALPHA) == (p <= ALPHA))


def task(s: Sweep) -> tuple[str | float, ...]:
    """The values of a sweep in the columns of TASK."""
    return s.env, s.hidden, s.projection, s.threshold, s.budget


def agents(sweeps: Sequence[Sweep]) -> dict[Path, str]:
    """The agent's name for each folder; with the folder where two sweeps of a task have the same agent."""
    twice = Counter((task(s), s.agent) for s in sweeps)
    return {s.folder: s.agent if twice[task(s), s.agent] == 1 else f"{s.agent} ({s.folder})" for s in sweeps}


def shares(frame: "pd.DataFrame") -> "pd.DataFrame":
    """How many trials each agent solved, from the rows of `pairs`: a row per task and d, a column per agent."""
    import pandas as pd

    cells = [
        (*(row[name] for name in (*TASK, "d", who)), f"{row[f'{who} solved']} of {row['trials']}")
        for row in frame[frame["d"] != "all"].to_dict("records")
        for who in ("first", "second")
    ]
    long = pd.DataFrame(cells, columns=[*TASK, "d", "agent", "solved"])
    return long.pivot_table(index=[*TASK, "d"], columns="agent", values="solved", aggfunc="first").reset_index()


def same_subspaces(a: Sweep, b: Sweep) -> bool:
    """Do the trials of two sweeps with the same seed and d have the same theta0, P and scoring? Two agents learn
    different ones."""
    if a.learned or b.learned:
        return False
    mine, theirs = ((s.env, s.config.env.policy, s.projection) for s in (a, b))
    return mine == theirs and comparable(a, b)


def shared(sweeps: Sequence[Sweep]) -> list[str]:
    """Which compared sweeps have trials with the same seeds, and so correlated results: one line per pair. A seed
    draws theta0 whatever d is, and the P of a smaller d may be part of that of a larger one."""
    names = agents(sweeps)

    def seeds(s: Sweep) -> set[int]:
        return {seed for d, seed in s.solved if d > 0}

    return [
        f"{a.env}: {names[a.folder]} and {names[b.folder]} share {n} of their {len(seeds(a))} and {len(seeds(b))} "
        "seeds, which start at the same theta0, so they are not independent measurements; another search.seed makes "
        "them so."
        for a, b in combinations(sweeps, 2)
        if same_subspaces(a, b) and (n := len(seeds(a) & seeds(b)))
    ]


def row(solved: Sequence[tuple[bool, bool]]) -> dict[str, float]:
    """The figures of a row of `pairs`, from (solved by the first, solved by the second) for each shared trial."""
    n, first, second = len(solved), sum(x and not y for x, y in solved), sum(y and not x for x, y in solved)
    low, high = difference(n, first, second)
    return {
        "trials": n,
        "first solved": sum(x for x, _ in solved),
        "second solved": sum(y for _, y in solved),
        "only first": first,
        "only second": second,
        "difference": round((first - second) / n, 3),
        "low": round(low, 3),
        "high": round(high, 3),
        "p": mcnemar(first, second),
    }


def mcnemar(first: int, second: int) -> float:
    """Two-sided exact p-value of McNemar's test from the discordant pairs: binomial with probability 1/2."""
    n, fewer = first + second, min(first, second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def holm(p: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, adjusted to control the family-wise error rate.
    Holm 1979, https://www.jstor.org/stable/4615733."""
    adjusted, last = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        last = adjusted[i] = max(last, min(1.0, (len(p) - rank) * p[i]))
    return adjusted


def difference(n: int, first: int, second: int) -> tuple[float, float]:
    """The 95 % interval of a difference of paired shares: Wald's, after adding one discordant pair of each sort."""
    p, q = (first + 1) / (n + 2), (second + 1) / (n + 2)
    half = NORMAL * sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)
