"""Where trials run, a file each; `runner=name` says which.

A runner answers for the place where its trials run: the machine that a sweep is started on may have neither their
devices nor their memory.
"""

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from traceback import format_list
from typing import TYPE_CHECKING, NamedTuple, ParamSpec, Protocol, TypeVar

from rl_intdim.config.schema import Runner
from rl_intdim.errors import own_frames

if TYPE_CHECKING:  # the parent process needs no torch
    from rl_intdim.search.trials import TrialRecord
    from rl_intdim.training.trial import TrialSpec

Params = ParamSpec("Params")
T = TypeVar("T")

TICK = 10.0  # seconds between calls of `on_wait`


@dataclass(frozen=True)
class TrialError:
    """A trial that broke down; it is never counted as unsolved."""

    message: str  # one line
    traceback: str = ""  # its last frames, of the user's own code where there are any


class Memory(NamedTuple):
    """Memory of one machine, and the trials that share it."""

    free: int  # bytes
    trials: int  # at a time, 1 or more


class TrialRunner(Protocol):
    """What a sweep asks of the place where its trials run. What cannot be there is a ConfigError."""

    @property
    def slots(self) -> int:
        """Trials at a time; 0: one by one in this process."""

    @property
    def cores(self) -> int:
        """Cores that each trial may keep busy, 1 or more."""

    def memory(self) -> Memory:
        """Memory for P on the machine that has the least for each of its trials."""

    def check_device(self, name: str) -> None:
        """Raise ConfigError if a trial does not find the device `name` (auto, cpu, cuda or cuda:N) where it runs."""

    def call(self, function: Callable[Params, T], *args: Params.args, **kwargs: Params.kwargs) -> T:
        """Call a function once where a trial would run, and return its value. Raises what it raises."""

    def run(
        self, trials: "Sequence[TrialSpec]", hours: float | None = None, on_wait: Callable[[], None] = lambda: None
    ) -> "Iterator[tuple[TrialSpec, TrialRecord | TrialError]]":
        """Run trials and yield each as it finishes.

        A trial that takes longer than `hours` is stopped, and `on_wait` is called every TICK seconds. Closing the
        iterator, Ctrl-C included, stops what runs; so does the death of this process.
        """


def load(config: Runner, workers: int | None) -> TrialRunner:
    """The runner that is configured, `workers` trials at a time; None: as many as there is room for. The others'
    libraries stay unimported."""
    if config.name == "ray":
        from rl_intdim.runners.ray import RayRunner

        return RayRunner(config, workers)
    from rl_intdim.runners.local import LocalRunner

    return LocalRunner(workers)


def attempt(trial: "TrialSpec") -> "TrialRecord | TrialError":
    """Run a trial in this process, whatever happens."""
    from rl_intdim.training.trial import run_trial

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's advice, once a trial, would drown the display
            return run_trial(trial)
    except (Exception, SystemExit) as error:  # whatever it was, the other trials go on
        frames = "".join(format_list(own_frames(error)))
        return TrialError(" ".join(f"{type(error).__name__}: {error}".split()), frames)


def too_long(hours: float) -> TrialError:
    """The error of a trial that was stopped."""
    return TrialError(f"it took longer than trial_hours={hours:g} and was stopped.")
