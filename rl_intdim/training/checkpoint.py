"""Checkpoints: the state of a trial on disk, so that a trial of hours survives a kill.

At fixed numbers of env steps every run, interrupted or not, saves its state (if it has a folder). An algorithm whose
environments and generators cannot be saved then restarts them from seeds derived from the trial's seed and the
checkpoint's number. So a resumed trial ends exactly as one that never stopped, to the bit. What an environment
carries from one episode to the next, or a user's own algorithm keeps besides tensors and plain numbers, is not saved.
"""

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_intdim.config.identity import completed, described, differing, dotted
from rl_intdim.errors import ConfigError, raised
from rl_intdim.files import write_whole
from rl_intdim.training.evaluator import Evaluator

RESTARTS = 1000  # spawn key of the first restart's seed among the children of the training seed


class Checkpoints:
    """Decides when to save a trial's state, saves it, and draws the restart's seeds. `every`: env steps, or None.

    `folder` holds state.pt, and what a trainer writes beside it; it belongs to one trial: `identity` says to which,
    and another's state is refused. State is read by pickle: a folder is trusted as the program itself is.
    """

    def __init__(
        self,
        evaluator: Evaluator,
        seeds: np.random.SeedSequence,
        every: int | None = None,
        folder: Path | None = None,
        identity: dict[str, Any] | None = None,
    ) -> None:
        self.evaluator, self.seeds, self.every, self.folder = evaluator, seeds, every, folder
        self.identity = dotted(identity or {})
        self.index = 0  # of the last checkpoint
        self.start = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Computing time of the trial, that of interrupted runs up to their last checkpoint included."""
        return time.perf_counter() - self.start

    def due(self, env_steps: int) -> bool:
        """Is a checkpoint due?"""
        if self.every is None or env_steps < (self.index + 1) * self.every:
            return False
        self.index = env_steps // self.every
        return True

    def restart_seed(self) -> int:
        """The seed of environments and generators after the last checkpoint."""
        key = (*self.seeds.spawn_key, RESTARTS + self.index)
        return int(np.random.SeedSequence(self.seeds.entropy, spawn_key=key).generate_state(1)[0] >> 1)

    def save(self, state: dict[str, Any]) -> None:
        """Write the trainer's state, and the evaluator's, whole or not at all."""
        if self.folder is None:
            return
        everything = {
            "identity": self.identity,
            "index": self.index,
            "seconds": self.seconds,
            "evaluator": self.evaluator.state(),
            "trainer": state,
        }
        data = io.BytesIO()
        torch.save(everything, data)
        write_whole(self.folder / "state.pt", data.getvalue())

    def load(self) -> dict[str, Any] | None:
        """Restore the last saved state. Returns the trainer's part, or None at the start of a trial. Raises
        ConfigError for the state of another trial."""
        path = self.folder / "state.pt" if self.folder else None
        if path is None or not path.exists():
            return None
        try:
            saved = torch.load(path, weights_only=False, map_location="cpu")
        except (OSError, MemoryError):  # nothing is wrong with the file
            raise
        except Exception as error:  # of a file cut short, or of a class that another version had
            raise _unreadable(path, error) from None
        theirs = completed(saved.get("identity", {}), self.identity)
        if key := differing(theirs, self.identity):
            raise ConfigError(
                f"{self.folder}: holds the state of a trial with {described(theirs, key)}, and this one has "
                f"{described(self.identity, key)}. Give another out=..., or remove it."
            )
        with self.reading():
            self.index, self.start = saved["index"], time.perf_counter() - saved["seconds"]
            self.evaluator.restore(saved["evaluator"])
            return saved["trainer"]

    @contextmanager
    def reading(self) -> Iterator[None]:
        """While a saved state is restored. Raises ConfigError if it does not fit: another version kept something
        else."""
        assert self.folder is not None
        try:
            yield
        except (AttributeError, KeyError, RuntimeError, ValueError) as error:
            if isinstance(error, torch.OutOfMemoryError) or "memory" in str(error):  # nothing is wrong with the file
                raise
            raise _unreadable(self.folder / "state.pt", error) from None


def _unreadable(path: Path, error: Exception) -> ConfigError:
    return ConfigError(f"{path}: cannot be read: {raised(error)}. Remove {path.parent}; the trial then starts anew.")
