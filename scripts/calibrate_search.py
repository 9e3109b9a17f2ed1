"""What the search's interval is worth and what it costs: the production search on a thousand simulated tasks.

    python scripts/calibrate_search.py

Coverage of the 95 % interval, overall and by stratum; trials; expected env steps against the paper's grid
(22 values of d, five seeds, every trial to the end of its budget), once at the default width and once stopped
as soon as the interval is no wider than the grid's. Writes docs/results/calibration/.
"""

import argparse
import json
import os
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rl_intdim.analysis.style import BLUE, GREY, ORANGE
from rl_intdim.config.schema import Search
from rl_intdim.records import provenance
from rl_intdim.search import paper_rule
from rl_intdim.search.adaptive import answer
from rl_intdim.search.loop import drive, outcomes, spaced, stopped_by
from rl_intdim.search.simulation import SOLVE_MEDIAN, SOLVE_SIGMA, UNSOLVED_MEAN, SimulatedTask
from rl_intdim.search.trials import TrialRecord

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "calibration"
KINDS = {"plain": 0.6, "weibull": 0.1, "falling": 0.2, "none": 0.1}
GRID = Search(ds=spaced(22, SimulatedTask.D), seeds=5, full_budget=True)
STRATA: dict[str, list[float]] = {
    "place": [1, 10, 100, 1000, 5000],
    "width": [0.2, 0.5, 1, 2, 5],
    "lapse": [0, 0.05, 0.1, 0.15, 0.2],
}


def draw(i: int) -> tuple[str, SimulatedTask]:
    """Task i: place log-uniform from 1 to 5,000, width (octaves) from 0.2 to 5, lapse 0 to 0.2."""
    rng = np.random.default_rng((2026, i))
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    place, width, fall_width = (float(np.exp(rng.uniform(*np.log(ends)))) for ends in ((1, 5000), (0.2, 5), (0.5, 2)))
    task = SimulatedTask(place, width, lapse=rng.uniform(0, 0.2), fall_width=fall_width)
    fall = rng.uniform(2, 8)
    changes = {"weibull": {"shape": "weibull"}, "falling": {"fall": fall}, "none": {"place": 1e9}}
    return kind, replace(task, **changes.get(kind, {}))  # type: ignore[arg-type]


def measure(search: Search, i: int) -> dict[str, Any]:
    """Task i by the search, by the paper's grid, and by the search stopped at the grid's width."""
    kind, task = draw(i)
    D = task.D
    truth = task.d_int(D)
    row: dict[str, Any] = {"task": i, "kind": kind, "truth": truth} | {
        k: getattr(task, k) for k in ("place", "width", "lapse", "fall")
    }
    row["oracle"] = oracle(task, search.ci_ratio)

    def sweep(search: Search, name: str) -> list[TrialRecord]:
        trials = drive(search, D, task.budget, task.run(i, search.full_budget))
        searched = [t for t in trials if not t.direct]
        said = answer(search, D, outcomes(searched, task.budget))
        low, high = said.ci95
        row[f"{name}_trials"] = sum(t.d != 0 for t in searched)
        row[f"{name}_budgets"] = sum(t.env_steps for t in searched) / task.budget
        row[f"{name}_low"], row[f"{name}_high"] = low, high
        row[f"{name}_covers"] = high is None if truth is None else low <= truth <= (high or np.inf)
        row[f"{name}_stopped_by"] = stopped_by(search, D, task.budget, trials)
        row[f"{name}_misfit"], row[f"{name}_p_falling"] = said.misfit, said.p_falling
        return trials

    sweep(search, "search")
    trials = sweep(GRID, "grid")
    direct = [t for t in trials if t.direct]
    low, high = paper_rule.d90([t for t in trials if not t.direct], direct).ci95
    expected = [task.chance(d) + (1 - task.chance(d)) * UNSOLVED_MEAN for d in [*GRID.ds, D]]  # type: ignore[misc]
    meant = next((d for d, score in zip(GRID.ds, expected, strict=False) if score >= 0.9 * expected[-1]), np.inf)  # type: ignore[arg-type]
    row |= {"paper_low": low, "paper_high": high, "paper_covers": (low or np.inf) <= meant <= (high or np.inf)}
    # The rule cannot tell d from the grid point below: that is where its interval really begins.
    begins = {d: before + 1 for before, d in zip([0, *GRID.ds], GRID.ds, strict=False)}  # type: ignore[misc, arg-type]
    if truth is not None:
        for name, first, last in (("paper", begins.get(low or 0), high), ("grid", row["grid_low"], row["grid_high"])):
            if first and last:
                row[f"{name}_ratio"] = ratio = float(last) / float(first)
                sweep(replace(search, ci_ratio=ratio, max_trials=2000), f"as_{name}")
    return row


def oracle(task: SimulatedTask, ratio: float) -> float:
    """Budgets that no unbiased search can beat for an interval of this ratio, were all but the place known:
    the Cramer-Rao bound with every trial at the d that tells most per env step."""
    x = np.linspace(-8, 8, 1601)
    p = np.array([task.chance(task.place * 2**shift) for shift in x])
    shares = np.exp(np.log(SOLVE_MEDIAN) + SOLVE_SIGMA * np.random.default_rng(0).standard_normal(10_000))
    cost = p * np.minimum(shares, 1).mean() + (1 - p)
    inside = (p > 1e-3) & (p < 1 - 1e-3)
    told = np.gradient(p, x)[inside] ** 2 / (p * (1 - p))[inside] / cost[inside]
    return float((2 * 1.96 / np.log2(ratio)) ** 2 / told.max()) if task.place < task.D else np.nan


def summary(tasks: pd.DataFrame) -> dict[str, Any]:
    """The figures, as printed and as written to calibration.json."""
    strata = {"all": tasks.index == tasks.index} | {kind: tasks.kind == kind for kind in KINDS}
    real = tasks[tasks.kind != "none"]
    for key, edges in STRATA.items():
        for low, high in pairwise(edges):
            strata[f"{key} {low:g} to {high:g}"] = (tasks.kind != "none") & tasks[key].between(low, high)
    coverage = {
        name: [float(tasks[chosen].search_covers.mean()), int(chosen.sum())] for name, chosen in strata.items()
    }
    grid_budgets = float(tasks.grid_budgets.iloc[0])
    out: dict[str, Any] = {
        "tasks": len(tasks),
        "coverage": coverage,
        "trials": {q: float(tasks.search_trials.quantile(float(q))) for q in ("0.5", "0.9")},
        "stopped_by": tasks.search_stopped_by.value_counts().to_dict(),
        "budgets": float(tasks.search_budgets.mean()),
        "grid_budgets": grid_budgets,
        "ratio_default": grid_budgets / float(tasks.search_budgets.mean()),
        "median_width": {
            "search": float((real.search_high / real.search_low).median()),
            **{name: float(real[f"{name}_ratio"].median()) for name in ("paper", "grid")},
        },
        "paper_coverage_of_its_own_target": float(real.paper_covers.mean()),
        "grid_coverage": float(tasks.grid_covers.mean()),
        "misfit_said": float((tasks.search_misfit < 0.05).mean()),
        "falling_said": {k: float((g.search_p_falling > 0.5).mean()) for k, g in tasks.groupby("kind")},
        "by_width": {},
    }
    for name in ("paper", "grid"):
        matched = real[real[f"as_{name}_budgets"].notna()]
        out[f"ratio_as_{name}"] = grid_budgets / float(matched[f"as_{name}_budgets"].mean())
        out[f"median_ratio_as_{name}"] = float((grid_budgets / matched[f"as_{name}_budgets"]).median())
        out[f"at_least_ten_as_{name}"] = float((grid_budgets / matched[f"as_{name}_budgets"] >= 10).mean())
        out[f"compared_as_{name}"] = len(matched)
    for low, high in pairwise(STRATA["width"]):
        part = real[real.width.between(low, high)]
        columns = ("search_budgets", "oracle", "as_paper_budgets", "as_grid_budgets")
        out["by_width"][f"{low:g} to {high:g}"] = {column: float(part[column].median()) for column in columns}
    return out


def plot(tasks: pd.DataFrame, figures: dict[str, Any], path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, middle, right) = plt.subplots(1, 3, figsize=(13, 5), constrained_layout=True)
    names = list(figures["coverage"])[::-1]
    shares = np.array([figures["coverage"][name] for name in names])
    error = 1.96 * np.sqrt(np.maximum(shares[:, 0] * (1 - shares[:, 0]), 0.25 / shares[:, 1]) / shares[:, 1])
    left.errorbar(shares[:, 0], range(len(names)), xerr=error, fmt="o", color=BLUE, ms=4)
    left.axvline(0.95, color=GREY, lw=1)
    left.axvline(0.9, color=GREY, lw=1, ls=":")
    left.set_yticks(range(len(names)), [f"{n} ({int(s[1])})" for n, s in zip(names, shares, strict=True)], fontsize=8)
    left.set_xlim(0.8, 1.01)
    left.set_xlabel("coverage of the 95 % interval\n(bars: 95 %; lines: 0.95, and 0.90 asked of every stratum)")
    trials = np.sort(tasks.search_trials)
    middle.step(trials, np.arange(1, len(trials) + 1) / len(trials), color=BLUE, where="post")
    middle.axvline(len(GRID.ds or []) * GRID.seeds, color=GREY, ls="--", lw=1, label="the paper's grid")
    middle.set_xlabel("trials with d > 0")
    middle.set_ylabel("share of tasks")
    middle.legend(fontsize=8)
    widths = range(len(figures["by_width"]))
    lines: list[tuple[str, str, dict[str, Any]]] = [
        ("search_budgets", "search, high / low at most 1.5", {"color": BLUE, "marker": "o"}),
        ("as_paper_budgets", "search, as wide as the paper's rule", {"color": ORANGE, "marker": "s"}),
        ("oracle", "limit for 1.5, were all but the place known", {"color": GREY, "marker": "^", "ls": ":"}),
    ]
    for column, label, style in lines:
        right.plot(widths, [row[column] for row in figures["by_width"].values()], label=label, **style)
    right.axhline(figures["grid_budgets"], color=GREY, ls="--", lw=1, label="the paper's grid")
    right.axhline(figures["grid_budgets"] / 10, color=GREY, lw=0.6, label="a tenth of it")
    right.set_xticks(widths, list(figures["by_width"]))
    right.set_xlabel("width of the rise, octaves of d from 0.1 to 0.9")
    right.set_ylabel("env steps, in budgets of a trial (median task)")
    right.set_yscale("log")
    right.legend(fontsize=8)
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--round", type=int, default=Search().round, help="trials decided at once")
    parser.add_argument("--again", action="store_true", help="only read, print and plot the tasks.csv that is there")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # one process a core, none of which should ask for more
    if args.again:
        tasks = pd.read_csv(args.out / "tasks.csv")
        measured = json.loads((args.out / "calibration.json").read_text())
    else:
        with get_context("spawn").Pool() as pool:
            tasks = pd.DataFrame(pool.map(partial(measure, Search(round=args.round)), range(args.tasks), chunksize=5))
        measured = {"commit": provenance.commit(), "command": provenance.command()}
        args.out.mkdir(parents=True, exist_ok=True)
        tasks.to_csv(args.out / "tasks.csv", index=False, float_format="%.5g")
    figures = summary(tasks) | {key: measured[key] for key in ("commit", "command")}
    (args.out / "calibration.json").write_text(json.dumps(figures, indent=2) + "\n")
    plot(tasks, figures, args.out / "plot.png")
    print(f"{'stratum':<22} coverage  tasks")
    for name, (share, n) in figures["coverage"].items():
        print(f"{name:<22} {share:8.3f} {n:6}")
    print(json.dumps({k: v for k, v in figures.items() if k != "coverage"}, indent=2))


if __name__ == "__main__":
    main()
