"""The search on the counts that Uber published: DQN on CartPole at width 20, five runs at each d.

    python scripts/replay_uber.py

The authors' CartPole notebook (https://github.com/uber-research/intrinsic-dimension) prints the mean of five runs at
each d; how many of them solved follows. None did up to d = 21, then 4, 2, 3, 4 and 4 at 22, 23, 24, 25 and 30, all
from 35 to 225, and from 250 on most fail again, which is taken as 1 of 5 here. Each simulated sweep draws from these
chances, between them in proportion to log d, so d_int is 22. Writes docs/results/calibration/uber.json.
"""

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rl_intdim.config.schema import Search
from rl_intdim.records import provenance
from rl_intdim.records.summary import MISFIT
from rl_intdim.search.adaptive import answer, misfit
from rl_intdim.search.loop import drive, outcomes
from rl_intdim.search.simulation import SimulatedTask

OUT = Path(__file__).parent.parent / "docs" / "results" / "calibration" / "uber.json"
SOLVED = {1: 0, 21: 0, 22: 4, 23: 2, 24: 3, 25: 4, 30: 4, 35: 5, 225: 5, 250: 1, 562: 1}  # of five
D_INT = 22


@dataclass(frozen=True)
class Counted(SimulatedTask):
    """A task whose chance of solving is what was counted."""

    def chance(self, d: float) -> float:
        if d <= 0:
            return 0.0
        return float(np.interp(np.log2(d), np.log2(list(SOLVED)), np.array(list(SOLVED.values())) / 5))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sweeps", type=int, default=200)
    args = parser.parse_args()
    search, task = Search(direct=0), Counted(D_INT, D=562)
    rows = []
    for seed in range(args.sweeps):
        told = outcomes(drive(search, task.D, task.budget, task.run(seed)), task.budget)
        said = answer(search, task.D, told)
        low, high = said.ci95
        rows.append(
            {
                "covers": low <= D_INT <= (high or np.inf),
                "found": said.status == "found",
                "misfit": misfit(search, task.D, told) < MISFIT,
                "falling": said.p_falling > 0.5,
                "trials": said.trials,
            }
        )
    figures = {
        "sweeps": args.sweeps,
        **{key: float(np.mean([row[key] for row in rows])) for key in ("covers", "found", "misfit", "falling")},
        "trials": float(np.median([row["trials"] for row in rows])),
        "commit": provenance.commit(),
        "command": provenance.command(),
    }
    OUT.write_text(json.dumps(figures, indent=2) + "\n")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
