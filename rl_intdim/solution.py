"""The solution file: a solved policy of D parameters as its seed and d numbers. JSON; loading runs no code."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rl_intdim.catalogue import merged
from rl_intdim.config import Task, check_task
from rl_intdim.errors import ConfigError
from rl_intdim.store import replace

if TYPE_CHECKING:  # reading a file needs no torch
    import torch

    from rl_intdim.policy import MLP

FORMAT = "rl_intdim solution 1"


@dataclass(frozen=True)
class Solution:
    """All that rebuilds the policy: task, projection, seed and theta_d; and the score it was confirmed at."""

    task: Task
    agent: str
    projection: str
    d: int | str
    seed: int
    score: float
    theta_d: list[float]

    def save(self, path: Path) -> None:
        replace(path, json.dumps({"format": FORMAT} | asdict(self), allow_nan=False) + "\n")

    def policy(self) -> "tuple[MLP, torch.Tensor]":
        """The network and its parameters theta0 + P theta_d, (D,)."""
        import torch

        from rl_intdim import tasks
        from rl_intdim.trial import draw_subspace

        policy = tasks.policy(self.task)
        subspace, _ = draw_subspace(policy, self.projection, self.d, self.seed)
        return policy, subspace.theta(torch.tensor(self.theta_d))


def load(path: Path) -> Solution:
    """Read a solution file. Raises ConfigError if it is not one."""
    try:
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("format", None) != FORMAT:
            raise ConfigError(f"{path}: not a solution file of this version ({FORMAT!r}).")
        task = OmegaConf.to_object(merged(Task, data.pop("task"), path))
        solution = Solution(task=task, **data)  # type: ignore[arg-type]
    except (
        OSError,
        UnicodeDecodeError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        OmegaConfBaseException,
    ) as error:
        raise ConfigError(f"{path}: not a solution file: {error}") from None
    check_task(solution.task)
    return solution
