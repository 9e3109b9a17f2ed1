"""What a long trial says of itself while it runs: a small file in its folder, for whoever waits."""

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
    """How far a trial is."""

    env_steps: int  # of training
    score: float  # of its last look
    seconds: float


def write(folder: Path, now: TrialProgress) -> None:
    """Say how far a trial is. Raises WriteFailure."""
    write_whole(folder / NAME, json.dumps(asdict(now)))


def read(folders: Iterable[Path]) -> dict[str, TrialProgress]:
    """What the trials in these folders said last, by the folder's name."""
    found = {}
    for folder in folders:
        with suppress(OSError, msgspec.DecodeError):  # it has said nothing yet, or has just finished
            found[folder.name] = msgspec.json.decode((folder / NAME).read_bytes(), type=TrialProgress)
    return found
