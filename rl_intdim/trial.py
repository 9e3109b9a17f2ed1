"""One trial: (task, agent, d, seed) -> TrialResult. Training, looks, confirmations, and the check of honesty."""

import time
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import numpy as np
import torch

from rl_intdim import tasks
from rl_intdim.config import Agent, Task
from rl_intdim.errors import TrialFailure
from rl_intdim.policy import MLP
from rl_intdim.subspace import Subspace


@dataclass(frozen=True)
class Trial:
    """All that a trial depends on, beside versions and CPU type."""

    task: Task
    agent: Agent
    projection: str
    d: int | str  # or "direct"
    seed: int
    threads: int = 1


@dataclass(frozen=True)
class TrialResult:
    """What one trial says. Steps are env steps; returns are undiscounted and unclipped."""

    d: int | str
    seed: int
    D: int
    solved: bool
    score: float  # mean return of the last confirmation
    solved_at: int | None  # env steps of training when the solved policy was first looked at
    env_steps: int  # of training
    scoring_steps: int  # of looks and confirmations
    confirmations: list[list[float]]  # [env steps, mean return]
    curve: list[list[float]]  # [env steps, look score, norm of theta_d]
    seconds: float
    theta_d: list[float] = field(repr=False, default_factory=list)  # of the checkpoint confirmed last


@dataclass
class Checkpoint:
    """A policy that was looked at: its place, its best known score and its coordinates."""

    env_steps: int
    score: float
    theta_d: torch.Tensor


class Referee:
    """The scoring protocol: looks evenly over the budget, a confirmation when one reaches the threshold, at
    most so many confirmations, the last kept for the best checkpoint at the end.

    Looks and confirmations draw their episodes from generators of their own, so nothing that chooses a
    policy is seen by what scores it.
    """

    def __init__(
        self,
        task: Task,
        policy: MLP,
        subspace: Subspace,
        looks: np.random.SeedSequence,
        confirms: np.random.SeedSequence,
    ) -> None:
        self.task, self.policy, self.subspace = task, policy, subspace
        self.envs = tasks.make_vec(task, task.scoring.look_episodes)
        self.looks, self.confirms = np.random.default_rng(looks), np.random.default_rng(confirms)
        self.curve: list[list[float]] = []
        self.confirmations: list[list[float]] = []
        self.best: Checkpoint | None = None
        self.solved = False
        self.scoring_steps = 0
        self.next_look = 1.0

    def due(self, env_steps: int) -> bool:
        """Is a look due? None is after the budget: what was learned there does not count."""
        interval = self.task.budget / self.task.scoring.looks
        if env_steps > self.task.budget or env_steps < self.next_look * interval:
            return False
        self.next_look = env_steps // interval + 1
        return True

    def look(self, env_steps: int, theta_d: torch.Tensor, actor: torch.Tensor | None = None) -> bool:
        """Score the policy at theta_d; True if the trial is solved and over.

        `actor`: the flat parameters (D,) that the agent holds; they must equal theta0 + P theta_d to the bit.
        """
        theta_d = theta_d.detach().clone()
        if not torch.isfinite(theta_d).all():
            raise TrialFailure(f"theta_d is not finite after {env_steps} env steps.")
        if actor is not None and not torch.equal(actor, self.subspace.theta(theta_d)):
            raise TrialFailure(f"the actor is not theta0 + P theta_d after {env_steps} env steps.")
        score = self._mean(theta_d, self.task.scoring.look_episodes, self.looks)
        self.curve.append([env_steps, score, float(theta_d.norm())])
        checkpoint = Checkpoint(env_steps, score, theta_d)
        if score >= self.task.threshold and len(self.confirmations) < self.task.scoring.confirmations - 1:
            self._confirm(checkpoint)
        if self.best is None or checkpoint.score > self.best.score:
            self.best = checkpoint
        return self.solved

    def close(self) -> Checkpoint:
        """The end of the budget: confirm the best checkpoint if nothing is solved. Returns the one scored."""
        if self.best is None:  # d = 0, or a budget too small for one look
            self.best = Checkpoint(0, -np.inf, torch.zeros(self.subspace.d))
        if not self.solved:
            self._confirm(self.best)
        self.envs.close()
        return self.best

    def _confirm(self, checkpoint: Checkpoint) -> None:
        """Score on fresh episodes. The confirmation replaces the look's score: it was chosen for being high."""
        checkpoint.score = self._mean(checkpoint.theta_d, self.task.scoring.confirm_episodes, self.confirms)
        self.confirmations.append([checkpoint.env_steps, checkpoint.score])
        self.solved = checkpoint.score >= self.task.threshold
        if self.solved:
            self.best = checkpoint

    def _mean(self, theta_d: torch.Tensor, n: int, rng: np.random.Generator) -> float:
        theta = self.subspace.theta(theta_d)[None]
        returns = []
        for _ in range(n // self.envs.num_envs):
            rewards, lengths = tasks.episodes(self.envs, self.policy, theta, int(rng.integers(2**31)))
            returns.append(rewards)
            self.scoring_steps += int(lengths.sum())
        mean = float(np.mean(returns))
        if not np.isfinite(mean):
            raise TrialFailure("the environment returned rewards that are not finite.")
        return mean


def draw_subspace(
    policy: MLP, projection: str, d: int | str, seed: int
) -> tuple[Subspace, list[np.random.SeedSequence]]:
    """The subspace of a seed, the same for every agent, and the seeds of [training, looks, confirmations]."""
    theta0, P, *rest = np.random.SeedSequence(seed).spawn(5)
    start = policy.theta0(np.random.default_rng(theta0))
    return Subspace.draw(start, d, projection, np.random.default_rng(P)), rest


def run_trial(trial: Trial) -> TrialResult:
    """Run one trial in this process. Raises TrialFailure if it broke down; that says nothing about d."""
    start = time.perf_counter()
    torch.set_num_threads(trial.threads)
    policy = tasks.policy(trial.task)
    subspace, (training, looks, confirms) = draw_subspace(policy, trial.projection, trial.d, trial.seed)
    referee = Referee(trial.task, policy, subspace, looks, confirms)
    env_steps = (
        0
        if subspace.d == 0
        else trainer(trial.agent).train(trial.task, trial.agent, policy, subspace, training, referee)
    )
    scored = referee.close()
    return TrialResult(
        d=trial.d,
        seed=trial.seed,
        D=subspace.D,
        solved=referee.solved,
        score=referee.confirmations[-1][1],
        solved_at=scored.env_steps if referee.solved else None,
        env_steps=env_steps,
        scoring_steps=referee.scoring_steps,
        confirmations=referee.confirmations,
        curve=referee.curve,
        seconds=round(time.perf_counter() - start, 3),
        theta_d=scored.theta_d.tolist(),
    )


def check(task: Task, agent: Agent) -> int:
    """Make once what every trial will make; raises ConfigError for what does not fit. Returns D."""
    policy = tasks.policy(task)
    tasks.make_vec(task, 1).close()
    trainer(agent).check(task, agent, policy)
    return policy.D


def trainer(agent: Agent) -> Any:
    """The module in `trainers` that trains an agent of this kind; the other kinds' libraries stay unimported."""
    return import_module(f"rl_intdim.trainers.{agent.trainer}")
