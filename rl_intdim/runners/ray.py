"""The Ray runner: trials as Ray tasks (https://docs.ray.io), on a cluster or on a local Ray that it starts.

A task asks for runner.cpus and runner.gpus, and Ray schedules it. Losing a worker or a node costs one attempt of each
trial on it, as a dead process does locally. On a cluster the run folder must be on a path that all nodes share, since
trials keep their checkpoints there, and rl_intdim must be installed on every node.
"""

import logging
import math
import os
import signal
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from rl_intdim import runners
from rl_intdim.config.schema import Agent, Runner
from rl_intdim.errors import ConfigError, IntdimError, one_line
from rl_intdim.runners import Memory, Params, T, TrialError, attempt, too_long
from rl_intdim.runners.local import LocalRunner, cores
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training.spec import TrialSpec

# Settings of a Ray that serves only this sweep: no dashboard, and nothing listens beyond this machine.
OWN: dict[str, Any] = {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}


class Node(NamedTuple):
    """A node of the cluster with room for at least one trial."""

    room: int  # trials at a time
    memory: int  # bytes, as Ray counts them
    gpus: float


class RayRunner:
    """Runs trials as Ray tasks, `workers` at a time, or as many as the cluster has room for. Without an address the
    cluster is this machine, and Ray starts only with the first trial."""

    def __init__(self, config: Runner, workers: int | None = None, threads: int = 1) -> None:
        self.config, self.workers = config, workers
        self.asked = {"CPU": float(threads) if config.cpus is None else config.cpus, "GPU": config.gpus}

    @cached_property
    def slots(self) -> int:
        if self.workers is not None:
            return self.workers
        here = max(1, int(cores() // max(1.0, self.asked["CPU"])))
        if self.asked["GPU"] and self.config.address is None:
            import torch

            here = max(1, min(here, int(torch.cuda.device_count() // self.asked["GPU"])))
        return here if self.config.address is None else sum(node.room for node in self.nodes())

    @property
    def cores(self) -> int:
        return max(1, int(self.asked["CPU"]))

    def warm(self, agent: Agent) -> None:
        pass  # Ray starts its workers with their first trial

    def memory(self) -> Memory:
        if self.config.address is None:
            return LocalRunner(self.slots).memory()
        shares = [Memory(node.memory, min(node.room, self.slots)) for node in self.nodes()]
        return min(shares, key=lambda share: share.free / share.trials)

    def check_device(self, name: str) -> None:
        if self.config.address is None:
            LocalRunner(self.slots).check_device(name)
        elif name.startswith("cuda"):
            if not self.config.gpus and not all(node.gpus for node in self.nodes()):
                raise ConfigError(
                    f"runner.gpus=0: with device={name} a trial may run on a node without a GPU; valid: 1, or a part "
                    "such as 0.25."
                )
            from rl_intdim.training import resources

            self.call(resources.check_device, name)

    def call(self, function: Callable[Params, T], *args: Params.args, **kwargs: Params.kwargs) -> T:
        if self.config.address is None:
            return function(*args, **kwargs)
        import ray
        from ray.exceptions import RayError, RayTaskError

        self.nodes()
        ref = self._task(function).remote(*args, **kwargs)
        try:
            return ray.get(ref)
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            if isinstance(cause, IntdimError):
                raise cause from None
            raise ConfigError(
                f"runner.address={self.config.address}: {function.__name__} fails there: {one_line(cause)}"
            ) from None
        finally:
            ray.cancel(ref, force=True)  # does nothing if the task has ended

    def run(
        self, trials: Sequence[TrialSpec], hours: float | None = None, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[TrialSpec, TrialRecord | TrialError]]:
        """See TrialRunner. Raises ConfigError if no node has room for a trial."""
        if not trials:
            return
        import ray
        from ray.exceptions import RayError

        self.nodes()
        task, todo = self._task(attempt), deque(trials)
        started: dict[Any, tuple[TrialSpec, float]] = {}
        try:
            while todo or started:
                while todo and len(started) < self.slots:
                    trial = todo.popleft()
                    started[task.remote(trial)] = trial, time.monotonic()
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

    def nodes(self) -> list[Node]:
        """The nodes with room for a trial, now or once others have ended. Raises ConfigError if there is none."""
        import ray

        self._connect()
        has = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        rooms = [min(int(node.get(name, 0) / each) for name, each in self.asked.items() if each) for node in has]
        fits = [
            Node(room, int(node.get("memory", 0)), node.get("GPU", 0))
            for room, node in zip(rooms, has, strict=True)
            if room
        ]
        if not fits:
            words = sorted({", ".join(f"{node.get(name, 0):g} {name}" for name in self.asked) for node in has})
            raise ConfigError(
                f"runner.cpus={self.asked['CPU']:g}, runner.gpus={self.asked['GPU']:g}: more than any node of the "
                f"cluster has ({'; '.join(words)})."
            )
        return fits

    def _task(self, function: Callable[..., Any]) -> Any:
        import ray

        return ray.remote(num_cpus=self.asked["CPU"], num_gpus=self.asked["GPU"], max_retries=0)(function)

    def _connect(self) -> None:
        """Join the cluster at runner.address, or start Ray on this machine if it is None; once per process. Raises
        ConfigError if there is no cluster."""
        import ray

        if ray.is_initialized():
            return
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # leave CUDA_VISIBLE_DEVICES alone
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        address, before = self.config.address, signal.getsignal(signal.SIGTERM)  # Ray's handler exits silently
        try:
            if address is None:
                ray.init(address="local", num_cpus=math.ceil(self.asked["CPU"] * self.slots), **quiet, **OWN)
            else:
                _knock(address)
                ray.init(address=address, **quiet)
        except (OSError, ValueError, RuntimeError) as error:
            raise ConfigError(
                f"runner.address={address}: no Ray cluster there ({one_line(error)}). Start one with `ray start "
                "--head`, or leave runner.address out."
            ) from None
        finally:
            signal.signal(signal.SIGTERM, before)


def _knock(address: str) -> None:
    """Raise an OSError at once if nothing listens at host:port; Ray would retry for many minutes."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit():
        socket.create_connection((host.rpartition("/")[2], int(port)), timeout=10).close()
