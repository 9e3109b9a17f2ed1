"""What the search's interval is worth and what it costs: the production search on simulated tasks.

    python scripts/calibrate_search.py

Coverage of the 95 % interval, overall, by stratum and by number of trials, in a large space, and on tasks outside the
model; trials, theta0's included; env steps against the paper's grid (22 values of d, five seeds), whose trials go to
the end of their budget or stop when they solve, once at the default width and once stopped as soon as the interval is
no wider than the grid's. Writes docs/results/calibration/.
"""

import argparse
import json
import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rl_intdim.analysis.style import BLUE, GREY, ORANGE, png
from rl_intdim.config.schema import Search
from rl_intdim.files import write_whole
from rl_intdim.records import provenance
from rl_intdim.records.summary import MISFIT
from rl_intdim.search import paper_rule
from rl_intdim.search.adaptive import answer, misfit
from rl_intdim.search.loop import drive, outcomes, spaced, stopped_by
from rl_intdim.search.simulation import SOLVE_MEDIAN, SOLVE_SIGMA, UNSOLVED_MEAN, SimulatedTask
from rl_intdim.search.trials import TrialRecord

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "calibration"
KINDS = {"plain": 0.6, "weibull": 0.1, "falling": 0.2, "none": 0.1}
GRID = Search(ds=spaced(22, SimulatedTask.D), seeds=5, full_budget=True)
MOST = 600  # trials, where the grid's interval is narrower than what the search stops at
# Shapes that an audit tried, and changes of a simulated task that make them. The first two have a d_int that only a
# level close above 1/2 defines; the next two have none.
OUTSIDE: dict[str, dict[str, float]] = {
    "levels off at 0.60": {"lapse": 0.40},
    "levels off at 0.55": {"lapse": 0.45},
    "levels off at 0.45": {"lapse": 0.55},
    "levels off at 0.40": {"lapse": 0.60},
    "first hump peaks near 0.6": {"lapse": 0.38, "width": 0.6, "fall": 2.5, "again": 5.0},
    "luck shared by a round": {"luck": 1.5},
    "luck shared, twice as much": {"luck": 3.0},
}
ODD_TRIALS = 60
LARGE = 1_000_000  # a D as large as Pong's
TRAINED = (0, 18, 24, 30, 48, 120)  # numbers of trials by which sweeps that ended `found` are told apart
STRATA: dict[str, list[float]] = {
    "place": [1, 10, 100, 1000, 5000],
    "width": [0.2, 0.5, 1, 2, 5],
    "lapse": [0, 0.05, 0.1, 0.15, 0.2],
}


def draw(i: int, D: int = SimulatedTask.D) -> tuple[str, SimulatedTask]:
    """Task i: place log-uniform from 1 to D / 2, width (octaves) from 0.2 to 5, lapse 0 to 0.2."""
    rng = np.random.default_rng((2026, i))
    kind = str(rng.choice(list(KINDS), p=list(KINDS.values())))
    place, width, fall_width = (
        float(np.exp(rng.uniform(*np.log(ends)))) for ends in ((1, D / 2), (0.2, 5), (0.5, 2))
    )
    task = SimulatedTask(place, width, lapse=rng.uniform(0, 0.2), fall_width=fall_width, D=D)
    fall = rng.uniform(2, 8)
    changes = {"weibull": {"shape": "weibull"}, "falling": {"fall": fall}, "none": {"place": 1e5 * D}}
    return kind, replace(task, **changes.get(kind, {}))  # type: ignore[arg-type]


def odd(shape: str, i: int) -> SimulatedTask:
    """Task i of a shape of OUTSIDE: place from 2 to 128, width from 0.5 to 2."""
    rng = np.random.default_rng((20, i))
    task = SimulatedTask(2 ** rng.uniform(1, 7), rng.uniform(0.5, 2))
    return replace(task, **OUTSIDE[shape])  # type: ignore[arg-type]


def said_of(search: Search, task: SimulatedTask, trials: Sequence[TrialRecord]) -> dict[str, Any]:
    """What trials say of a task, and what they cost."""
    searched, truth = [t for t in trials if not t.direct], task.d_int(task.D)
    told = outcomes(searched, task.budget)
    said = answer(search, task.D, told)
    low, high = said.ci95
    return {
        "trials": len(searched),
        "trained": sum(t.d != 0 for t in searched),
        "budgets": sum(t.env_steps for t in searched) / task.budget,
        "low": low,
        "high": high,
        "covers": high is None if truth is None else low <= truth <= (high or np.inf),
        "status": said.status,
        "misfit": misfit(search, task.D, told),
        "p_falling": said.p_falling,
    }


def until(search: Search, task: SimulatedTask, trials: list[TrialRecord]) -> list[TrialRecord]:
    """The trials with which this search, which has a say in nothing but the end, would have stopped."""
    for n in range(search.round, len(trials), search.round):
        if stopped_by(search, task.D, task.budget, trials[:n]):
            return trials[:n]
    return trials


def measure(search: Search, i: int) -> dict[str, Any]:
    """Task i by the search, by the paper's grid, and by the search stopped at the grid's width."""
    kind, task = draw(i)
    D, truth = task.D, task.d_int(task.D)
    row: dict[str, Any] = {"task": i, "kind": kind, "truth": truth} | {
        k: getattr(task, k) for k in ("place", "width", "lapse", "fall")
    }
    row["oracle"] = oracle(task, search.ci_ratio)
    trials = drive(GRID, D, task.budget, task.run(i, full_budget=True))
    direct = [t for t in trials if t.direct]
    row |= {f"grid_{k}": v for k, v in said_of(GRID, task, trials).items()}
    stops = [t for t in drive(replace(GRID, full_budget=False), D, task.budget, task.run(i)) if not t.direct]
    row["stopping_grid_budgets"] = sum(t.env_steps for t in stops) / task.budget
    low, high = paper_rule.d90([t for t in trials if not t.direct], direct).ci95
    expected = [task.chance(d) + (1 - task.chance(d)) * UNSOLVED_MEAN for d in [*GRID.ds, D]]  # type: ignore[misc]
    meant = next((d for d, score in zip(GRID.ds, expected, strict=False) if score >= 0.9 * expected[-1]), np.inf)  # type: ignore[arg-type]
    row |= {"paper_low": low, "paper_high": high, "paper_covers": (low or np.inf) <= meant <= (high or np.inf)}
    # The rule cannot tell d from the grid point below: that is where its interval really begins.
    begins = {d: before + 1 for before, d in zip([0, *GRID.ds], GRID.ds, strict=False)}  # type: ignore[misc, arg-type]
    searches = {"search": search}
    if truth is not None:
        for name, first, last in (("paper", begins.get(low or 0), high), ("grid", row["grid_low"], row["grid_high"])):
            if first and last:
                row[f"{name}_ratio"] = ratio = float(last) / float(first)
                searches[f"as_{name}"] = replace(search, ci_ratio=ratio, max_trials=MOST)
    longest = max(searches.values(), key=lambda s: (s.max_trials, -s.ci_ratio))
    longest = replace(longest, direct=0, ci_ratio=min(s.ci_ratio for s in searches.values()))
    found = drive(longest, D, task.budget, task.run(i))
    for name, one in searches.items():
        row |= {f"{name}_{k}": v for k, v in said_of(one, task, until(one, task, found)).items()}
    return row


def measure_large(search: Search, i: int) -> dict[str, Any]:
    """Task i in a space of LARGE dimensions, by the search."""
    kind, task = draw(i, LARGE)
    row = {"task": i, "kind": kind, "truth": task.d_int(LARGE), "place": task.place, "width": task.width}
    return row | said_of(search, task, drive(replace(search, direct=0), LARGE, task.budget, task.run(i)))


def measure_odd(search: Search, job: tuple[str, int]) -> dict[str, Any]:
    """A task outside the model, in ODD_TRIALS."""
    shape, i = job
    task, search = odd(shape, i), replace(search, max_trials=ODD_TRIALS, direct=0)
    said = said_of(search, task, drive(search, task.D, task.budget, task.run(i)))
    return {"shape": shape, "task": i, "place": task.place, "truth": task.d_int(task.D)} | said


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


def summary(tasks: pd.DataFrame, odds: pd.DataFrame, large: pd.DataFrame) -> dict[str, Any]:
    """The figures, as printed and as written to calibration.json."""
    strata = {"all": tasks.index == tasks.index} | {kind: tasks.kind == kind for kind in KINDS}
    real = tasks[tasks.kind != "none"]
    for key, edges in STRATA.items():
        for low, high in pairwise(edges):
            strata[f"{key} {low:g} to {high:g}"] = (tasks.kind != "none") & tasks[key].between(low, high)
    for low, high in pairwise(TRAINED):
        strata[f"found, {low + 1} to {high} trials"] = (
            tasks.search_status == "found"
        ) & tasks.search_trained.between(low + 1, high)
    coverage = {
        name: [float(tasks[chosen].search_covers.mean()), int(chosen.sum())]
        for name, chosen in strata.items()
        if chosen.sum()
    }
    strata = {"all": large.index == large.index, "d_int above 5,000": large.truth > 5000}
    strata["width 0.2 to 0.5"] = (large.kind != "none") & large.width.between(*STRATA["width"][:2])
    for name, chosen in strata.items():
        coverage[f"D = {LARGE:,}: {name}"] = [float(large[chosen].covers.mean()), int(chosen.sum())]
    out: dict[str, Any] = {
        "tasks": len(tasks),
        "coverage": coverage,
        "outside": {
            shape: {
                "tasks": len(g),
                "covered": float(g.covers.mean()),
                "flagged": float((g.misfit < MISFIT).mean()),
                "either": float((g.covers | (g.misfit < MISFIT)).mean()),
                "found": float((g.status == "found").mean()),
                "found and wrong, not flagged": float(
                    ((g.status == "found") & ~g.covers & (g.misfit >= MISFIT)).mean()
                ),
                "undefined": float((g.status == "undefined").mean()),
            }
            for shape, g in odds.groupby("shape", sort=False)
        },
        "trials": {q: float(tasks.search_trials.quantile(float(q))) for q in ("0.5", "0.9")},
        "budgets": {q: float(tasks.search_budgets.quantile(float(q))) for q in ("0.5", "0.9")}
        | {"mean": float(tasks.search_budgets.mean())},
        "status": tasks.search_status.value_counts().to_dict(),
        "median_width": {
            "search": float((real.search_high / real.search_low).median()),
            **{name: float(real[f"{name}_ratio"].median()) for name in ("paper", "grid")},
        },
        "paper_coverage_of_its_own_target": float(real.paper_covers.mean()),
        "grid_coverage": float(tasks.grid_covers.mean()),
        "misfit_said": float((tasks.search_misfit < MISFIT).mean()),
        "falling_said": {k: float((g.search_p_falling > 0.5).mean()) for k, g in tasks.groupby("kind")},
        "grids": {"never stops": against(tasks, real, "grid_budgets")}
        | {"stops on solving": against(tasks, real, "stopping_grid_budgets")},
        "by_width": {},
    }
    for low, high in pairwise(STRATA["width"]):
        part = real[real.width.between(low, high)]
        columns = ("search_budgets", "oracle", "as_paper_budgets", "as_grid_budgets", "stopping_grid_budgets")
        out["by_width"][f"{low:g} to {high:g}"] = {column: float(part[column].median()) for column in columns}
    return out


def against(tasks: pd.DataFrame, real: pd.DataFrame, grid: str) -> dict[str, Any]:
    """How many times the env steps of the search a grid takes: at the default width, and at the grid's own, by the
    paper's rule bootstrapped and by our model."""
    out: dict[str, Any] = {
        "budgets": float(tasks[grid].mean()),
        "times": float(tasks[grid].mean() / tasks.search_budgets.mean()),
    }
    for name in ("paper", "grid"):
        matched = real[real[f"as_{name}_budgets"].notna()]
        ratio = matched[grid] / matched[f"as_{name}_budgets"]
        out[f"as wide as by {'the paper' if name == 'paper' else 'our model'}"] = {
            "tasks": len(matched),
            "times": float(matched[grid].sum() / matched[f"as_{name}_budgets"].sum()),
            "median": float(ratio.median()),
            "at least ten": float((ratio >= 10).mean()),
        }
    return out


def plot(figures: dict[str, Any], tasks: pd.DataFrame, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, ((left, outside), (middle, right)) = plt.subplots(2, 2, figsize=(13, 11), constrained_layout=True)
    names = list(figures["coverage"])[::-1]
    shares = np.array([figures["coverage"][name] for name in names])
    error = 1.96 * np.sqrt(np.maximum(shares[:, 0] * (1 - shares[:, 0]), 0.25 / shares[:, 1]) / shares[:, 1])
    left.errorbar(shares[:, 0], range(len(names)), xerr=error, fmt="o", color=BLUE, ms=4)
    left.axvline(0.95, color=GREY, lw=1)
    left.set_yticks(range(len(names)), [f"{n} ({int(s[1])})" for n, s in zip(names, shares, strict=True)], fontsize=8)
    left.set_xlim(0.78, 1.01)
    left.set_xlabel("simulated tasks: coverage of the 95 % interval (bars: 95 %; line: 0.95)")
    shapes = list(figures["outside"])[::-1]
    for key, color, dy in (("either", BLUE, 0.15), ("covered", ORANGE, -0.15)):
        values = [figures["outside"][shape][key] for shape in shapes]
        label = "covered, or a misfit said" if key == "either" else "covered"
        outside.barh(np.arange(len(shapes)) + dy, values, height=0.28, color=color, label=label)
    outside.axvline(0.8, color=GREY, lw=1)
    outside.set_yticks(range(len(shapes)), [f"{s} ({figures['outside'][s]['tasks']})" for s in shapes], fontsize=8)
    outside.set_xlim(0, 1)
    outside.set_xlabel(f"hard shapes, in {ODD_TRIALS} trained trials (line: 0.8)")
    outside.legend(fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    trials = np.sort(tasks.search_trials)
    middle.step(trials, np.arange(1, len(trials) + 1) / len(trials), color=BLUE, where="post")
    middle.axvline(len(GRID.ds or []) * GRID.seeds, color=GREY, ls="--", lw=1, label="the paper's grid")
    middle.set_xlabel("trials, theta0's included")
    middle.set_ylabel("share of tasks")
    middle.legend(fontsize=8)
    widths = range(len(figures["by_width"]))
    lines: list[tuple[str, str, dict[str, Any]]] = [
        ("search_budgets", "search, high / low at most 1.5", {"color": BLUE, "marker": "o"}),
        ("as_paper_budgets", "search, as wide as the paper's rule", {"color": ORANGE, "marker": "s"}),
        ("oracle", "limit for 1.5, were all but the place known", {"color": GREY, "marker": "^", "ls": ":"}),
        ("stopping_grid_budgets", "the grid, stopping on solving", {"color": GREY, "marker": "x", "ls": "--"}),
    ]
    for column, label, style in lines:
        right.plot(widths, [row[column] for row in figures["by_width"].values()], label=label, **style)
    never = figures["grids"]["never stops"]["budgets"]
    right.axhline(never, color=GREY, ls="-", lw=1, label="the grid, never stopping")
    right.axhline(never / 10, color=GREY, lw=0.6, ls="-.", label="a tenth of it")
    right.set_xticks(widths, list(figures["by_width"]))
    right.set_xlabel("width of the rise, octaves of d from 0.1 to 0.9")
    right.set_ylabel("env steps, in budgets of a trial (median task)")
    right.set_yscale("log")
    right.legend(fontsize=8)
    write_whole(path, png(figure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=1000)
    parser.add_argument("--odd", type=int, default=100, help="tasks of every shape outside the model")
    parser.add_argument("--large", type=int, default=400, help=f"tasks in spaces of {LARGE:,} dimensions")
    parser.add_argument("--round", type=int, default=Search().round, help="trials decided at once")
    parser.add_argument("--processes", type=int, help="as many as there are cores if not given")
    parser.add_argument("--again", action="store_true", help="only read, print and plot the tables that are there")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # one process a core, none of which should ask for more
    if args.again:
        tasks, odds, large = (pd.read_csv(args.out / f"{name}.csv") for name in ("tasks", "outside", "large"))
        measured = json.loads((args.out / "calibration.json").read_text())
    else:
        search = Search(round=args.round)
        jobs = [(shape, i) for shape in OUTSIDE for i in range(args.odd)]
        with get_context("spawn").Pool(args.processes) as pool:
            odds = pd.DataFrame(pool.map(partial(measure_odd, search), jobs, chunksize=5))
            tasks = pd.DataFrame(pool.map(partial(measure, search), range(args.tasks), chunksize=5))
            large = pd.DataFrame(pool.map(partial(measure_large, search), range(args.large), chunksize=5))
        measured = {"commit": provenance.commit(), "command": provenance.command()}
        args.out.mkdir(parents=True, exist_ok=True)
        for name, table in {"tasks": tasks, "outside": odds, "large": large}.items():
            table.to_csv(args.out / f"{name}.csv", index=False, float_format="%.7g")
    figures = summary(tasks, odds, large) | {key: measured[key] for key in ("commit", "command")}
    (args.out / "calibration.json").write_text(json.dumps(figures, indent=2) + "\n")
    plot(figures, tasks, args.out / "plot.png")
    print(f"{'stratum':<34} coverage  tasks")
    for name, (share, n) in figures["coverage"].items():
        print(f"{name:<34} {share:8.3f} {n:6}")
    print(json.dumps({k: v for k, v in figures.items() if k != "coverage"}, indent=2))


if __name__ == "__main__":
    main()
