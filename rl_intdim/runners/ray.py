"""Trials as Ray tasks (https://docs.ray.io), on a cluster or on a Ray of our own on this machine.

A task asks for runner.cpus and runner.gpus, and Ray finds it a place. A worker or a node that is lost costs one
attempt of one trial, as a process that dies does locally. On a cluster the run folder must be on a path that every
node shares, since trials keep their checkpoints there, and rl_intdim must be installed on every node.
"""

import logging
import math
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rl_intdim import runners
from rl_intdim.config.schema import Runner
from rl_intdim.errors import ConfigError, one_line
from rl_intdim.runners import TrialError, attempt, too_long

if TYPE_CHECKING:
    from rl_intdim.training.trial import Trial, TrialResult

# Of a Ray that serves this sweep alone: no dashboard, and nothing that listens beyond this machine.
OWN: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}


def run(
    trials: "Sequence[Trial]",
    workers: int,
    hours: float | None = None,
    on_wait: Callable[[], None] = lambda: None,
    runner: Runner | None = None,
) -> "Iterator[tuple[Trial, TrialResult | TrialError]]":
    """Run trials, `workers` at a time, and yield each as it finishes. Raises ConfigError where the cluster has no
    room for one."""
    if not trials:
        return
    import ray
    from ray.exceptions import RayError

    runner = runner or Runner("ray")
    connect(runner, workers)
    room(runner)
    task = ray.remote(num_cpus=cpus(runner), num_gpus=runner.gpus, max_retries=0)(attempt)
    todo = deque(trials)
    started: dict[Any, tuple[Trial, float]] = {}
    try:
        while todo or started:
            while todo and len(started) < workers:
                trial = todo.popleft()
                started[task.remote(_at_home(trial))] = trial, time.monotonic()
            finished, _ = ray.wait(list(started), timeout=runners.TICK)
            on_wait()
            for ref in finished:
                trial, _ = started.pop(ref)
                try:
                    yield trial, ray.get(ref)
                except RayError as error:
                    yield trial, TrialError(f"its worker was lost: {one_line(error)}")
            for ref, (trial, since) in list(started.items()):
                if hours and time.monotonic() - since > hours * 3600:
                    ray.cancel(ref, force=True)
                    del started[ref]
                    yield trial, too_long(hours)
    finally:
        for ref in started:
            ray.cancel(ref, force=True)


def connect(runner: Runner, workers: int = 1) -> None:
    """Join the cluster at runner.address; without one start a Ray on this machine. Once a process. Raises
    ConfigError where there is none."""
    import ray

    if ray.is_initialized():
        return
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # leave CUDA_VISIBLE_DEVICES alone
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    before = signal.getsignal(signal.SIGTERM)  # Ray would end this process without a word
    try:
        if runner.address is None:
            ray.init(address="local", num_cpus=math.ceil(cpus(runner) * workers), **quiet, **OWN)
        else:
            _knock(runner.address)
            ray.init(address=runner.address, **quiet)
    except (OSError, ValueError, RuntimeError) as error:
        raise ConfigError(
            f"runner.address={runner.address}: no Ray cluster there ({one_line(error)}). Start one with `ray start "
            "--head`, or leave runner.address out."
        ) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def _knock(address: str) -> None:
    """Raise an OSError if nobody listens at host:port, where Ray would try for many minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.rpartition("/")[2], int(port)), timeout=10).close()


def room(runner: Runner) -> int:
    """How many trials the cluster runs at a time. Raises ConfigError if it is none."""
    import ray

    connect(runner)
    has, asked = ray.cluster_resources(), {"CPU": cpus(runner), "GPU": runner.gpus}
    fits = min(int(has.get(kind, 0) / each) for kind, each in asked.items() if each)
    if fits < 1:
        words = ", ".join(f"{has.get(kind, 0):g} {kind}" for kind in asked)
        raise ConfigError(f"runner.cpus={cpus(runner):g}, runner.gpus={runner.gpus:g}: the cluster has {words}.")
    return fits


def cpus(runner: Runner) -> float:
    return 1.0 if runner.cpus is None else runner.cpus


def _at_home(trial: "Trial") -> "Trial":
    """The trial with paths that do not depend on where a worker runs."""
    folder, logs = (str(Path(path).resolve()) if path else None for path in (trial.folder, trial.tensorboard))
    return replace(trial, folder=folder, tensorboard=logs)
