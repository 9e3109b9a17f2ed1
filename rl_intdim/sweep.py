"""python -m rl_intdim.sweep: the intrinsic dimension of one task by one agent."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console

from rl_intdim import cli, provenance, report
from rl_intdim.config import DIRECT, Search, SweepConfig, check_d
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.progress import Display
from rl_intdim.search import MIN_SEEDS, Answer, Outcome, answer, next_round
from rl_intdim.solution import Solution
from rl_intdim.store import Store

if TYPE_CHECKING:  # torch takes seconds to import; mistakes are answered before
    from rl_intdim.trial import Trial

DIRECT_SEED = 500_000  # direct runs take seeds from here on, so that their number moves no other seed
ATTEMPTS = 2  # a trial that breaks down is tried once more


Job = tuple[int | str, int]  # d, seed
Run = Callable[[list[Job]], dict[Job, dict[str, Any]]]


def search_rounds(search: Search, d_max: int, run: Run, on_round: Callable[[Answer, int], None] | None = None) -> list[dict[str, Any]]:
    """Drive the search to its end with `run`, which runs or recalls the trials of a round.

    Direct runs go with the first round. Returns the trials in the order decided, direct runs last.
    """
    direct: list[Job] = [(DIRECT, search.seed + DIRECT_SEED + i) for i in range(search.direct)]
    trials: list[dict[str, Any]] = []
    outcomes: list[Outcome] = []
    direct_trials: list[dict[str, Any]] = []
    while ds := next_round(search, d_max, outcomes):
        jobs: list[Job] = [(d, search.seed + len(trials) + i) for i, d in enumerate(ds)]
        if on_round:
            on_round(answer(search, d_max, outcomes), len(jobs))
        results = run(jobs + ([] if trials else direct))
        direct_trials = direct_trials or [results[job] for job in direct]
        trials += [results[job] for job in jobs]
        outcomes = [Outcome(t["d"], t["solved"], t["solved_at"]) for t in trials]
    return trials + direct_trials


def sweep(config: SweepConfig, console: Console | None = None) -> dict[str, Any]:
    """Measure d_int; returns the result as written to result.json. Raises IntdimError."""
    console = console or Console()
    from rl_intdim import tasks

    D = tasks.policy(config.env).D
    search = config.search
    check_d(search.ds or [], D, "search.ds")
    check_d([search.d_max or 0], D, "search.d_max")
    d_max = search.d_max or (max(search.ds + [1]) if search.ds else D)
    if config.dry_run:
        dry_run(config, D, d_max, console)
        return {}
    with Store(Path(config.out)).open(asdict(config)) as store:
        start = time.perf_counter()
        trials = _measure(config, d_max, store, console)
        result, said = summarise(config, D, d_max, trials)
        result["seconds"] = round(sum(t["seconds"] for t in trials), 1)
        result["wall_seconds"] = round(time.perf_counter() - start, 1)
        store.write_result(result)
        report.plot(store.folder / "plot.png", result, said, trials, d_max)
        best = solution(config, trials)
        if best:
            best.save(store.folder / "solution.json")
        console.print(report.table(result))
        console.print(f"Run folder: {store.folder}", highlight=False)
    return result


def _measure(config: SweepConfig, d_max: int, store: Store, console: Console) -> list[dict[str, Any]]:
    """All trials of the sweep, those on disk recalled and the others run."""
    from rl_intdim.trial import Trial

    finished: dict[Job, dict[str, Any]] = {(t["d"], t["seed"]): t for t in store.trials()}
    if finished:
        console.print(f"Resuming {store.folder}: {len(finished)} trials are finished.", highlight=False)
    workers = cores() if config.workers is None else config.workers
    at_most = config.search.direct + (len(config.search.ds) * config.search.seeds if config.search.ds else config.search.max_trials)
    with Display(console, at_most, workers, config.env.budget) as display:

        def run(jobs: list[Job]) -> dict[Job, dict[str, Any]]:
            todo = [Trial(config.env, config.agent, config.subspace.projection, d, seed, config.threads) for d, seed in jobs if (d, seed) not in finished]
            run_all(todo, workers, store, finished, display)
            return {job: finished[job] for job in jobs}

        def on_round(now: Answer, pending: int) -> None:
            text = f"d_int {now.d_int or '?'} {report.interval(now.ci95)}" if now.tested else "no estimate yet"
            display.round(pending, text)

        return search_rounds(config.search, d_max, run, on_round)


def run_all(todo: "Sequence[Trial]", workers: int, store: Store, finished: dict[Job, dict[str, Any]], display: Display) -> None:
    """Run trials until each has finished, on disk before it is counted; one that breaks down is tried again."""
    from rl_intdim.runners import local

    for attempt in range(ATTEMPTS):
        failed: list[Trial] = []
        for trial, outcome in local.run(todo, workers) if todo else ():
            if isinstance(outcome, local.TrialError):
                if outcome.mistake:
                    raise ConfigError(outcome.message)
                store.append_failure({"d": trial.d, "seed": trial.seed, "attempt": attempt, "message": outcome.message})
                failed.append(trial)
                message = outcome.message
            else:
                record = asdict(outcome)
                store.append(record)
                finished[trial.d, trial.seed] = record
                display.done(record)
        todo = failed
        if not todo:
            return
    first = todo[0]
    raise TrialFailure(
        f"the trial d={first.d} seed={first.seed} broke down {ATTEMPTS} times: {message} It is not counted as unsolved; "
        f"all finished trials are in {store.folder}, and the same command goes on from there."
    )


def summarise(config: SweepConfig, D: int, d_max: int, trials: list[dict[str, Any]]) -> tuple[dict[str, Any], Answer]:
    """The result of a finished sweep, as written to result.json, and the answer of the search behind it."""
    task, search = config.env, config.search
    searched = [t for t in trials if t["d"] != DIRECT]
    direct = [t for t in trials if t["d"] == DIRECT]
    outcomes = [Outcome(t["d"], t["solved"], t["solved_at"]) for t in searched]
    said = answer(search, d_max, outcomes)
    by_budget = {}
    for name, part in (("quarter", 0.25), ("half", 0.5), ("all", 1.0)):
        early = [Outcome(o.d, o.solved and (o.solved_at or 0) <= part * task.budget) for o in outcomes]
        then = answer(search, d_max, early)
        by_budget[name] = {"d_int": then.d_int, "ci95": then.ci95, "status": then.status}
    warnings = []
    if said.p_falling > 0.5:
        warnings.append(f"success falls off again above d_int (probability {said.p_falling:.2f}): the step size or the budget may not suit larger d.")
    quarter, full = by_budget["half"]["d_int"], said.d_int
    if full and (quarter is None or quarter > full):
        warnings.append("d_int still falls as the budget grows; more budget may lower it further.")
    if direct and sum(t["solved"] for t in direct) * 2 < len(direct):
        warnings.append("direct training failed in most runs. That does not invalidate d_int: a larger space can be harder for a given budget.")
    result = {
        "env": task.name,
        "agent": config.agent.name,
        "projection": config.subspace.projection,
        "d_int": said.d_int,
        "ci95": list(said.ci95),
        "status": said.status,
        "method": "posterior median and central 95 % interval of a psychometric function of log d, widened to tested d; "
        f"at least {MIN_SEEDS} seeds at each bound" if search.ds is None else "posterior median and central 95 % interval of a psychometric function of log d",
        "threshold": task.threshold,
        "threshold_source": task.threshold_source,
        "confirm_episodes": task.scoring.confirm_episodes,
        "D": D,
        "d_max": d_max,
        "budget": task.budget,
        "trials": len(searched),
        "env_steps": sum(t["env_steps"] for t in trials),
        "scoring_steps": sum(t["scoring_steps"] for t in trials),
        "direct": [sum(t["solved"] for t in direct), len(direct)],
        "tested": {str(d): list(nk) for d, nk in said.tested.items()},
        "by_budget": by_budget,
        "p_falling": round(said.p_falling, 3),
        "warnings": warnings,
        "threads": config.threads,
        "versions": provenance.versions(),
        "commit": provenance.commit(),
        "command": provenance.command("rl_intdim.sweep"),
    }
    return result, said


def solution(config: SweepConfig, trials: list[dict[str, Any]]) -> Solution | None:
    """The solved policy of the smallest d, the best score among equals."""
    solved = [t for t in trials if t["solved"] and t["d"] != DIRECT]
    if not solved:
        return None
    best = min(solved, key=lambda t: (t["d"], -t["score"]))
    return Solution(config.env, config.agent.name, config.subspace.projection, best["d"], best["seed"], best["score"], best["theta_d"])


def dry_run(config: SweepConfig, D: int, d_max: int, console: Console, tasks: int = 40) -> None:
    """Say what would run. The expectation drives the search itself on tasks drawn from its prior."""
    search, budget = config.search, config.env.budget
    rng = np.random.default_rng(0)
    costs = []
    for _ in range(tasks):
        place, width = 2 ** rng.uniform(0, np.log2(d_max)), rng.uniform(0.2, 2)

        def run(jobs: list[Job], place: float = place, width: float = width) -> dict[Job, dict[str, Any]]:
            trials = {}
            for d, seed in jobs:
                x = np.log2(D if d == DIRECT else max(int(d), 1e-3)) - np.log2(place)
                solved = bool(rng.random() < 1 / (1 + np.exp(-4.4 / width * x)))
                steps = 0 if d == 0 else budget // 2 if solved else budget
                trials[d, seed] = {"d": d, "seed": seed, "solved": solved, "solved_at": None, "env_steps": steps}
            return trials

        costs.append([(len(t), sum(x["env_steps"] for x in t)) for t in [search_rounds(search, d_max, run)]][0])
    most = search.direct + (len(search.ds) * search.seeds if search.ds else search.max_trials)
    console.print(f"{config.env.name} by {config.agent.name}: D = {D:,}, d from 0 to {d_max:,}, threshold {config.env.threshold:g}", highlight=False)
    console.print(f"  at most   {most} trials, {most * budget:,} env steps of training", highlight=False)
    console.print(
        f"  expected  {mean(c[0] for c in costs):.0f} trials, {mean(c[1] for c in costs):,.0f} env steps (mean of {tasks} simulated tasks, "
        "d_int log-uniform, a solved trial taking half its budget)", highlight=False,
    )
    console.print(f"  run folder {config.out}; {cores() if config.workers is None else config.workers} trials at a time", highlight=False)


def cores() -> int:
    """The cores that this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    cli.main("sweep", sweep)
