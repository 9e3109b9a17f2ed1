"""Trials in processes of this machine, by pebble: one that dies, raises or hangs fails alone."""

import multiprocessing
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessPool

if TYPE_CHECKING:  # the parent process needs no torch
    from rl_intdim.trial import Trial, TrialResult


@dataclass(frozen=True)
class TrialError:
    """A trial that broke down; it is never counted as unsolved."""

    message: str


def run(trials: "Sequence[Trial]", workers: int) -> "Iterator[tuple[Trial, TrialResult | TrialError]]":
    """Run trials, `workers` at a time, and yield each as it finishes; 0 runs them one by one in this process.

    Closing the iterator, Ctrl-C included, stops the workers.
    """
    if not trials:
        return
    if workers == 0:
        for trial in trials:
            yield trial, _attempt(trial)
        return
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rl_intdim.trial"])
    pool = ProcessPool(max_workers=min(workers, len(trials)), context=context, initializer=_ignore_interrupts)
    try:
        waiting: dict[Any, Trial] = {pool.schedule(_attempt, args=(trial,)): trial for trial in trials}
        while waiting:
            finished, _ = wait(waiting, return_when=FIRST_COMPLETED)
            for future in finished:
                trial = waiting.pop(future)
                error = future.exception()
                if isinstance(error, ProcessExpired):
                    yield trial, TrialError(f"its process died (exit code {error.exitcode}).")
                else:
                    yield trial, future.result()
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _ignore_interrupts() -> None:
    """Ctrl-C reaches the whole process group; the parent alone decides."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _attempt(trial: "Trial") -> "TrialResult | TrialError":
    from rl_intdim.trial import run_trial

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's advice, once a trial, would drown the display
            return run_trial(trial)
    except Exception as error:  # whatever it was, the other trials go on
        return TrialError(f"{type(error).__name__}: {error}")
