"""Stable-Baselines3's algorithms (https://stable-baselines3.readthedocs.io) with the actor in a subspace."""

import numpy as np
import torch

from rl_intdim.config.schema import DIRECT, GradientAgent, Task
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.sb3.callback import TrialCallback
from rl_intdim.training.sb3.model import build
from rl_intdim.training.sb3.subspace_actor import SubspaceActor


def check(task: Task, agent: GradientAgent, policy: Network) -> None:
    """Build the algorithm and its subspace once. Raises ConfigError for what does not fit."""
    model = build(task, agent, policy, seed=0)
    SubspaceActor(model, agent, Subspace(torch.zeros(policy.D), DIRECT))
    model.get_env().close()  # type: ignore[union-attr]


def train(
    task: Task,
    agent: GradientAgent,
    policy: Network,
    subspace: Subspace,
    seeds: np.random.SeedSequence,
    evaluator: Evaluator,
    checkpoints: Checkpoints,
    logs: str | None = None,
) -> int:
    """Train theta_d by a Stable-Baselines3 algorithm; returns the env steps used.

    The step on theta_d is the learning rate times multiplier times sqrt(D / d): at multiplier 1 a parameter
    changes as much per step as in direct training, which takes multiplier 1 always.
    """
    model = build(task, agent, policy, int(seeds.generate_state(1)[0] >> 1), str(subspace.theta0.device), logs)
    actor = SubspaceActor(model, agent, subspace)
    callback = TrialCallback(evaluator, actor, checkpoints)
    resumed = callback.resume(model)
    model.learn(task.budget - model.num_timesteps, callback=callback, reset_num_timesteps=not resumed)
    if not callback.over and evaluator.due(model.num_timesteps):
        actor.look(evaluator, model.num_timesteps)
    env_steps = model.num_timesteps
    model.get_env().close()  # type: ignore[union-attr]
    return env_steps
