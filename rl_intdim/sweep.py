"""python -m rl_intdim.sweep: the intrinsic dimension of one task by one agent."""

import os
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rl_intdim import cli, figures, result, runners
from rl_intdim.checks import check_d
from rl_intdim.config import DIRECT, SubspaceConfig, SweepConfig
from rl_intdim.errors import TrialFailure
from rl_intdim.progress import Display, span
from rl_intdim.rounds import Job, Record, at_most, drive, spaced
from rl_intdim.search import Answer, largest
from rl_intdim.simulate import expected
from rl_intdim.store import Store, write_whole

if TYPE_CHECKING:  # torch takes seconds to import; mistakes are answered before
    from rl_intdim.trial import Trial

ATTEMPTS = 2  # a trial that breaks down is tried once more


def sweep(config: SweepConfig, console: Console | None = None) -> dict[str, Any]:
    """Measure d_int; returns the result as written to result.json, or {} of a dry run. Raises IntdimError."""
    from rl_intdim.projections import check_memory, resolve
    from rl_intdim.trial import check

    console = console or Console(highlight=False, soft_wrap=True)
    if config.runner.name == "ray" and config.runner.cpus is None:
        config = replace(config, runner=replace(config.runner, cpus=float(config.threads)))
    # On a cluster the nodes have the devices.
    D = check(config.env, config.agent, config.device if config.runner.name == "local" else "auto")
    search = config.search
    check_d(search.ds or [], D, "search.ds")
    check_d([search.d_max or 0], D, "search.d_max")
    d_max = largest(search, D)
    projection = resolve(config.subspace.projection, D, d_max)
    check_memory(projection, D, d_max, workers(config) or 1)
    if search.grid:
        search = replace(search, grid=None, ds=spaced(search.grid, d_max))
    config = replace(config, subspace=SubspaceConfig(projection), search=search)
    if config.dry_run:
        say_what_would_run(config, D, d_max, console)
        return {}
    if config.env.checkpoint:  # it takes long: say how long before it does
        say_how_long(config, D, d_max, console)
    with Store(Path(config.out)).open(asdict(config)) as store:
        trials = _measure(config, d_max, store, console)
        summary = result.summarise(config, D, d_max, trials)
        store.write_result(summary)
        write_whole(store.folder / "plot.png", figures.png(figures.draw(summary, trials)))
        write_whole(store.folder / "curves.png", figures.png(figures.curves(summary, trials)))
        best = result.solution(config, trials)
        if best:
            best.save(store.folder / "solution.json")
    console.print(figures.table(summary), soft_wrap=False)
    console.print(f"Run folder: {store.folder}")
    return summary


def _measure(config: SweepConfig, d_max: int, store: Store, console: Console) -> list[Record]:
    """All trials of the sweep, those on disk recalled and the others run."""
    from rl_intdim.trial import Trial

    finished: dict[Job, Record] = {(t["d"], t["seed"]): t for t in store.trials()}
    for job in finished:  # killed between its record and this, a trial would leave its state for ever
        store.forget(*job)
    if finished:
        console.print(f"Resuming {store.folder}: {len(finished)} trials are finished.")
    with Display(console, at_most(config.search), workers(config), config.env.budget) as display:

        def run(jobs: list[Job]) -> dict[Job, Record]:
            todo = [
                Trial(
                    config.env,
                    config.agent,
                    config.subspace.projection,
                    d,
                    seed,
                    config.threads,
                    config.search.full_budget,
                    config.device,
                    str(store.checkpoints(d, seed)),
                    str(Path(config.tensorboard, f"d-{d}-seed-{seed}")) if config.tensorboard else None,
                )
                for d, seed in jobs
                if (d, seed) not in finished
            ]
            display.recall(len(jobs) - len(todo))
            run_all(todo, config, store, finished, display)
            return {job: finished[job] for job in jobs}

        def on_round(now: Answer, pending: int) -> None:
            display.round(
                pending,
                f"d_int {figures.shown(now.d_int)} {figures.interval(now.ci95)}" if now.tested else "no estimate yet",
            )

        return drive(config.search, d_max, config.env.budget, run, on_round)


def run_all(
    todo: "Sequence[Trial]",
    config: SweepConfig,
    store: Store,
    finished: dict[Job, Record],
    display: Display,
) -> None:
    """Run trials until each has finished, on disk before it is counted; one that breaks down is tried again."""
    runner, at_once = runners.load(config.runner.name), workers(config)

    def on_wait() -> None:
        display.running(store.running())

    failed: list[tuple[Trial, str]] = []
    for attempt in range(1, ATTEMPTS + 1):
        failed = []
        for trial, outcome in runner.run(todo, at_once, config.trial_hours, on_wait, config.runner):
            if isinstance(outcome, runners.TrialError):
                failed.append((trial, outcome.message))
                store.append_failure(
                    {"d": trial.d, "seed": trial.seed, "attempt": attempt, "message": outcome.message}
                )
            else:
                record = outcome.record()
                store.append(record)
                store.forget(trial.d, trial.seed)
                finished[trial.d, trial.seed] = record
                display.done(record)
        todo = [trial for trial, _ in failed]
    if failed:
        trial, message = failed[0]
        raise TrialFailure(
            f"the trial d={trial.d} seed={trial.seed} broke down {ATTEMPTS} times: {message} It is not counted as "
            f"unsolved; all finished trials are in {store.folder}, and the same command goes on from there."
        )


def say_what_would_run(config: SweepConfig, D: int, d_max: int, console: Console) -> None:
    """The dry run: trials and env steps, at most and as expected."""
    env, search = config.env, config.search
    most = at_most(search)
    trials, steps = expected(search, D, d_max, env.budget)
    console.print(f"{env.name} by {config.agent.name}: D = {D:,}, d from 0 to {d_max:,}, threshold {env.threshold:g}")
    console.print(f"  at most     {most} trials, {most * env.budget:,} env steps of training")
    console.print(
        f"  expected    {trials:.0f} trials, {steps:,.0f} env steps (mean of simulated tasks, d_int log-uniform)"
    )
    say_how_long(config, D, d_max, console)
    console.print(f"  run folder  {config.out}, {workers(config)} trials at a time")


def say_how_long(config: SweepConfig, D: int, d_max: int, console: Console) -> None:
    """The time that training will take at the pace measured now."""
    from rl_intdim.pace import pace
    from rl_intdim.trial import Trial

    env, at_once = config.env, max(workers(config), 1)
    rate = pace(Trial(env, config.agent, config.subspace.projection, DIRECT, 0, config.threads, device=config.device))
    _, steps = expected(config.search, D, d_max, env.budget)
    console.print(
        f"  pace        {rate:,.0f} env steps/s of training a trial, measured now: {span(env.budget / rate)} for a "
        f"whole budget, {span(steps / rate / at_once)} for the sweep as expected, looks not counted"
    )


def workers(config: SweepConfig) -> int:
    """Trials at a time: as configured, or all that the cluster has room for, or one on each core."""
    if config.workers is not None:
        return config.workers
    if config.runner.address:
        return runners.load(config.runner.name).room(config.runner)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


if __name__ == "__main__":
    cli.main("sweep", sweep)
