"""Trials in processes of this machine, by pebble: one that dies, raises or hangs fails alone."""

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessPool

if TYPE_CHECKING:  # the parent process needs no torch
    from rl_intdim.trial import Trial, TrialResult

TICK = 10.0  # seconds between calls of `on_wait`


@dataclass(frozen=True)
class TrialError:
    """A trial that broke down; it is never counted as unsolved."""

    message: str


def run(
    trials: "Sequence[Trial]",
    workers: int,
    hours: float | None = None,
    on_wait: Callable[[], None] = lambda: None,
) -> "Iterator[tuple[Trial, TrialResult | TrialError]]":
    """Run trials, `workers` at a time, and yield each as it finishes; 0 runs them one by one in this process.

    A trial that takes longer than `hours` is stopped, and `on_wait` is called every few seconds (neither with 0
    workers). Closing the iterator, Ctrl-C
    included, stops the workers; if this process is killed they end by themselves.
    """
    if not trials:
        return
    if workers == 0:
        for trial in trials:
            yield trial, _attempt(trial)
        return
    limit = hours * 3600 if hours else None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rl_intdim.trial"])
    pool = ProcessPool(max_workers=min(workers, len(trials)), context=context, initializer=_begin)
    try:
        waiting: dict[Any, Trial] = {pool.schedule(_attempt, args=(trial,), timeout=limit): trial for trial in trials}
        while waiting:
            finished, _ = wait(waiting, timeout=TICK, return_when=FIRST_COMPLETED)
            on_wait()
            for future in finished:
                trial = waiting.pop(future)
                error = future.exception()
                if isinstance(error, ProcessExpired):
                    yield trial, TrialError(f"its process died (exit code {error.exitcode}).")
                elif isinstance(error, TimeoutError):
                    yield trial, TrialError(f"it took longer than trial_hours={hours:g} and was stopped.")
                else:
                    yield trial, future.result()
        pool.close()
    finally:
        pool.stop()
        pool.join()


def _begin() -> None:
    """In each worker. Ctrl-C reaches the whole process group, and the parent alone decides; without a parent
    there is nobody to decide or to hear the result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns when the process that asked for this one is gone
        os._exit(1)


def _attempt(trial: "Trial") -> "TrialResult | TrialError":
    from rl_intdim.trial import run_trial

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's advice, once a trial, would drown the display
            return run_trial(trial)
    except Exception as error:  # whatever it was, the other trials go on
        return TrialError(f"{type(error).__name__}: {error}")
