"""The local runner: trials in processes of this machine, by pebble. One that dies, raises or hangs fails alone."""

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing import forkserver
from typing import Any

import psutil
from pebble import ProcessExpired, ProcessPool

from rl_intdim import runners
from rl_intdim.child_process import begin, ctrl_c_held
from rl_intdim.config.schema import Agent, EvolutionAgent
from rl_intdim.runners import Memory, Params, T, TrialError, attempt, too_long
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training.spec import TrialSpec

PRELOAD = "rl_intdim.runners.preload"
LOST = "the processes that run trials were lost, or could not be started."


class LocalRunner:
    """Runs trials of `threads` threads in `workers` processes, by default as many as there are cores for. With 0,
    trials run in this process: none is stopped, and `on_wait` is not called."""

    def __init__(self, workers: int | None = None, threads: int = 1) -> None:
        self.slots = max(1, cores() // threads) if workers is None else workers

    @property
    def cores(self) -> int:
        return max(1, cores() // max(1, self.slots))

    def warm(self, agent: Agent) -> None:
        if self.slots == 0:
            return
        modules = [PRELOAD, f"rl_intdim.training.{agent.trainer}"]
        if isinstance(agent, EvolutionAgent) and agent.strategy == "cma":  # it imports matplotlib and scipy
            modules.append("rl_intdim.training.strategies.cma")
        start_server(modules)

    def memory(self) -> Memory:
        return Memory(psutil.virtual_memory().available, max(self.slots, 1))

    def check_device(self, name: str) -> None:
        from rl_intdim.training import resources

        resources.check_device(name)

    def call(self, function: Callable[Params, T], *args: Params.args, **kwargs: Params.kwargs) -> T:
        return function(*args, **kwargs)

    def run(
        self, trials: Sequence[TrialSpec], hours: float | None = None, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[TrialSpec, TrialRecord | TrialError]]:
        if not trials:
            return
        if self.slots == 0:
            for trial in trials:
                yield trial, attempt(trial)
            return
        limit = hours * 3600 if hours else None
        start_server([PRELOAD])  # unless it runs since `warm`
        context = multiprocessing.get_context("forkserver")
        pool = ProcessPool(max_workers=min(self.slots, len(trials)), context=context, initializer=begin)
        try:
            try:
                waiting: dict[Any, TrialSpec] = {pool.schedule(attempt, args=(t,), timeout=limit): t for t in trials}
            except (BrokenProcessPool, RuntimeError):  # pebble starts its workers here, in this thread
                yield from ((trial, TrialError(LOST)) for trial in trials)
                return
            while waiting:
                broken = not pool.active
                finished, _ = wait(waiting, timeout=runners.TICK, return_when=FIRST_COMPLETED)
                on_wait()
                if broken and not finished:  # pebble never ends what it is given in the moment in which it breaks
                    yield from ((trial, TrialError(LOST)) for trial in waiting.values())
                    return
                for future in finished:
                    trial = waiting.pop(future)
                    error = future.exception()
                    if isinstance(error, ProcessExpired):
                        yield trial, TrialError(f"its process died (exit code {error.exitcode}).")
                    elif isinstance(error, TimeoutError):
                        yield trial, too_long(hours or 0)
                    elif isinstance(error, BrokenProcessPool):
                        yield trial, TrialError(LOST)
                    else:
                        yield trial, future.result()
            pool.close()
        finally:
            pool.stop()
            pool.join()


def start_server(modules: list[str]) -> None:
    """Start the fork server with these modules imported, unless it runs."""
    forkserver.set_forkserver_preload(modules)
    with ctrl_c_held():
        forkserver.ensure_running()


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
