"""Subspaces that are learned: a direct run gives theta0, after a burn-in, or P, from its trajectory.

Larsen, Fort, Becker and Ganguli 2022, https://arxiv.org/abs/2107.05802. The run is of the trial's own agent, from the
trial's own theta0 and a seed of its own. Nothing is scored in it. Its env steps are counted, apart from the trial's.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rl_intdim.config.schema import DIRECT, Agent, Learned, SubspaceConfig, Task
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.projections import Trajectory
from rl_intdim.subspace.projections.trajectory import principal_directions
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.context import TrialContext
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.seeding import LearnedSubspace, children

POINTS_BYTES = 2**28  # most memory of the trajectory; its singular value decomposition takes about six times as much


class Trainer(Protocol):
    """A trainer module."""

    def train(self, context: TrialContext[Any]) -> int: ...


class Recorder(Evaluator):
    """Keeps points of a direct run: its last parameters within the burn-in, and snapshots evenly spaced over it.

    It takes the evaluator's place in training, and scores nothing.
    """

    def __init__(self, subspace: Subspace, learned: Learned) -> None:
        # Not super().__init__, which makes the environments of looks.
        self.subspace, self.learned = subspace, learned
        self.start: torch.Tensor | None = None if learned.burn_in else subspace.theta0  # (D,)
        self.points: list[torch.Tensor] = [subspace.theta0] if learned.snapshots else []
        self.next_point = 1

    def due(self, env_steps: int) -> bool:
        """Is a point due?"""
        return self._burning_in(env_steps) or self._point_due(env_steps)

    def look(self, env_steps: int, theta_d: torch.Tensor, actor: torch.Tensor | None = None) -> bool:
        """Keep the point. Returns False: the run goes on to its end."""
        theta = self.subspace.theta(theta_d.detach().to(self.subspace.theta0.device))
        if self._burning_in(env_steps):
            self.start = theta
        if self._point_due(env_steps):
            self.points.append(theta)
            self.next_point = env_steps * self.learned.snapshots // self.learned.direct_steps + 1
        return False

    def _burning_in(self, env_steps: int) -> bool:
        return env_steps <= self.learned.burn_in

    def _point_due(self, env_steps: int) -> bool:
        n = self.learned.snapshots
        return n > 0 and env_steps * n >= self.next_point * self.learned.direct_steps

    def state(self) -> dict[str, Any]:
        return {"start": self.start, "points": self.points, "next_point": self.next_point}

    def restore(self, state: dict[str, Any]) -> None:
        device = self.subspace.theta0.device
        self.start = None if state["start"] is None else state["start"].to(device)
        self.points, self.next_point = [point.to(device) for point in state["points"]], state["next_point"]


def check(subspace: SubspaceConfig, budget: int, D: int) -> None:
    """Raise ConfigError if the points of a trajectory take too much memory."""
    learned = subspace.learned(budget)
    need = 4 * D * (learned.snapshots + 1) if learned and learned.snapshots else 0
    if need > POINTS_BYTES:
        most = f"{POINTS_BYTES / 2**20:,.0f} MiB, {POINTS_BYTES // (4 * D) - 1:,} of them"
        raise ConfigError(
            f"subspace.snapshots={subspace.snapshots}: that many points of D = {D:,} parameters take "
            f"{need / 2**20:,.0f} MiB; valid here: at most {most}."
        )


def learn(
    task: Task,
    agent: Agent,
    network: Network,
    learned: Learned,
    d: int,
    seed: int,
    device: torch.device,
    trainer: Trainer,
    folder: Path | None,
    identity: dict[str, Any],
) -> LearnedSubspace:
    """Run the direct run, or the rest of it from its last checkpoint in `folder`. The same seed gives the same bits.

    Raises TrialFailure if its trajectory spans fewer than d directions, or the burn-in ended before the agent's first
    update: theta0 would be the drawn one, and the trial one in a random subspace.
    """
    theta0, *_, run = children(seed)
    direct = Subspace(network.theta0(np.random.default_rng(theta0)), DIRECT)
    direct.to(device)
    recorder = Recorder(direct, learned)
    checkpoints = Checkpoints(recorder, run, task.checkpoint, folder / "direct" if folder else None, identity)
    task = replace(task, budget=learned.direct_steps)
    env_steps = trainer.train(TrialContext(task, agent, network, direct, run, recorder, checkpoints))
    if recorder.start is None or (learned.burn_in and torch.equal(recorder.start, direct.theta0)):
        raise TrialFailure(
            f"subspace.burn_in={learned.burn_in:,}: {agent.name} had learned nothing by then; valid: enough env "
            "steps for its first generation or update."
        )
    start, P = recorder.start.cpu(), None
    if learned.snapshots and d > 0:
        P = Trajectory(principal_directions(torch.stack(recorder.points).cpu(), start, d))
    return LearnedSubspace(start if learned.burn_in else None, P, env_steps, checkpoints.seconds)
