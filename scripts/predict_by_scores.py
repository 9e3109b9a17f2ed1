"""Do the scores of a trial that has not solved yet say whether it will? Over the records of docs/results.

    python scripts/predict_by_scores.py

Of the trials that have not solved by a quarter or half of their budget, every one that solves later is compared with
every one of the same sweep, at d within a fifth, that never does: the share of pairs in which its best look so far,
or its last, is the higher one (the area under the ROC curve; 0.5 tells nothing). Beside it, when trials solve, by how
far d is from d_int, and in each search. Writes docs/results/scores.json.
"""

import json
from collections import Counter
from itertools import pairwise
from math import log
from pathlib import Path
from statistics import median, pstdev
from typing import Any

from docs_results import SEARCHED, sweeps
from recording import record

from rl_intdim.records.sweep import Sweep
from rl_intdim.search.trials import TrialRecord

OUT = Path(__file__).parent.parent / "docs" / "results" / "scores.json"
PARTS = {"quarter": 0.25, "half": 0.5}
NEAR = 1.2  # ratio of two d that are compared
BANDS = (0.0, 0.9, 1.3, 4.0, 16.0, float("inf"))  # of d / d_int


def paused(sweep: Sweep, part: float) -> list[tuple[TrialRecord, list[float]]]:
    """The trials that have not solved by this part of the budget, and their looks until then."""
    at = part * sweep.budget
    open_then = [t for t in sweep.trials if not t.direct and t.d != 0 and (t.solved_at is None or t.solved_at > at)]
    looks = [(t, [look[1] for look in t.curve if look[0] <= at]) for t in open_then]
    return [(t, scores) for t, scores in looks if scores]


def predicted(part: float) -> dict[str, Any]:
    """How well looks predict, over all pairs of all sweeps; a tie counts half."""
    wins, pairs, trials, later = Counter[str](), Counter[str](), 0, 0
    for sweep in sweeps():
        known = paused(sweep, part)
        trials, later = trials + len(known), later + sum(t.solved for t, _ in known)
        for one, own in known:
            for other, theirs in known:
                near = 1 / NEAR <= int(one.d) / int(other.d) <= NEAR
                if one.solved and not other.solved and near:
                    pairs[sweep.folder.name] += 1
                    for name, a, b in (("best_look", max(own), max(theirs)), ("last_look", own[-1], theirs[-1])):
                        wins[name] += (a > b) + 0.5 * (a == b)  # type: ignore[assignment]
    total = sum(pairs.values())
    shares = {name: round(won / total, 3) for name, won in wins.items()}
    return {"not solved yet": trials, "solve later": later, "pairs": total, "sweeps": len(pairs)} | shares


def times() -> dict[str, dict[str, float]]:
    """When the trials of searches that name a d_int solve, as a share of the budget: by d / d_int."""
    found = [
        (int(t.d) / sweep.answer.d_int, t.solved_at / sweep.budget)
        for sweep in sweeps()
        if sweep.config.search.ds is None and sweep.answer.trials >= SEARCHED and sweep.answer.d_int
        for t in sweep.trials
        if not t.direct and t.d != 0 and t.solved_at is not None
    ]
    out = {}
    for low, high in pairwise(BANDS):
        shares = [share for ratio, share in found if low <= ratio < high]
        out[f"from {low:g} to {high:g}"] = {
            "solved": len(shares),
            "median": round(median(shares), 3),
            "after a quarter": round(sum(share > PARTS["quarter"] for share in shares) / len(shares), 3),
        }
    return out


def searches() -> dict[str, float]:
    """The median time of solving of each search with eight solved trials or more, and the spread of its logarithm:
    what `rl_intdim.search.simulation.RECORDED` is taken from."""
    solved = [
        [t.solved_at / sweep.budget for t in sweep.trials if not t.direct and t.d != 0 and t.solved_at]
        for sweep in sweeps()
        if sweep.config.search.ds is None and sweep.answer.trials >= SEARCHED
    ]
    shares = [each for each in solved if len(each) >= 8]
    medians = [median(each) for each in shares]
    spread = median(pstdev(map(log, each)) for each in shares)
    figures = {"median": median(medians), "least": min(medians), "most": max(medians), "spread": spread}
    return {"searches": len(shares)} | {name: round(figure, 3) for name, figure in figures.items()}


def main() -> None:
    figures = {name: predicted(part) for name, part in PARTS.items()} | {"times": times(), "by search": searches()}
    record(figures, OUT)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
