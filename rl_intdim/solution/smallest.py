"""The solution of a sweep: which of its solved policies the file holds."""

from collections.abc import Sequence
from pathlib import Path

from rl_intdim.config.schema import SweepConfig, Task
from rl_intdim.records import learned_subspaces
from rl_intdim.search.trials import TrialRecord
from rl_intdim.solution.solution import Solution


def holds(task: Task, trial: TrialRecord) -> bool:
    """Does the policy that a trial kept solve the task? With search.full_budget, another may have solved it."""
    confirmed = [score for _, *score in trial.confirmations if score[0] == trial.score]
    return any(task.solved_by(*score) for score in confirmed)


def smallest(config: SweepConfig, trials: Sequence[TrialRecord], folder: Path) -> Solution | None:
    """The solved policy with the smallest d, and of those the best score, among the trials whose theta_d was kept.
    A learned subspace is read from the run folder. Raises ConfigError if its file is gone."""
    solved = [t for t in trials if t.solved and holds(config.env, t) and not t.direct and t.theta_d is not None]
    if not solved:
        return None
    best = min(solved, key=lambda t: (t.d, -t.score))
    learned = learned_subspaces.read(folder, (best.d, best.seed)) if best.subspace_steps else {}
    return Solution(
        config.env,
        config.agent.name,
        config.subspace.projection,
        best.d,
        best.seed,
        best.score,
        best.theta_d or [],
        seeds_tried=sum(not t.direct for t in trials),
        **learned,
    )
