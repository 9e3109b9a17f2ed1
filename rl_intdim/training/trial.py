"""Run one trial: (task, agent, d, seed) -> TrialRecord. The same seed and d give every agent the same subspace."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_intdim.config.schema import DIRECT, Agent, Learned, Task
from rl_intdim.errors import IntdimError, TrialFailure, raised
from rl_intdim.search.trials import TrialRecord
from rl_intdim.subspace.projections import LearnedBasis
from rl_intdim.tasks import environment, rollout, vector
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.context import TrialContext
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.learned import learn
from rl_intdim.training.progress import ProgressFile
from rl_intdim.training.resources import device, settle
from rl_intdim.training.seeding import draw_subspace

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


def run_trial(trial: TrialSpec, on_look: Callable[[int, float, float], None] = lambda *look: None) -> TrialRecord:
    """Run one trial in this process. Raises TrialFailure if it breaks down, which says nothing about d.

    `on_look` is called at each look with env steps, score and norm of theta_d.
    """
    try:
        return _run(trial, on_look)
    except IntdimError:
        raise
    except (Exception, SystemExit) as error:  # torch, an algorithm or a user's module may raise anything
        raise TrialFailure(raised(error)) from error


def _run(trial: TrialSpec, on_look: Callable[[int, float, float], None]) -> TrialRecord:
    context = prepare(trial, on_look)
    evaluator, subspace = context.evaluator, context.subspace
    env_steps = trainer(trial.agent).train(context) if subspace.d > 0 else 0
    scored = evaluator.close()
    learned = context.learned
    basis = learned.projection.columns if learned and isinstance(learned.projection, LearnedBasis) else None
    return TrialRecord(
        d=trial.d,
        seed=trial.seed,
        D=subspace.D,
        solved=evaluator.solved,
        score=scored.score.mean,
        solved_at=evaluator.solved_at,
        env_steps=env_steps,
        scoring_steps=evaluator.scoring_steps,
        confirmations=evaluator.confirmations,
        curve=evaluator.curve,
        seconds=round(context.checkpoints.seconds, 3),
        theta_d=scored.theta_d.tolist(),
        subspace_steps=learned.env_steps if learned else 0,
        theta0=learned.theta0.tolist() if learned and learned.theta0 is not None else None,
        basis=None if basis is None else basis.tolist(),
    )


def prepare(
    trial: TrialSpec,
    on_look: Callable[[int, float, float], None] = lambda *look: None,
    evaluator_type: type[Evaluator] = Evaluator,
) -> TrialContext[Any]:
    """Set up this process for the trial, and draw from its seed what its trainer needs. Raises ConfigError.

    `on_look` as in `run_trial`. `evaluator_type` may replace the evaluator, for example by one that measures time.
    """
    settle(trial.threads)
    if trial.task.vectorisation.ale:
        from rl_intdim.tasks import atari

        atari.threads = trial.cores

    def tell(env_steps: int, score: float, norm: float) -> None:
        on_look(env_steps, score, norm)
        progress.write(checkpoints.seconds, evaluator.curve)

    task, network = trial.task, environment.policy(trial.task)
    where, folder = device(trial.device, network), Path(trial.folder) if trial.folder else None
    learned = None
    if trial.learned and trial.learns:
        d, run, identity = int(trial.d), trainer(trial.agent), trial.identity()
        learned = learn(task, trial.agent, network, trial.learned, d, trial.seed, where, run, folder, identity)
    subspace, (training, looks, confirms) = draw_subspace(network, trial.projection, trial.d, trial.seed, learned)
    subspace.to(where)
    evaluator = evaluator_type(task, network, subspace, looks, confirms, trial.full_budget, tell)
    checkpoints = Checkpoints(evaluator, training, task.checkpoint, folder, trial.identity())
    checkpoints.start -= learned.seconds if learned else 0.0  # they are the trial's too
    progress = ProgressFile(folder, trial.d, trial.seed)
    progress.write(0.0, [])
    return TrialContext(
        task, trial.agent, network, subspace, training, evaluator, checkpoints, trial.tensorboard, learned
    )


def check(task: Task, agent: Agent, name: str = "auto", say: Callable[[str], None] = print) -> int:
    """Build once everything that a trial builds, on the device `name`, and return D. Raises ConfigError if the parts
    do not fit together. `say` is called with notes for the user."""
    policy = environment.policy(task)
    device(name, policy)
    envs = vector.make_vec(task, 1)
    if envs.longest is not None:
        say(
            f"Note: env.id={task.id} has no time limit. If an episode does not end by itself, give "
            f"env.max_episode_steps=1000, say; a trial fails at an episode of {envs.longest:,} env steps."
        )
    # What compiles does so once, not in every worker; and a goal's name is known at the end of an episode.
    if not task.policy.conv:
        policy.actor(policy.laid_out(torch.zeros(1, policy.D))[0])(np.zeros(policy.sizes[0]))
    if task.goal.info is not None or task.vectorisation.compiled:
        rollout.episodes(envs, policy, torch.zeros(1, policy.D), seed=0)
    envs.close()
    trainer(agent).check(task, agent, policy, say)
    return policy.D


def trainer(agent: Agent) -> Any:
    """The trainer module of this agent. Imports only that trainer's libraries."""
    return import_module(f"rl_intdim.training.{agent.trainer}")
