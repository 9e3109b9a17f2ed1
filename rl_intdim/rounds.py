"""Drives the search: rounds of trials, from the first to the last. Knows neither processes nor environments."""

from collections.abc import Callable
from statistics import mean
from typing import Any

import numpy as np

from rl_intdim.config import DIRECT, Search
from rl_intdim.search import Answer, Outcome, answer, next_round

DIRECT_SEED = 500_000  # direct runs take seeds from here on, so that their number moves no other seed

Job = tuple[int | str, int]  # d, seed
Record = dict[str, Any]  # a trial as it stands in trials.jsonl


def drive(
    search: Search,
    d_max: int,
    run: Callable[[list[Job]], dict[Job, Record]],
    on_round: Callable[[Answer, int], None] = lambda now, pending: None,
) -> list[Record]:
    """Drive the search to its end with `run`, which runs or recalls the trials of a round.

    Direct runs go with the first round. Returns the trials in the order decided, direct runs last.
    """
    direct: list[Job] = [(DIRECT, search.seed + DIRECT_SEED + i) for i in range(search.direct)]
    trials: list[Record] = []
    direct_trials: list[Record] = []
    while ds := next_round(search, d_max, outcomes(trials)):
        jobs: list[Job] = [(d, search.seed + len(trials) + i) for i, d in enumerate(ds)]
        if not trials:
            jobs += direct
        on_round(answer(search, d_max, outcomes(trials)), len(jobs))
        records = run(jobs)
        trials += [records[job] for job in jobs if job[0] != DIRECT]
        direct_trials += [records[job] for job in jobs if job[0] == DIRECT]
    return trials + direct_trials


def outcomes(trials: list[Record], budget: float = np.inf) -> list[Outcome]:
    """What the search may know of the trials, had they been stopped after `budget` env steps."""
    return [
        Outcome(t["d"], bool(t["solved"] and (t["solved_at"] or 0) <= budget)) for t in trials if t["d"] != DIRECT
    ]


def at_most(search: Search) -> int:
    """The largest number of trials that a sweep can take, direct runs included."""
    return search.direct + (len(search.ds) * search.seeds if search.ds else search.max_trials)


def expected(search: Search, D: int, d_max: int, budget: int, tasks: int = 40) -> tuple[float, float]:
    """Trials and env steps that a sweep takes, on average over simulated tasks: d_int log-uniform up to
    d_max, the rise from 0.1 to 0.9 within 0.2 to 2 octaves, a solved trial taking half its budget."""
    rng = np.random.default_rng(0)
    costs = []
    for _ in range(tasks):
        place, width = rng.uniform(0, np.log2(d_max)), rng.uniform(0.2, 2)

        def run(jobs: list[Job], place: float = place, width: float = width) -> dict[Job, Record]:
            records: dict[Job, Record] = {}
            for d, seed in jobs:
                x = np.log2(D if d == DIRECT else max(float(d), 1e-3)) - place
                solved = bool(rng.random() < 1 / (1 + np.exp(-2 * np.log(9) / width * x)))
                steps = 0 if d == 0 else budget // 2 if solved else budget
                records[d, seed] = {
                    "d": d,
                    "seed": seed,
                    "solved": solved,
                    "solved_at": steps,
                    "env_steps": steps,
                }
            return records

        trials = drive(search, d_max, run)
        costs.append((len(trials), sum(t["env_steps"] for t in trials)))
    return mean(c[0] for c in costs), mean(c[1] for c in costs)
