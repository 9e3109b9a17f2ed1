"""What a prior fitted to the sweeps of other tasks would buy (empirical Bayes), against the flat one of the search.

    python scripts/fit_prior.py

The model gives every width of the rise, every level and every fall of a group the same probability. Here those
probabilities, and the groups', are fitted by expectation maximisation to the records of docs/results, with as much
weight on the flat ones as PSEUDO records have. d_int itself stays log-uniform. Then two kinds of tasks are searched
by the production code under either prior: curves drawn from what is known of each record (by the flat prior), under
the prior that was fitted without the sweeps of that record's task; and the tasks of calibrate_search.py, under the
prior fitted to all. Writes docs/results/prior.json.
"""

import argparse
import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from calibrate_search import draw
from docs_results import SEARCHED, sweeps
from recording import record

from rl_intdim.config.schema import Search
from rl_intdim.search import posterior
from rl_intdim.search.adaptive import answer
from rl_intdim.search.loop import drive, outcomes
from rl_intdim.search.posterior import Posterior
from rl_intdim.search.simulation import SimulatedTask

OUT = Path(__file__).parent.parent / "docs" / "results" / "prior.json"
FLAT = posterior.SHAPES
PSEUDO = 4.0  # records' worth of the flat prior
STEPS = 200  # of expectation maximisation
AXES = ("width", "level", "fall", "second rise")


@dataclass(frozen=True)
class Prior:
    """The probability of each group of shapes, and of each value of each axis within it."""

    groups: np.ndarray  # (groups,)
    axes: list[list[np.ndarray]]  # for each group and axis (values,)

    def shapes(self) -> tuple[Any, ...]:
        """As posterior.SHAPES: every shape a group of its own."""
        return tuple(
            (float(p), *((value,) for value in shape))
            for group, (_, *values) in zip(joint(self), FLAT, strict=True)
            for p, shape in zip(group.ravel(), product(*values), strict=True)
        )


def flat() -> Prior:
    return Prior(np.array([p for p, *_ in FLAT]), [[np.full(len(v), 1 / len(v)) for v in vs] for _, *vs in FLAT])


def evidence(tested: dict[int, tuple[int, int]], d_max: int) -> list[np.ndarray]:
    """The probability of a sweep's trials under each shape, its place unknown, up to a factor: an array for each
    group, with an axis for each of AXES."""
    model = Posterior(d_max)
    log = np.zeros(len(model.prior))
    for d, (n, k) in tested.items():
        if d > 0:
            p = model.chance(d)
            log += k * np.log(p) + (n - k) * np.log1p(-p)
    sums = np.bincount(model.shape, np.exp(log - log.max()))
    sizes = [tuple(len(v) for v in values) for _, *values in FLAT]
    parts = np.split(sums, np.cumsum([int(np.prod(size)) for size in sizes])[:-1])
    return [part.reshape(size) for part, size in zip(parts, sizes, strict=True)]


def joint(prior: Prior) -> list[np.ndarray]:
    """The probability of every shape, an array for each group."""
    return [p * np.einsum("i,j,k,l->ijkl", *axes) for p, axes in zip(prior.groups, prior.axes, strict=True)]


def fit(records: Sequence[list[np.ndarray]]) -> Prior:
    """The prior under which the records, each its evidence, are most probable, held to the flat one."""
    start = now = flat()
    for _ in range(STEPS):
        counts = [PSEUDO * p for p in joint(start)]
        for seen in records:
            both = [p * e for p, e in zip(joint(now), seen, strict=True)]
            total = sum(float(x.sum()) for x in both)
            counts = [c + x / total for c, x in zip(counts, both, strict=True)]
        groups = np.array([c.sum() for c in counts])
        axes = [[_along(c, axis) / c.sum() for axis in range(len(AXES))] for c in counts]
        now = Prior(groups / groups.sum(), axes)
    return now


def _along(counts: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(counts.sum(tuple(other for other in range(counts.ndim) if other != axis)))


def log_evidence(prior: Prior, seen: list[np.ndarray]) -> float:
    return float(np.log(sum(float((p * e).sum()) for p, e in zip(joint(prior), seen, strict=True))))


@dataclass(frozen=True)
class Curve(SimulatedTask):
    """A task whose chance of solving is a curve of the model."""

    model: Posterior | None = None
    index: int = 0

    def chance(self, d: float) -> float:
        return float(self.model.chance(d)[self.index]) if self.model and d > 0 else 0.0

    def d_int(self, d_max: int) -> int | None:
        found = int(self.model.d_int[self.index]) if self.model else 0
        return found if found <= d_max else None


def searched(task: SimulatedTask, d_max: int, seed: int) -> dict[str, Any]:
    """What a sweep of the task says, and what it costs."""
    search, truth = Search(direct=0), task.d_int(d_max)
    trials = drive(search, d_max, task.budget, task.run(seed))
    said = answer(search, d_max, outcomes(trials, task.budget))
    low, high = said.ci95
    return {
        "covers": high is None if truth is None else low <= truth <= (high or np.inf),
        "found": said.status == "found",
        "trials": said.trials,
        "budgets": sum(t.env_steps for t in trials) / task.budget,
    }


def under(shapes: tuple[Any, ...], job: tuple[str, int, Any]) -> dict[str, Any]:
    """A task searched under the prior of these shapes: ("record", seed, (tested, d_max)), or ("simulated", i, 0)."""
    kind, i, told = job
    if kind == "record":
        tested, d_max = told
        posterior.SHAPES = FLAT
        model = Posterior(d_max)
        weights = model.update(tested)
        index = int(np.random.default_rng((2027, i)).choice(len(weights), p=weights))
        task: SimulatedTask = Curve(1.0, D=d_max, model=model, index=index)
    else:
        _, task = draw(i)
    posterior.SHAPES = shapes
    posterior.posterior.cache_clear()
    return searched(task, task.D, i)


def compared(jobs: Iterator[tuple[Prior, tuple[str, int, Any]]], pool: Any) -> dict[str, dict[str, float]]:
    """Means over the tasks, searched under the flat prior and under the fitted one beside each."""
    pairs = list(jobs)
    out = {}
    for name, shapes in (("flat", [FLAT] * len(pairs)), ("fitted", [prior.shapes() for prior, _ in pairs])):
        rows = pd.DataFrame(pool.starmap(under, zip(shapes, (job for _, job in pairs), strict=True), chunksize=4))
        out[name] = {key: round(float(rows[key].mean()), 4) for key in rows} | {"tasks": len(rows)}
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--curves", type=int, default=4, help="drawn from what is known of each record")
    parser.add_argument("--tasks", type=int, default=100, help="of calibrate_search.py")
    parser.add_argument("--processes", type=int, help="as many as there are cores if not given")
    args = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"
    known = [s for s in sweeps() if s.config.search.ds is None and s.answer.trials >= SEARCHED]
    seen = [evidence(s.answer.tested, s.d_max) for s in known]
    without = {
        env: fit([e for s, e in zip(known, seen, strict=True) if s.env != env]) for env in {s.env for s in known}
    }
    gains = [log_evidence(without[s.env], e) - log_evidence(flat(), e) for s, e in zip(known, seen, strict=True)]
    fitted = fit(seen)
    left_out = [
        (without[s.env], ("record", args.curves * i + j, (s.answer.tested, s.d_max)))
        for i, s in enumerate(known)
        for j in range(args.curves)
    ]
    with get_context("spawn").Pool(args.processes) as pool:
        figures = {
            "curves of records, under the prior of the other tasks": compared(iter(left_out), pool),
            "simulated tasks": compared(((fitted, ("simulated", i, 0)) for i in range(args.tasks)), pool),
        }
    groups = ("plain", "falling", "a first hump", "never 1/2", "never 1/2 and falling")
    kept = {
        "records": len(known),
        "tasks": len(without),
        "log evidence gained a record, its task left out": round(float(np.mean(gains)), 3),
        **figures,
        "flat": dict(zip(groups, flat().groups.round(3).tolist(), strict=True)),
        "fitted": {
            name: {"probability": round(float(p), 3)}
            | {axis: w.round(3).tolist() for axis, w in zip(AXES, weights, strict=True)}
            for name, p, weights in zip(groups, fitted.groups, fitted.axes, strict=True)
        },
    }
    record(kept, OUT)
    print(json.dumps(kept, indent=2))


if __name__ == "__main__":
    main()
