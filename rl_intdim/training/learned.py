"""Subspaces that are learned: a direct run gives theta0, after a burn-in, or P, from its trajectory or gradients.

Larsen, Fort, Becker and Ganguli 2022, https://arxiv.org/abs/2107.05802; Schneider et al. 2024,
https://arxiv.org/abs/2401.06604. The run is of the trial's own agent, from the trial's own theta0 and a seed of its
own. Nothing is scored in it. Its env steps are counted, apart from the trial's.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from rl_intdim.config.schema import DIRECT, Learned, SubspaceConfig
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.projections import LearnedBasis
from rl_intdim.subspace.projections.learned import principal_directions
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.context import TrialContext
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.seeding import LearnedSubspace, children
from rl_intdim.training.spec import TrialSpec

# The attributes that training changes, which checkpoints store.
KEPT = ("start", "snapshots", "next_snapshot", "last", "sum", "steps")
SNAPSHOT_BYTES = 2**28  # most memory of the snapshots; decomposing them takes about six times as much


class Trainer(Protocol):
    """A trainer module."""

    def train(self, context: TrialContext[Any]) -> int: ...


class Recorder(Evaluator):
    """Keeps of a direct run its last parameters within the burn-in, and snapshots evenly spaced over it: the
    parameters there, or the mean gradient of the steps since the snapshot before.

    It takes the evaluator's place in training, and scores nothing.
    """

    def __init__(self, subspace: Subspace, learned: Learned) -> None:
        # Not super().__init__, which makes the environments of looks.
        self.subspace, self.learned = subspace, learned
        self.start: torch.Tensor | None = None if learned.burn_in else subspace.theta0  # (D,)
        self.snapshots: list[torch.Tensor] = [] if learned.gradients else [subspace.theta0]  # (D,) each
        self.next_snapshot, self.last = 1, 0  # last: env steps of the last snapshot
        self.sum, self.steps = torch.zeros_like(subspace.theta0), 0  # of gradients since the last snapshot

    def due(self, env_steps: int) -> bool:
        """Is the start or a snapshot due?"""
        return self._burning_in(env_steps) or self._snapshot_due(env_steps)

    def unseen(self, env_steps: int) -> bool:
        """At the end of the run: is the start, or a last snapshot, due?"""
        if self.learned.snapshots and env_steps > self.last:
            self.next_snapshot = 0  # whatever its place is
        return self.due(env_steps)

    def add(self, gradient: torch.Tensor) -> None:
        """Take in the gradient (D,) of a step. There may be millions of steps, so snapshots are means of many."""
        self.sum += gradient
        self.steps += 1

    def look(self, env_steps: int, theta_d: torch.Tensor, actor: torch.Tensor | None = None) -> bool:
        """Keep what is due. Returns False: the run goes on to its end."""
        theta = self.subspace.theta(theta_d.detach().to(self.subspace.theta0.device))
        if self._burning_in(env_steps):
            self.start = theta
        if self._snapshot_due(env_steps):
            if not self.learned.gradients:
                self.snapshots.append(theta)
            elif self.steps:  # an algorithm may collect before its first step
                self.snapshots.append(self.sum / self.steps)
                self.sum, self.steps = torch.zeros_like(self.sum), 0
            self.last = env_steps
            self.next_snapshot = env_steps * self.learned.snapshots // self.learned.direct_steps + 1
        return False

    def _burning_in(self, env_steps: int) -> bool:
        return env_steps <= self.learned.burn_in

    def _snapshot_due(self, env_steps: int) -> bool:
        n = self.learned.snapshots
        return n > 0 and env_steps * n >= self.next_snapshot * self.learned.direct_steps

    def vectors(self) -> torch.Tensor:
        """What spans P, (n, D): the mean gradients, or the points of the trajectory less theta0."""
        assert self.start is not None
        away = self.snapshots if self.learned.gradients else [point - self.start for point in self.snapshots]
        return torch.cat([self.start.new_empty(0, self.subspace.D), *(row[None] for row in away)])

    def state(self) -> dict[str, Any]:
        return {key: getattr(self, key) for key in KEPT}

    def restore(self, state: dict[str, Any]) -> None:
        device = self.subspace.theta0.device
        for key in KEPT:
            setattr(self, key, state[key])
        self.start = None if self.start is None else self.start.to(device)
        self.snapshots, self.sum = [snapshot.to(device) for snapshot in self.snapshots], self.sum.to(device)


def check(subspace: SubspaceConfig, budget: int, D: int) -> None:
    """Raise ConfigError if the snapshots take too much memory."""
    learned = subspace.learned(budget)
    need = 4 * D * (learned.snapshots + 1) if learned and learned.snapshots else 0
    if need > SNAPSHOT_BYTES:
        most = f"{SNAPSHOT_BYTES / 2**20:,.0f} MiB, {SNAPSHOT_BYTES // (4 * D) - 1:,} of them"
        raise ConfigError(
            f"subspace.snapshots={subspace.snapshots}: that many snapshots of D = {D:,} parameters take "
            f"{need / 2**20:,.0f} MiB; valid here: at most {most}."
        )


def learn(trial: TrialSpec, network: Network, device: torch.device, trainer: Trainer) -> LearnedSubspace:
    """Run the direct run, or the rest of it from its last checkpoint in the trial's folder. The same seed gives the
    same bits.

    Raises TrialFailure if its snapshots span fewer than d directions, or the burn-in ended before the agent's first
    update: theta0 would be the drawn one, and the trial one in a random subspace.
    """
    task, agent, learned, d = trial.task, trial.agent, trial.learned, int(trial.d)
    assert learned is not None
    folder = Path(trial.folder) / "direct" if trial.folder else None
    theta0, *_, run = children(trial.seed)
    direct = Subspace(network.theta0(np.random.default_rng(theta0)), DIRECT)
    direct.to(device)
    recorder = Recorder(direct, learned)
    checkpoints = Checkpoints(recorder, run, task.checkpoint, folder, trial.identity())
    if done := (checkpoints.load() or {}).get("learned"):
        start, columns, env_steps = done
        return LearnedSubspace(
            start, None if columns is None else LearnedBasis(columns), env_steps, checkpoints.seconds
        )
    task = replace(task, budget=learned.direct_steps)
    on_gradient = recorder.add if learned.gradients else None
    context = TrialContext(task, agent, network, direct, run, recorder, checkpoints, on_gradient=on_gradient)
    env_steps = trainer.train(context)
    if recorder.start is None or (learned.burn_in and torch.equal(recorder.start, direct.theta0)):
        raise TrialFailure(
            f"subspace.burn_in={learned.burn_in:,}: {agent.name} had learned nothing by then; valid: enough env "
            "steps for its first generation or update."
        )
    P = None
    if learned.snapshots and d > 0:
        P = LearnedBasis(principal_directions(recorder.vectors().cpu(), d))
    start = recorder.start.cpu() if learned.burn_in else None
    if task.checkpoint:  # run again, on another machine say, it might give another subspace than the trial goes on in
        checkpoints.save({"learned": (start, None if P is None else P.columns, env_steps)})
    return LearnedSubspace(start, P, env_steps, checkpoints.seconds)
