"""Runners, which run trials on this machine or on a cluster: one file each, selected by `runner=name`.

A runner reports the slots, memory and devices of the machines where its trials run, since the machine that starts the
sweep may have other ones.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from traceback import format_list
from typing import NamedTuple, ParamSpec, Protocol, TypeVar

from rl_intdim.config.schema import Agent, Runner
from rl_intdim.errors import own_frames
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training.spec import TrialSpec

Params = ParamSpec("Params")
T = TypeVar("T")

TICK = 10.0  # seconds between calls of `on_wait`


@dataclass(frozen=True)
class TrialError:
    """A trial that broke down; it is never counted as unsolved."""

    message: str  # one line
    traceback: str = ""  # the last frames, of the user's own code if there are any


class Memory(NamedTuple):
    """The memory of one machine, and the number of trials that share it."""

    free: int  # bytes
    trials: int  # at a time; 1 or more


class TrialRunner(Protocol):
    """The interface between a sweep and the place where its trials run. Methods raise ConfigError for what that place
    does not have."""

    @property
    def slots(self) -> int:
        """Trials at a time; 0: one after another in this process."""

    @property
    def cores(self) -> int:
        """Cores that each trial may keep busy, 1 or more."""

    def warm(self, agent: Agent) -> None:
        """Begin to load what the agent's trials import, while this process goes on."""

    def memory(self) -> Memory:
        """The memory for P on the machine with the least memory per trial."""

    def check_device(self, name: str) -> None:
        """Raise ConfigError if the device `name` (auto, cpu, cuda or cuda:N) is missing where trials run."""

    def call(self, function: Callable[Params, T], *args: Params.args, **kwargs: Params.kwargs) -> T:
        """Call a function once where a trial would run, and return its result. Raises what the function raises."""

    def run(
        self, trials: Sequence[TrialSpec], hours: float | None = None, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[tuple[TrialSpec, TrialRecord | TrialError]]:
        """Run trials and yield each as it finishes.

        A trial that takes longer than `hours` is stopped. `on_wait` is called every TICK seconds, and whenever a
        trial has finished. Running trials stop when the iterator is closed, by Ctrl-C for example, or this process
        dies.
        """


def load(config: Runner, workers: int | None, threads: int = 1) -> TrialRunner:
    """The configured runner, for `workers` trials of `threads` threads at a time, or as many as fit if None. Imports
    only its own libraries."""
    if config.name == "ray":
        from rl_intdim.runners.ray import RayRunner

        return RayRunner(config, workers, threads)
    from rl_intdim.runners.local import LocalRunner

    return LocalRunner(workers, threads)


def attempt(trial: TrialSpec) -> TrialRecord | TrialError:
    """Run a trial in this process; any exception becomes a TrialError. What its environment says goes to its folder,
    where `progress.said` finds it even if the process dies."""
    from rl_intdim.tasks.output import Once, hearing
    from rl_intdim.training import progress
    from rl_intdim.training.trial import run_trial

    def keep(message: str) -> None:
        if trial.folder:
            progress.say(Path(trial.folder), message)

    try:
        with hearing(Once(keep), quiet=True):
            return run_trial(trial)
    except (Exception, SystemExit) as error:  # the other trials go on
        frames = "".join(format_list(own_frames(error)))
        return TrialError(" ".join(f"{type(error).__name__}: {error}".split()), frames)


def too_long(hours: float) -> TrialError:
    """The error of a trial that was stopped after `hours`."""
    return TrialError(f"it took longer than trial_hours={hours:g} and was stopped.")
