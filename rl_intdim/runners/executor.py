"""Run a sweep's trials until each has finished, and retry those that break down."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from rl_intdim.config.schema import SweepConfig
from rl_intdim.errors import TrialFailure
from rl_intdim.records.result import interval, shown
from rl_intdim.records.run_folder import Store, trial_folders
from rl_intdim.runners import TrialError, TrialRunner
from rl_intdim.runners.display import Display
from rl_intdim.search.adaptive import Answer
from rl_intdim.search.loop import at_most, direct_jobs, drive
from rl_intdim.search.trials import Job, TrialRecord
from rl_intdim.training import progress
from rl_intdim.training.spec import TrialSpec

ATTEMPTS = 2  # a trial that breaks down is tried once more


def measure(
    config: SweepConfig,
    runner: TrialRunner,
    D: int,
    d_max: int,
    store: Store,
    console: Console,
    tell: Callable[[str], None],
) -> list[TrialRecord]:
    """All trials of the sweep: those on disk are read, the others run. `tell` is called with what their environments
    say, and why trials break down. Raises ConfigError for a line on disk that is not one of its trials."""
    with _resumed(config, runner, D, store, console, at_most(config.search), tell) as (finished, display, run):

        def on_round(now: Answer, pending: int) -> None:
            display.round(
                pending,
                f"d_int {shown(now.d_int)} {interval(now.ci95)}" if now.tested else "no estimate yet",
            )

        return drive(config.search, d_max, config.env.budget, run, on_round, list(finished.values()))


def direct(
    config: SweepConfig, runner: TrialRunner, D: int, store: Store, console: Console, tell: Callable[[str], None]
) -> list[TrialRecord]:
    """The direct runs of the sweep alone, in the order of their seeds. Raises ConfigError as `measure` does."""
    jobs: list[Job] = direct_jobs(config.search)
    with _resumed(config, runner, D, store, console, len(jobs), tell) as (_, display, run):
        display.round(len(jobs), "direct runs alone")
        return list(run(jobs).values())


@contextmanager
def _resumed(
    config: SweepConfig,
    runner: TrialRunner,
    D: int,
    store: Store,
    console: Console,
    most: int,
    tell: Callable[[str], None],
) -> Iterator[tuple[dict[Job, TrialRecord], Display, Callable[[list[Job]], dict[Job, TrialRecord]]]]:
    """The trials on disk, the display of at most `most` trials, and a function that recalls or runs jobs."""
    finished: dict[Job, TrialRecord] = {(t.d, t.seed): t for t in store.trials(config, D)}
    for job in finished:  # the sweep may have been killed after the trial's record, before its state was removed
        store.forget(*job)
    if finished:
        console.print(f"Resuming {store.folder}: {len(finished)} trials are finished.")
    with Display(console, most, runner.slots, config.env.budget) as display:

        def run(jobs: list[Job]) -> dict[Job, TrialRecord]:
            todo = [
                TrialSpec(
                    config.env,
                    config.agent,
                    config.subspace.projection,
                    d,
                    seed,
                    config.threads,
                    config.search.full_budget,
                    config.device,
                    str(store.checkpoints(d, seed).resolve()),  # a worker, or an environment, may go elsewhere
                    str(Path(config.tensorboard, f"d-{d}-seed-{seed}").resolve()) if config.tensorboard else None,
                    runner.cores,
                    config.subspace.learned(config.env.budget),
                )
                for d, seed in jobs
                if (d, seed) not in finished
            ]
            display.begin(len(todo), sum(job in finished for job in jobs if job[0] != 0))
            run_all(todo, runner, config.trial_hours, store, finished, display, tell)
            return {job: finished[job] for job in jobs}

        yield finished, display, run


def run_all(
    todo: Sequence[TrialSpec],
    runner: TrialRunner,
    hours: float,
    store: Store,
    finished: dict[Job, TrialRecord],
    display: Display,
    tell: Callable[[str], None],
) -> None:
    """Run trials until each has finished, and retry those that break down. A trial is on disk before it counts."""

    def on_wait() -> None:
        folders = trial_folders(store.folder)
        display.running(progress.read(folders))
        for message in (message for folder in folders for message in progress.said(folder)):
            tell(message)

    failed: list[tuple[TrialSpec, str]] = []
    raised: list[tuple[Job, str]] = []  # by the trial itself: not what killed or stopped it
    for attempt in range(1, ATTEMPTS + 1):
        failed = []
        for trial, outcome in runner.run(todo, hours, on_wait):
            for message in progress.said(store.checkpoints(trial.d, trial.seed)):
                tell(message)
            if isinstance(outcome, TrialError):
                if attempt < ATTEMPTS:
                    # Not by `tell`, which drops what is said too often.
                    display.console.print(
                        f"Note: a trial broke down and will be tried again: {outcome.message}", markup=False
                    )
                failed.append((trial, outcome.message))
                raised += [((trial.d, trial.seed), outcome.message)] if outcome.traceback else []
                store.append_failure(trial.d, trial.seed, attempt, outcome.message, outcome.traceback)
            else:
                store.append(outcome)
                store.forget(trial.d, trial.seed)
                finished[trial.d, trial.seed] = outcome.kept()
                display.done(outcome)
        todo = [trial for trial, _ in failed]
    if failed:
        trial, message = failed[0]
        alike = raised.count(((trial.d, trial.seed), message)) == ATTEMPTS
        repeated = " It failed in the same way each time, so fix its cause first." if alike else ""
        raise TrialFailure(
            f"the trial d={trial.d} seed={trial.seed} broke down {ATTEMPTS} times: {message} It is not counted as "
            f"unsolved; all finished trials are in {store.folder}, and the same command goes on from there.{repeated}"
        )
