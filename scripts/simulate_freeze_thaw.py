"""What it would buy to run trials in parts: freeze and thaw, against whole trials, on simulated tasks.

    python scripts/simulate_freeze_thaw.py

A trial runs to a quarter of its budget and is paused; the search then chooses, by information on d_int per env step,
between new trials and the next part of paused ones (Swersky, Snoek and Adams 2014, arXiv 1406.3896, did this for
hyperparameters). A paused trial counts as what it is: not solved so far. The model gains the time of solving: the
share of the budget by which a trial that solves has solved, a log-normal whose median is unknown. Production trains
whole trials; this measures, on the tasks of calibrate_search.py and by the same rule of when to stop, whether parts
would pay. `--median 0.19 --sigma 1.08` are the times of the records: 40 % of the trials near d_int that solve do so
after a quarter of the budget. Writes docs/results/freeze_thaw/, or what --out names.
"""

import argparse
import json
import os
from collections import Counter, defaultdict
from dataclasses import dataclass
from functools import cache, partial
from itertools import pairwise
from math import erf
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from calibrate_search import KINDS, STRATA, draw
from recording import record

from rl_intdim.config.schema import Search
from rl_intdim.search.adaptive import LOOK_ABOVE, MIN_LOOK, SIDE, lattice
from rl_intdim.search.posterior import TAIL, Posterior, particles, plan, posterior
from rl_intdim.search.simulation import SOLVE_MEDIAN, SOLVE_SIGMA, SimulatedTask

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "freeze_thaw"
SCHEDULES = {"whole trials": (1.0,), "parts": (0.25, 0.5, 1.0)}
MEDIANS, SIGMA = (0.05, 0.12, 0.3), 1.0  # of the time of solving, a priori as likely as each other
RATIOS = (Search().ci_ratio, 4.0)  # of the interval; 4: the median of the paper's rule on its grid
LIMIT = 100.0  # budgets of a sweep at most


class Times(NamedTuple):
    """When the trials that solve do so, as a share of the budget: log-normal."""

    median: float
    sigma: float


TIMES = Times(SOLVE_MEDIAN, SOLVE_SIGMA)


def log_normal(t: float, median: float) -> float:
    """The share of trials that have solved by t, of all that would ever."""
    return 0.5 * (1 + erf(np.log(t / median) / SIGMA / np.sqrt(2)))


@cache
def solved_by(t: float) -> np.ndarray:
    """The chance that a trial which solves within the budget has by this part of it, for each of MEDIANS."""
    return np.array([log_normal(t, m) / log_normal(1, m) for m in MEDIANS]) if t else np.zeros(len(MEDIANS))


@cache
def spent(start: float, end: float) -> np.ndarray:
    """What a trial costs from start until it solves, if it does before `end`, for each of MEDIANS."""
    ts = np.linspace(start, end, 41)
    steps = np.diff([solved_by(float(t)) for t in ts], axis=0)
    mean: np.ndarray = ((ts[1:] + ts[:-1]) / 2 - start) @ steps / steps.sum(0)
    return mean


@dataclass
class Trial:
    """A simulated trial, run so far."""

    d: int
    solves_at: float  # share of the budget; infinite if it never does
    ran: float = 0.0

    @property
    def solved(self) -> bool:
        return self.ran >= self.solves_at

    def advance(self, end: float) -> float:
        """Run on; returns what that cost."""
        before, self.ran = self.ran, min(end, self.solves_at)
        return self.ran - before


def update(model: Posterior, trials: list[Trial]) -> np.ndarray:
    """Posterior weights (curves, MEDIANS). A trial that solved at t has likelihood p(d) g(t), one that has not by t
    1 - p(d) G(t), where p is the curve's chance, g the density of the time of solving and G its integral."""
    whole: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    paused: Counter[tuple[int, float]] = Counter()
    log_times = np.zeros(len(MEDIANS))
    for t in trials:
        if t.solved or t.ran == 1:
            whole[t.d][0] += 1
            whole[t.d][1] += t.solved
        else:
            paused[t.d, t.ran] += 1
        if t.solved:
            log_times += [-0.5 * (np.log(t.ran / m) / SIGMA) ** 2 - np.log(log_normal(1, m)) for m in MEDIANS]
    log = np.log(model.update({d: (n, k) for d, (n, k) in whole.items()}) + 1e-300).astype(np.float32)
    both = log[:, None] + log_times.astype(np.float32)
    for (d, ran), n in paused.items():
        both += n * unsolved(model.d_max, d, ran)
    weights = np.exp(both - both.max()).astype(float)
    return weights / weights.sum()


@cache
def unsolved(d_max: int, d: int, ran: float) -> np.ndarray:
    """The logarithm of the chance not to have solved by this part, (curves, MEDIANS)."""
    return np.log1p(-posterior(d_max).chance(d)[:, None] * solved_by(ran)).astype(np.float32)


def sweep(
    task: SimulatedTask, seed: int, parts: tuple[float, ...], times: Times = TIMES
) -> dict[float, dict[str, Any]]:
    """One simulated sweep, in rounds as production's: what it says once its interval is as narrow as RATIOS."""
    model, grid, size = posterior(task.D), lattice(task.D), Search().round
    trials: list[Trial] = []
    cost, truth, ends = 0.0, task.d_int(task.D), dict[float, dict[str, Any]]()
    while True:
        weights = update(model, trials)
        low, median, high = (model.quantile(weights.sum(1), q) for q in (TAIL, 0.5, 1 - TAIL))
        # A paused trial is as much of a whole one as the chance that it would have solved by then.
        share = {t: float(solved_by(t) @ weights.sum(0)) for t in (0.0, *parts)}
        told = [(t.d, 1.0 if t.solved else share[t.ran]) for t in trials]
        above = min(LOOK_ABOVE * max(1, median), task.D)
        looked = sum(n for d, n in told if d >= 0.75 * above)
        sides = (
            sum(n for d, n in told if median // 4 <= d < median) if median > 1 else SIDE,
            sum(n for d, n in told if median <= d <= 4 * median),
        )
        bounded = high <= task.D
        enough = looked >= MIN_LOOK and min(sides) >= SIDE
        over = low > task.D or cost >= LIMIT
        for ratio in RATIOS:
            found = bounded and enough and high <= max(low * ratio, low + 1)
            if ratio not in ends and (found or over):
                covers = high > task.D if truth is None else low <= truth <= high
                ends[ratio] = {"low": low, "high": high, "covers": covers, "budgets": cost}
                ends[ratio] |= {"trials": len(trials), "found": found}
        if len(ends) == len(RATIOS):
            return ends
        if bounded and (high <= 3 * low or len(trials) >= 48) and looked < MIN_LOOK:
            d = min(d for d in grid if d >= above)
            for _ in range(min(size, int(np.ceil(MIN_LOOK - looked)))):  # to the end: a fall is seen at once
                trials.append(drawn(task, d, seed, len(trials), times))
                cost += trials[-1].advance(1.0)
            continue
        for trial, end in chosen(model, weights, trials, grid, parts, size):
            if isinstance(trial, int):
                trial = drawn(task, trial, seed, len(trials), times)
                trials.append(trial)
            cost += trial.advance(end)


def drawn(task: SimulatedTask, d: int, seed: int, i: int, times: Times) -> Trial:
    rng = np.random.default_rng((seed, i))
    solves = rng.random() < task.chance(d)
    share = min(1.0, times.median * float(np.exp(times.sigma * rng.standard_normal())))
    return Trial(d, share if solves else np.inf)


def chosen(
    model: Posterior, weights: np.ndarray, trials: list[Trial], grid: list[int], parts: tuple[float, ...], n: int
) -> list[tuple[int | Trial, float]]:
    """The n most informative per env step: new trials, named by their d, and paused ones; each with the part of the
    budget to which it goes."""
    curve, time = np.divmod(particles(weights.ravel()), len(MEDIANS))
    paused: dict[tuple[int, float], list[Trial]] = defaultdict(list)
    for t in trials:
        if not t.solved and t.ran < 1:
            paused[t.d, t.ran].append(t)
    kinds = [(d, 0.0) for d in grid] + sorted(paused)
    ends = [next(part for part in parts if part > ran) for _, ran in kinds]
    now, then = (np.array([solved_by(t)[time] for t in ts]).T for ts in ([ran for _, ran in kinds], ends))
    p = np.array([model.chance(d, curve) for d, _ in kinds]).T
    solves = np.clip(p * (then - now) / (1 - p * now), 1e-6, 1 - 1e-6)  # (particles, kinds)
    yes = np.array([spent(ran, end) @ weights.sum(0) for (_, ran), end in zip(kinds, ends, strict=True)])
    no = np.array([end - ran for (_, ran), end in zip(kinds, ends, strict=True)])
    picks: list[tuple[int | Trial, float]] = []
    while len(picks) < n:
        for i in plan(model.d_int[curve], solves, yes, no, n - len(picks)):
            d, ran = kinds[i]
            if ran and not paused[d, ran]:  # all of these are taken: plan again without
                solves[:, i] = 1e-6
                break
            picks.append((paused[d, ran].pop(), ends[i]) if ran else (d, ends[i]))
    return picks


def measure(times: Times, i: int) -> list[dict[str, Any]]:
    kind, task = draw(i)
    return [
        {"task": i, "kind": kind, "width": task.width, "schedule": name, "ratio": ratio} | said
        for name, parts in SCHEDULES.items()
        for ratio, said in sweep(task, i, parts, times).items()
    ]


def compared(rows: pd.DataFrame) -> dict[str, Any]:
    """What sweeps of either schedule say and cost, and how many times as many env steps whole trials take."""
    budgets = rows.pivot(index="task", columns="schedule", values="budgets")
    whole, parts = (budgets[name] for name in SCHEDULES)
    return {
        "tasks": len(budgets),
        **{
            name: {
                "budgets": {"mean": float(g.budgets.mean()), "median": float(g.budgets.median())},
                "coverage": float(g.covers.mean()),
                "found": float(g.found.mean()),
            }
            for name, g in rows.groupby("schedule", sort=False)
        },
        "whole trials over parts": {
            "of the means": float(whole.mean() / parts.mean()),
            "median task": float((whole / parts).median()),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--median", type=float, default=TIMES.median, help="of the times at which trials solve")
    parser.add_argument("--sigma", type=float, default=TIMES.sigma, help="of their logarithm")
    parser.add_argument("--processes", type=int, help="as many as there are cores if not given")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    with get_context("spawn").Pool(args.processes) as pool:
        found = pool.map(partial(measure, Times(args.median, args.sigma)), range(args.tasks), chunksize=2)
    rows = pd.DataFrame([row for task in found for row in task])
    figures: dict[str, Any] = {"tasks": args.tasks, "times": {"median": args.median, "sigma": args.sigma}}
    strata = {"all": rows.task >= 0} | {kind: rows.kind == kind for kind in KINDS}
    for low, high in pairwise(STRATA["width"]):
        strata[f"width {low:g} to {high:g}"] = (rows.kind != "none") & rows.width.between(low, high)
    for ratio, group in rows.groupby("ratio"):
        figures[f"ratio {ratio:g}"] = {
            name: compared(group[chosen[group.index]]) for name, chosen in strata.items() if chosen.any()
        }
    record(figures, args.out / "freeze_thaw.json")
    rows.to_csv(args.out / "tasks.csv", index=False, float_format="%.5g")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
