"""Scoring of a trial: looks while it trains, confirmations on fresh episodes, and the check of its parameters."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch

from rl_intdim.config.schema import Task, reaches
from rl_intdim.errors import TrialFailure
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import rollout, vector
from rl_intdim.tasks.network import Network

# The attributes that looks change, which checkpoints store.
KEPT = ("curve", "confirmations", "refuted", "best", "solved_at", "scoring_steps", "next_look")


SHORTENED = 10  # looks of fewer episodes are always played in full


def look_slots(episodes: int) -> int:
    """The slots in which the episodes of a look are played: half of them, so that it may end after the first half."""
    return episodes // 2 if episodes >= SHORTENED and episodes % 2 == 0 else episodes


def hopeless(returns: np.ndarray, episodes: int, threshold: float) -> bool:
    """Will the mean of a look of that many episodes miss the threshold, even if all that are left do as well as the
    best of those played? What this costs and saves: scripts/simulate_looks.py."""
    left = episodes - len(returns)
    return not reaches(float(returns.sum() + left * returns.max()) / episodes, threshold)


class Score(NamedTuple):
    """Means over episodes: of the return and, if the task has a goal, of the goal's number."""

    mean: float
    reached: float | None = None

    def numbers(self) -> list[float]:
        return [self.mean] if self.reached is None else [self.mean, self.reached]


@dataclass
class Candidate:
    """A policy that was looked at: its env steps, its latest score, its theta_d, and whether that score is of a
    confirmation."""

    env_steps: int
    score: Score
    theta_d: torch.Tensor
    confirmed: bool = False


class Evaluator:
    """The scoring protocol: looks evenly spaced over the budget and one at the end of training, a confirmation when a
    look reaches the threshold, and a limited number of confirmations, of which the last is kept for the best policy
    seen. A look ends after half of its episodes if it is hopeless; its score is the mean of those played. A policy is
    confirmed only once, so that a failed one cannot pass by repetition. With `full_budget`, a solved trial trains to
    the end of its budget, and its best policy is scored there, as in the paper; every look is played in full.

    Looks and confirmations draw the seeds of their episodes from separate generators, so that the episodes that
    select a policy do not score it.
    """

    def __init__(
        self,
        task: Task,
        policy: Network,
        subspace: Subspace,
        looks: np.random.SeedSequence,
        confirms: np.random.SeedSequence,
        full_budget: bool = False,
        on_look: Callable[[int, float, float], None] = lambda env_steps, score, norm: None,
    ) -> None:
        self.task, self.policy, self.subspace, self.full_budget = task, policy, subspace, full_budget
        self.on_look = on_look
        self.envs = vector.make_vec(task, look_slots(task.scoring.look_episodes))
        self.looks, self.confirms = np.random.default_rng(looks), np.random.default_rng(confirms)
        self.curve: list[list[float]] = []
        self.confirmations: list[list[float]] = []
        self.refuted: list[Candidate] = []  # their confirmations failed
        self.best: Candidate | None = None
        self.solved_at: int | None = None
        self.scoring_steps = 0
        self.next_look = 1

    def due(self, env_steps: int) -> bool:
        """Is a look due? Never after the budget, since what is learned there does not count."""
        budget, looks = self.task.budget, self.task.scoring.looks
        if env_steps > budget or env_steps * looks < self.next_look * budget:
            return False
        self.next_look = env_steps * looks // budget + 1
        return True

    def unseen(self, env_steps: int) -> bool:
        """At the end of training: was anything learned since the last look? Rollouts and generations hardly ever end
        with the budget, where the last look is due."""
        return env_steps > (self.curve[-1][0] if self.curve else 0)

    def look(self, env_steps: int, theta_d: torch.Tensor, actor: torch.Tensor | None = None) -> bool:
        """Score the policy at theta_d. Returns True if the trial is solved and ends before its budget.

        `actor`: the agent's own flat parameters (D,). Raises TrialFailure unless they equal theta0 + P theta_d to the
        bit, and if theta_d is not finite.
        """
        theta_d = theta_d.detach().to(self.subspace.theta0.device, copy=True)
        if not torch.isfinite(theta_d).all():
            raise TrialFailure(f"theta_d is not finite after {env_steps} env steps.")
        if actor is not None and not torch.equal(actor, self.subspace.theta(theta_d)):
            raise TrialFailure(f"the actor is not theta0 + P theta_d after {env_steps} env steps.")
        n, threshold = self.task.scoring.look_episodes, self.task.threshold
        # With full_budget looks choose the policy that is scored, whatever the threshold, so none is cut short.
        score = self._score(
            theta_d, n, self.looks, lambda returns: not self.full_budget and hopeless(returns, n, threshold)
        )
        norm = float(theta_d.double().norm())  # in float32 it may overflow where theta_d does not
        self.curve.append([env_steps, score.mean, norm, *score.numbers()[1:]])
        self.on_look(env_steps, score.mean, norm)
        known = next((c for c in self.refuted if torch.equal(c.theta_d, theta_d)), None)
        first = env_steps  # random search's favourite often is the best already
        if self.best and torch.equal(self.best.theta_d, theta_d):
            first = self.best.env_steps
        candidate = known or Candidate(first, score, theta_d)
        left = self.task.scoring.confirmations - 1 - len(self.confirmations)
        if not self.solved and not known and self.task.solved_by(*score) and left > 0:
            self._confirm(candidate)
        # The later of equals: if returns have a ceiling, a lucky early look would never be displaced.
        if self.best is None or self._rank(candidate) >= self._rank(self.best):
            self.best = candidate
        return self.solved and not self.full_budget

    @property
    def solved(self) -> bool:
        return self.solved_at is not None

    def state(self) -> dict[str, Any]:
        """Everything that `restore` needs to continue from here, to the bit."""
        rngs = [rng.bit_generator.state for rng in (self.looks, self.confirms)]
        return {"rngs": rngs} | {key: getattr(self, key) for key in KEPT}

    def restore(self, state: dict[str, Any]) -> None:
        """Restore a saved state."""
        for rng, saved in zip((self.looks, self.confirms), state["rngs"], strict=True):
            rng.bit_generator.state = saved
        for key in KEPT:
            setattr(self, key, state[key])
        for candidate in [*self.refuted, *([self.best] if self.best else [])]:
            candidate.theta_d = candidate.theta_d.to(self.subspace.theta0.device)

    def close(self) -> Candidate:
        """End the trial: confirm the best policy seen, unless solving ended the trial. Returns the policy scored."""
        if self.best is None:  # d = 0, or a budget too small for one look
            self.best = Candidate(0, Score(-np.inf), self.subspace.theta0.new_zeros(self.subspace.d))
        if not self.best.confirmed and (not self.solved or self.full_budget):
            self._confirm(self.best)
        self.envs.close()
        return self.best

    def _confirm(self, candidate: Candidate) -> None:
        """Score on fresh episodes. This replaces the look's score, which is biased: it was selected as high."""
        candidate.score = self._score(candidate.theta_d, self.task.scoring.confirm_episodes, self.confirms)
        candidate.confirmed = True
        self.confirmations.append([candidate.env_steps, *candidate.score.numbers()])
        if self.task.solved_by(*candidate.score):
            self.best = candidate
            self.solved_at = candidate.env_steps if self.solved_at is None else self.solved_at
        else:
            self.refuted.append(candidate)

    def _rank(self, candidate: Candidate) -> tuple[bool, float]:
        """By the goal, if the task has one, then by the mean return."""
        reached = candidate.score.reached
        return reached is None or reaches(reached, self.task.goal.least), candidate.score.mean

    def _score(
        self,
        theta_d: torch.Tensor,
        n: int,
        rng: np.random.Generator,
        enough: Callable[[np.ndarray], bool] = lambda returns: False,
    ) -> Score:
        theta = self.subspace.theta(theta_d)
        returns, reached, steps = rollout.score_episodes(self.envs, self.policy, theta, n, rng, enough)
        self.scoring_steps += steps
        return Score(float(returns.mean()), reached)
