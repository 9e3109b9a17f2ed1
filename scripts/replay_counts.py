"""The search on chances of solving that were counted, which no curve of the model is.

    python scripts/replay_counts.py

DQN on CartPole at width 20: the CartPole notebook of https://github.com/uber-research/intrinsic-dimension, by the
paper's authors, prints the mean of five runs at each d; how many of them solved follows. From 250 on most fail again,
which is taken as 1 of 5 here. d_int is 22, and 2 of 5 at 23 make it a spike between two d that the search tries.

CMA-ES on CartPole at width 20: every seed run at these d by then (docs/results/README.md). The rise is wide and the
chance at d = 4 close to one half, so d_int is 4, or 5 if that chance is a little lower than counted: the hardest kind
of task, where an interval that ends one d too early is likeliest.

Each simulated sweep draws from these chances, between them in proportion to log d. Writes
docs/results/calibration/counts.json.
"""

import argparse
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from recording import record

from rl_intdim.config.schema import Search
from rl_intdim.records.summary import MISFIT
from rl_intdim.search.adaptive import answer, misfit
from rl_intdim.search.loop import drive, outcomes
from rl_intdim.search.simulation import SimulatedTask

OUT = Path(__file__).parent.parent / "docs" / "results" / "calibration" / "counts.json"
UBER = {1: 0, 21: 0, 22: 4, 23: 2, 24: 3, 25: 4, 30: 4, 35: 5, 225: 5, 250: 1, 562: 1}  # of five
CMA = {1: 1 / 24, 2: 6 / 26, 3: 30 / 92, 4: 193 / 372, 5: 62 / 105, 7: 12 / 14, 13: 1.0, 562: 1.0}


@dataclass(frozen=True)
class Counted(SimulatedTask):
    """A task whose chance of solving is what was counted; `place` is its d_int."""

    chances: dict[int, float] = field(default_factory=dict)

    def chance(self, d: float) -> float:
        if d <= 0:
            return 0.0
        return float(np.interp(np.log2(d), np.log2(list(self.chances)), list(self.chances.values())))


TASKS = {
    "CartPole by DQN, Uber's": Counted(22, D=562, chances={d: k / 5 for d, k in UBER.items()}),
    "CartPole by CMA-ES": Counted(4, D=562, chances=CMA),
    "CartPole by CMA-ES, 0.48 at d = 4": Counted(5, D=562, chances=CMA | {4: 0.48}),
}


def replay(task: Counted, sweeps: int) -> dict[str, Any]:
    """What so many sweeps of the task say, as shares of them."""
    search, rows = Search(direct=0), []
    for seed in range(sweeps):
        told = outcomes(drive(search, task.D, task.budget, task.run(seed)), task.budget)
        said = answer(search, task.D, told)
        low, high = said.ci95
        covers = low <= task.place <= (high or np.inf)
        flagged = misfit(search, task.D, told) < MISFIT
        rows.append(
            {
                "covers": covers,
                "found": said.status == "found",
                "found and wrong, not flagged": said.status == "found" and not covers and not flagged,
                "misfit": flagged,
                "falling": said.p_falling > 0.5,
                "trials": said.trials,
            }
        )
    shares = {key: float(np.mean([row[key] for row in rows])) for key in rows[0] if key != "trials"}
    return {"d_int": task.place, **shares, "trials": float(np.median([row["trials"] for row in rows]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200)
    args = parser.parse_args()
    figures = {
        "sweeps": args.sweeps,
        **{name: replay(task, args.sweeps) for name, task in TASKS.items()},
    }
    record(figures, OUT)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
