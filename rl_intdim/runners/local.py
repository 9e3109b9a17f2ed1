"""Trials in processes of this machine, by pebble: one that dies, raises or hangs fails alone."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from typing import TYPE_CHECKING, Any

from pebble import ProcessExpired, ProcessPool

from rl_intdim import runners
from rl_intdim.config.schema import Runner
from rl_intdim.runners import TrialError, attempt, too_long

if TYPE_CHECKING:  # the parent process needs no torch
    from rl_intdim.training.trial import Trial, TrialResult


def run(
    trials: "Sequence[Trial]",
    workers: int,
    hours: float | None = None,
    on_wait: Callable[[], None] = lambda: None,
    runner: Runner | None = None,
) -> "Iterator[tuple[Trial, TrialResult | TrialError]]":
    """Run trials, `workers` at a time, and yield each as it finishes; 0 runs them one by one in this process,
    where none is stopped and nobody waits. `runner` has nothing to say here."""
    if not trials:
        return
    if workers == 0:
        for trial in trials:
            yield trial, attempt(trial)
        return
    limit = hours * 3600 if hours else None
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["rl_intdim.training.trial"])
    pool = ProcessPool(max_workers=min(workers, len(trials)), context=context, initializer=_begin)
    try:
        waiting: dict[Any, Trial] = {pool.schedule(attempt, args=(trial,), timeout=limit): trial for trial in trials}
        while waiting:
            finished, _ = wait(waiting, timeout=runners.TICK, return_when=FIRST_COMPLETED)
            on_wait()
            for future in finished:
                trial = waiting.pop(future)
                error = future.exception()
                if isinstance(error, ProcessExpired):
                    yield trial, TrialError(f"its process died (exit code {error.exitcode}).")
                elif isinstance(error, TimeoutError):
                    yield trial, too_long(hours or 0)
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
