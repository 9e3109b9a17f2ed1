"""What a long trial says of itself while it runs: a small file in its folder, for whoever waits."""

import json
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from rl_intdim.files import write_whole

NAME = "progress.json"


def write(folder: Path, env_steps: int, score: float, seconds: float) -> None:
    """Say how far a trial is, and the score of its last look. Raises WriteFailure."""
    write_whole(folder / NAME, json.dumps({"env_steps": env_steps, "score": score, "seconds": seconds}))


def read(folders: Iterable[Path]) -> dict[str, dict[str, Any]]:
    """What the trials in these folders said last, by the folder's name."""
    found = {}
    for folder in folders:
        with suppress(OSError, ValueError):  # it has said nothing yet, or has just finished
            found[folder.name] = json.loads((folder / NAME).read_text(encoding="utf-8"))
    return found
