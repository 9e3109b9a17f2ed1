"""What a trial is: everything that its record depends on, and where it keeps its files. Imports no torch."""

import json
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any

from rl_intdim.config.schema import DIRECT, Agent, Learned, Task

PLACE = ("folder", "tensorboard", "cores")  # fields of a TrialSpec that do not affect its record


@dataclass(frozen=True)
class TrialSpec:
    """Everything that a trial depends on, besides versions and CPU type."""

    task: Task
    agent: Agent
    projection: str
    d: int | str  # or "direct"
    seed: int
    threads: int = 1
    full_budget: bool = False  # train on after solving
    device: str = "auto"
    folder: str | None = None  # of its checkpoints; the trial resumes from one that is there
    tensorboard: str | None = None  # folder for SB3's logs
    cores: int = 1  # cores that ALE may use; the record does not depend on it
    learned: Learned | None = None  # how theta0 or P is learned; None: both are drawn. Direct training draws theta0

    def identity(self) -> dict[str, Any]:
        """The values that identify the trial, under the user's keys."""
        keys = {"task": "env", "projection": "subspace.projection", "learned": "subspace"}
        values = {keys.get(k, k): v for k, v in asdict(self).items() if k not in PLACE}
        return values if self.learned else {k: v for k, v in values.items() if k != "subspace"}

    @property
    def learns(self) -> bool:
        """Does it begin with a direct run? Not to train directly, nor to score theta0 as drawn."""
        return self.learned is not None and self.d != DIRECT and (self.d != 0 or self.learned.burn_in > 0)

    def digest(self) -> str:
        """A hash of the identity, 16 hexadecimal digits."""
        return sha256(json.dumps(self.identity()).encode()).hexdigest()[:16]
