"""What a running trial has to tell, in small files in its folder: its progress, and what its environment says."""

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from rl_intdim.files import append_line, failing, write_whole

NAME, SAID = "progress.json", "said.txt"


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


def say(folder: Path, message: str) -> None:
    """Append a line that the trial's environment says. Raises WriteFailure."""
    with failing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    append_line(folder / SAID, message)


def said(folder: Path) -> list[str]:
    """What the environment of the trial in this folder has said so far."""
    with suppress(OSError):
        whole, _, _ = (folder / SAID).read_text(encoding="utf-8", errors="replace").rpartition("\n")
        return whole.splitlines()
    return []
