"""Where trials run, a file each; `runner=name` names the file. One seam:

    run(trials, workers, hours, on_wait, runner) -> iterator of (trial, TrialResult | TrialError), as they finish

A trial that takes longer than `hours` is stopped, and `on_wait` is called every TICK seconds. Closing the iterator,
Ctrl-C included, stops what runs; so does the death of this process.
"""

import warnings
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the parent process needs no torch
    from rl_intdim.training.trial import Trial, TrialResult

TICK = 10.0  # seconds between calls of `on_wait`


@dataclass(frozen=True)
class TrialError:
    """A trial that broke down; it is never counted as unsolved."""

    message: str


def attempt(trial: "Trial") -> "TrialResult | TrialError":
    """Run a trial in this process, whatever happens."""
    from rl_intdim.training.trial import run_trial

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a library's advice, once a trial, would drown the display
            return run_trial(trial)
    except Exception as error:  # whatever it was, the other trials go on
        return TrialError(f"{type(error).__name__}: {error}")


def too_long(hours: float) -> TrialError:
    """What a trial that was stopped is told to be."""
    return TrialError(f"it took longer than trial_hours={hours:g} and was stopped.")


def load(name: str) -> Any:
    """The module of a runner; the others' libraries stay unimported."""
    return import_module(f"{__name__}.{name}")
