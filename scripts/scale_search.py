"""What a larger machine buys: wall-clock and env steps of the search against workers, for rounds of several sizes.

    python scripts/scale_search.py

Drives the production search through the simulated tasks of calibrate_search.py, once for each size of round, and puts
the trials of every round on 1 to 1,000 workers in order, each taking as long as it trains. Wall-clock is in budgets:
the time of one trial that trains to its end. Direct runs, which are the same for all, are left out, and trials of
theta0 alone, which train nothing, are not counted. Writes docs/results/scaling/.
"""

import argparse
import heapq
import os
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd
from calibrate_search import draw
from recording import record

from rl_intdim.analysis.style import png
from rl_intdim.config.schema import Search
from rl_intdim.files import write_whole
from rl_intdim.search.loop import drive
from rl_intdim.search.trials import Job, TrialRecord

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "scaling"
ROUNDS = (3, 6, 12, 24, 64, 256)
WORKERS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000)
MOST = 4 * max(ROUNDS)  # trials that a sweep may train, whatever its rounds


def measure(size: int, i: int) -> dict[str, Any]:
    """Task i searched in rounds of this size: trials, budgets trained, and wall-clock for each number of workers."""
    _, task = draw(i)
    clock = dict.fromkeys(WORKERS, 0.0)
    play = task.run(i)

    def run(jobs: list[Job]) -> dict[Job, TrialRecord]:
        records = play(jobs)
        costs = [records[job].env_steps / task.budget for job in jobs]
        for workers in WORKERS:
            clock[workers] += makespan(costs, workers)
        return records

    trials = drive(Search(round=size, max_trials=MOST, direct=0), task.D, task.budget, run)
    return {
        "round": size,
        "task": i,
        "trials": sum(t.d != 0 for t in trials),
        "budgets": sum(t.env_steps for t in trials) / task.budget,
    } | {f"wall_{workers}": clock[workers] for workers in WORKERS}


def makespan(costs: list[float], workers: int) -> float:
    """When the last of these trials ends, if each goes to the first worker that is free."""
    free = [0.0] * workers
    for cost in costs:
        heapq.heapreplace(free, free[0] + cost)
    return max(free)


def plot(means: pd.DataFrame) -> bytes:
    """Wall-clock and env steps against workers, a line for each size of round."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import StrMethodFormatter

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    colors = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#666666")
    for color, (size, row) in zip(colors, means.iterrows(), strict=True):
        walls = [row[f"wall_{workers}"] for workers in WORKERS]
        left.plot(WORKERS, walls, "o-", ms=3.5, color=color, label=f"rounds of {size}")
    right.bar([str(size) for size in means.index], means["budgets"], color=list(colors))
    best = [means[f"wall_{workers}"].min() for workers in WORKERS]
    left.plot(WORKERS, best, color="black", lw=0.8, ls=":", label="the best of them")
    left.set(xscale="log", yscale="log", xlabel="workers", ylabel="wall-clock of a sweep, in budgets of one trial")
    left.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    left.yaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    right.set(xlabel="trials a round", ylabel="env steps of a sweep, in budgets")
    for axis in (left, right):
        axis.grid(alpha=0.25)
    left.legend(fontsize=8)
    return png(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    args = parser.parse_args()
    rows: list[dict[str, Any]] = []
    with get_context("spawn").Pool(args.processes) as pool:
        for size in ROUNDS:
            rows += pool.imap_unordered(partial(measure, size), range(args.tasks), chunksize=4)
    means = pd.DataFrame(rows).groupby("round").mean().drop(columns="task")
    print(means.round(1).to_string())
    best = {workers: int(means[f"wall_{workers}"].idxmin()) for workers in WORKERS}
    print("the fastest round for each number of workers:", best)
    figures = {
        "tasks": args.tasks,
        "means": {str(size): {k: round(float(v), 3) for k, v in row.items()} for size, row in means.iterrows()},
        "fastest_round": best,
    }
    record(figures, FOLDER / "scaling.json")
    write_whole(FOLDER / "plot.png", plot(means))


if __name__ == "__main__":
    main()
