"""The progress of a long trial, in a small file in its folder, for the display."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from rl_intdim.files import write_whole

NAME = "progress.json"


@dataclass(frozen=True)
class TrialProgress:
    """The progress of a trial."""

    env_steps: int  # of training
    score: float  # of its last look
    seconds: float


def write(folder: Path, now: TrialProgress) -> None:
    """Write a trial's progress to its folder. Raises WriteFailure."""
    write_whole(folder / NAME, json.dumps(asdict(now)))


def read(folders: Iterable[Path]) -> dict[str, TrialProgress]:
    """The latest progress of the trials in these folders, by the folder's name."""
    latest = {}
    for folder in folders:
        with suppress(OSError, msgspec.DecodeError):  # nothing written yet, or the trial has just finished
            latest[folder.name] = msgspec.json.decode((folder / NAME).read_bytes(), type=TrialProgress)
    return latest
