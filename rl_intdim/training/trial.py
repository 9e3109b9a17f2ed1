"""Run one trial: (task, agent, d, seed) -> TrialRecord. The same seed and d give every agent the same subspace."""

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch

from rl_intdim.config.likeness import borrowed_threshold
from rl_intdim.config.schema import Agent, Task
from rl_intdim.search.trials import TrialRecord
from rl_intdim.subspace.projections import LearnedBasis
from rl_intdim.tasks import environment, output, rollout, vector
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.contained import at_home, contained
from rl_intdim.training.context import TrialContext
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.learned import learn
from rl_intdim.training.progress import ProgressFile
from rl_intdim.training.resources import device, device_name, settle
from rl_intdim.training.seeding import draw_subspace, seed_globals
from rl_intdim.training.spec import TrialSpec

OnLook = Callable[[int, float, float, float], None]  # see run_trial


def run_trial(trial: TrialSpec, on_look: OnLook = lambda *look: None) -> TrialRecord:
    """Run one trial in this process. Raises TrialFailure if it breaks down, which says nothing about d.

    `on_look` is called at each look with env steps, score, norm of theta_d and the seconds of training in the
    subspace, those before a checkpoint included.
    """
    with contained():
        return _run(trial, on_look)


def _run(trial: TrialSpec, on_look: OnLook) -> TrialRecord:
    context = prepare(trial, on_look)
    if not trial.task.vectorisation.compiled:  # here, and not in `check`, since it may take the process down
        environment.warn_if_unrepeatable(trial.task)
    evaluator, subspace = context.evaluator, context.subspace
    env_steps = trainer(trial.agent).train(context) if subspace.d > 0 else 0
    scored = evaluator.close()
    if evaluator.curve and not any(norm for _, _, norm, *_ in evaluator.curve):
        output.note(f"agent={trial.agent.name} learned nothing: theta_d was 0 at every look.")
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
        device=device_name(subspace.theta0.device),
        subspace_steps=learned.env_steps if learned else 0,
        theta0=learned.theta0.tolist() if learned and learned.theta0 is not None else None,
        basis=None if basis is None else basis.tolist(),
    )


def prepare(
    trial: TrialSpec,
    on_look: OnLook = lambda *look: None,
    evaluator_type: type[Evaluator] = Evaluator,
) -> TrialContext[Any]:
    """Set up this process for the trial, and draw from its seed what its trainer needs. Raises ConfigError.

    `on_look` as in `run_trial`. `evaluator_type` may replace the evaluator, for example by one that measures time.
    """
    settle(trial.threads)
    seed_globals(trial.seed)
    if trial.task.vectorisation.ale:
        from rl_intdim.tasks import atari

        atari.threads = trial.cores

    def tell(env_steps: int, score: float, norm: float) -> None:
        on_look(env_steps, score, norm, checkpoints.seconds - before)
        progress.write(checkpoints.seconds, evaluator.curve)

    task, network = trial.task, environment.policy(trial.task)
    where, folder = device(trial.device, network), Path(trial.folder) if trial.folder else None
    learned = learn(trial, network, where, trainer(trial.agent)) if trial.learns else None
    before = learned.seconds if learned else 0.0
    subspace, (training, looks, confirms) = draw_subspace(network, trial.projection, trial.d, trial.seed, learned)
    subspace.to(where)
    evaluator = evaluator_type(task, network, subspace, looks, confirms, trial.full_budget, tell)
    checkpoints = Checkpoints(evaluator, training, task.checkpoint, folder, trial.identity())
    checkpoints.start -= before  # they are the trial's too
    progress = ProgressFile(folder, trial.d, trial.seed)
    progress.write(0.0, [])
    return TrialContext(
        task, trial.agent, network, subspace, training, evaluator, checkpoints, trial.tensorboard, learned
    )


@at_home()
def check(task: Task, agent: Agent, name: str = "auto", say: Callable[[str], None] = print) -> int:
    """Build once everything that a trial builds, on the device `name`, and return D. Raises ConfigError if the parts
    do not fit together. `say` is called with notes for the user."""
    policy = environment.policy(task)
    device(name, policy)
    if note := borrowed_threshold(task):
        say(note)
    envs = vector.make_vec(task, 1)
    if task.vectorisation.single and envs.longest is not None:
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
