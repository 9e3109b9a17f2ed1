"""What rounds that grow would buy on many workers, against rounds of a fixed size, on simulated tasks.

    python scripts/simulate_growing_rounds.py

A round takes a share of the trials that were trained before it, and at least as many as the first: small while
little is known, large later, and a function of configuration and results alone, as decisions have to be. Production
has fixed rounds; this measures, on the tasks of calibrate_search.py and by the production code, whether growing ones
would pay. Wall-clock is in budgets of one trial, as in scale_search.py. Writes docs/results/scaling/growing.json.
"""

import argparse
import os
from functools import partial
from multiprocessing import get_context
from typing import Any

import pandas as pd
from calibrate_search import draw
from recording import record
from scale_search import FOLDER, MOST, makespan

from rl_intdim.config.schema import Search
from rl_intdim.search.adaptive import answer, next_round
from rl_intdim.search.loop import outcomes, stopped_by
from rl_intdim.search.trials import Job, TrialRecord

ROUNDS = ((6, 0.0), (24, 0.0), (36, 0.0), (64, 0.0), (6, 1.0), (12, 1.0), (24, 0.5), (24, 1.0))  # first, share
WORKERS = (16, 64, 256)


def measure(first: int, share: float, i: int) -> dict[str, Any]:
    """Task i searched in rounds of `first` trials or this share of those trained before, whichever is more; without
    direct runs, which are the same for all."""
    _, task = draw(i)
    run, trials, clock = task.run(i), list[TrialRecord](), dict.fromkeys(WORKERS, 0.0)
    while True:
        size = max(first, int(share * sum(t.d != 0 for t in trials)))
        search = Search(round=size, max_trials=max(MOST, size), direct=0)
        told = outcomes(trials, task.budget)
        if stopped_by(search, task.D, task.budget, trials):
            break
        jobs: list[Job] = [(d, len(trials) + n) for n, d in enumerate(next_round(search, task.D, told))]
        records = run(jobs)
        trials += [records[job] for job in jobs]
        costs = [records[job].env_steps / task.budget for job in jobs]
        clock = {workers: so_far + makespan(costs, workers) for workers, so_far in clock.items()}
    truth, (low, high) = task.d_int(task.D), answer(search, task.D, told).ci95
    return {
        "rounds": f"{first}" + f", then {share:.0%} of those before" * (share > 0),
        "trials": sum(t.d != 0 for t in trials),
        "budgets": sum(t.env_steps for t in trials) / task.budget,
        "covers": high is None if truth is None else low <= truth <= (high or float("inf")),
    } | {f"wall_{workers}": spent for workers, spent in clock.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--processes", type=int, help="as many as there are cores if not given")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    rows: list[dict[str, Any]] = []
    with get_context("spawn").Pool(args.processes) as pool:
        for first, share in ROUNDS:
            rows += pool.map(partial(measure, first, share), range(args.tasks), chunksize=4)
    means = pd.DataFrame(rows).groupby("rounds", sort=False).mean()
    figures = {
        "tasks": args.tasks,
        "means": {name: {k: round(float(v), 3) for k, v in row.items()} for name, row in means.iterrows()},
    }
    record(figures, FOLDER / "growing.json")
    print(means.round(2).to_string())


if __name__ == "__main__":
    main()
