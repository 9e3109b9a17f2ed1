"""Agents in the very same subspaces: who solves what the other does not.

Trials of one task with one seed at one d start from the same theta0 in the same subspace, whatever the agent.
McNemar 1947, https://doi.org/10.1007/BF02295996, exact; the interval of Bonett and Price 2012,
https://doi.org/10.3102/1076998611411915.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from math import comb, sqrt
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.analysis.ranking import comparable
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

LEAST = 20  # pairs at a d, below which nothing is said
NONE = (
    f"No two sweeps share {LEAST} trials at a d. Run the agents with one env and one search.seed=..., the same "
    f"search.ds and search.seeds={LEAST} or more."
)
TASK = ("task", "network", "P", "threshold", "budget")
SURE = 0.05  # p by Holm up to which two agents are called different in the picture
NORMAL = 1.959964  # the 97.5 % quantile of the standard normal distribution


def pairs(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """A row for every two sweeps at each d at which they share LEAST trials or more, and at all of these together.
    At d = 0 there is nothing to train, so nothing to compare.

    `difference` is the share that the first solved less that of the second, with its 95 % interval, p the two-sided
    exact test that each is as likely to solve what the other does not, and `p (Holm)` the same for all the pairs of
    agents at this d of this task together.
    """
    import pandas as pd

    rows, names = [], agents(sweeps)
    for a, b in combinations(sorted(sweeps, key=lambda s: (s.env, s.agent)), 2):
        both = sorted(a.solved.keys() & b.solved.keys()) if same_subspaces(a, b) and a.agent != b.agent else []
        shared = Counter(d for d, _ in both if d > 0)
        ds = [d for d, n in shared.items() if n >= LEAST]
        for d in [*ds, None] if len(ds) > 1 else ds:
            told = [(a.solved[key], b.solved[key]) for key in both if key[0] in (ds if d is None else [d])]
            rows.append(
                {
                    **dict(zip(TASK, task(a), strict=True)),
                    **{"first": names[a.folder], "second": names[b.folder], "d": "all" if d is None else d},
                    **row(told),
                }
            )
    columns = [*TASK, "first", "second", "d", "trials", "first solved", "second solved", "only first", "only second",
             "difference", "low", "high", "p"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=columns)
    frame["p (Holm)"] = frame.groupby([*TASK, "d"], sort=False)["p"].transform(lambda p: holm(p.to_list()))
    return frame.assign(**{name: frame[name].map(lambda p: float(f"{p:.2g}")) for name in ("p", "p (Holm)")})


def task(s: Sweep) -> tuple[str | float, ...]:
    """What a sweep is about, in the columns of TASK."""
    return s.env, s.hidden, s.projection, s.threshold, s.budget


def agents(sweeps: Sequence[Sweep]) -> dict[Path, str]:
    """The agents' names by folder; with the folder where two sweeps, of other settings, would have one name."""
    twice = Counter((task(s), s.agent) for s in sweeps)
    return {s.folder: s.agent if twice[task(s), s.agent] == 1 else f"{s.agent} ({s.folder.name})" for s in sweeps}


def shares(frame: "pd.DataFrame") -> "pd.DataFrame":
    """How many trials each agent solved, from the rows of `pairs`: a row for a task and d, a column an agent."""
    import pandas as pd

    told = [
        (*(row[name] for name in (*TASK, "d", who)), f"{row[f'{who} solved']} of {row['trials']}")
        for row in frame[frame["d"] != "all"].to_dict("records")
        for who in ("first", "second")
    ]
    long = pd.DataFrame(told, columns=[*TASK, "d", "agent", "solved"])
    return long.pivot_table(index=[*TASK, "d"], columns="agent", values="solved", aggfunc="first").reset_index()


def same_subspaces(a: Sweep, b: Sweep) -> bool:
    """Have equal seeds and d of two sweeps the same theta0 and P, and are they scored alike?"""
    mine, theirs = ((s.env, s.config.env.policy, s.projection) for s in (a, b))
    return mine == theirs and comparable(a, b)


def shared(sweeps: Sequence[Sweep]) -> list[str]:
    """What ties the luck of two sweeps that are compared: trials in the very same subspaces. A line a pair."""
    names = agents(sweeps)
    return [
        f"{a.env}: {names[a.folder]} and {names[b.folder]} share {n} of their {len(a.solved)} and {len(b.solved)} "
        "subspaces, so they are not independent measurements; another search.seed makes them so."
        for a, b in combinations(sweeps, 2)
        if same_subspaces(a, b) and (n := sum(d > 0 for d, _ in a.solved.keys() & b.solved.keys()))
    ]


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
        "p": mcnemar(first, second),
    }


def mcnemar(first: int, second: int) -> float:
    """Two-sided exact p-value of McNemar's test from the discordant pairs: a fair coin for each."""
    n, fewer = first + second, min(first, second)
    return min(1.0, 2 * sum(comb(n, k) for k in range(fewer + 1)) / 2**n)


def holm(p: Sequence[float]) -> list[float]:
    """The p-values of a family of tests, each raised until one false alarm among them is as rare as it says.
    Holm 1979, https://www.jstor.org/stable/4615733."""
    found, last = [0.0] * len(p), 0.0
    for rank, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        last = found[i] = max(last, min(1.0, (len(p) - rank) * p[i]))
    return found


def difference(n: int, first: int, second: int) -> tuple[float, float]:
    """The 95 % interval of a difference of paired shares: Wald's, after one more pair of each discordant kind."""
    p, q = (first + 1) / (n + 2), (second + 1) / (n + 2)
    half = NORMAL * sqrt((p + q - (p - q) ** 2) / (n + 2))
    return max(-1.0, p - q - half), min(1.0, p - q + half)
