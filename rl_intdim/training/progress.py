"""What a running trial tells, in small files in its folder: its progress, and what its environment says."""

import json
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from rl_intdim.errors import WriteFailure
from rl_intdim.files import append_line, failing, write_whole

NAME, SAID = "progress.json", "said.txt"
EVERY = 2.0  # least seconds between two writes of progress, so that a trial of seconds is not slowed down


@dataclass(frozen=True)
class TrialProgress:
    """The progress of a trial."""

    d: int | str
    seed: int
    seconds: float
    curve: list[list[float]]  # its looks so far, as in a TrialRecord

    @property
    def env_steps(self) -> int:
        """Env steps of training, up to the last look."""
        return int(self.curve[-1][0]) if self.curve else 0


class ProgressFile:
    """Writes a trial's progress to its folder, at most once in EVERY seconds.

    Nothing is written where the run folder is not seen, as on a node of a cluster that does not share it. A trial
    does not fail because its progress cannot be written.
    """

    def __init__(self, folder: Path | None, d: int | str, seed: int) -> None:
        self.folder = folder if folder and folder.parent.is_dir() else None
        self.d, self.seed, self.due = d, seed, 0.0

    def write(self, seconds: float, curve: Sequence[Sequence[float]]) -> None:
        """Write the trial's computing time and its looks so far, if that is due."""
        if self.folder is None or time.monotonic() < self.due:
            return
        now = TrialProgress(self.d, self.seed, round(seconds, 1), [list(row) for row in curve])
        with suppress(WriteFailure):
            write_whole(self.folder / NAME, json.dumps(asdict(now)))
        self.due = time.monotonic() + EVERY


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
