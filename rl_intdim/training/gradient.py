"""The gradient trainer: Stable-Baselines3 (https://stable-baselines3.readthedocs.io) with the actor in a subspace."""

from collections.abc import Callable

import numpy as np

from rl_intdim.config.schema import DIRECT, GradientAgent, Task
from rl_intdim.errors import ConfigError, IntdimError, TrialFailure, raised
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import environment
from rl_intdim.tasks.network import Network
from rl_intdim.training.context import TrialContext
from rl_intdim.training.sb3.agreement import check_agreement, check_trained
from rl_intdim.training.sb3.callback import TrialCallback
from rl_intdim.training.sb3.model import build, rollout_steps, set_precision
from rl_intdim.training.sb3.subspace_actor import SubspaceActor

FEW = 5  # rollouts; with fewer there is little to learn from


def check(task: Task, agent: GradientAgent, policy: Network, say: Callable[[str], None] = print) -> None:
    """Build the algorithm and its subspace once. Raises ConfigError if they do not fit together, or the budget
    holds no rollout. `say` is called if it holds fewer than FEW, or if checkpoints cut training episodes off."""
    try:
        model = build(task, agent, policy, seed=0)
        actor = SubspaceActor(model, agent, Subspace(policy.theta0(np.random.default_rng(0)), DIRECT))
        check_agreement(model, actor, agent, policy)
    except IntdimError:
        raise
    except Exception as error:  # a user's algorithm or policy may raise anything
        raise ConfigError(f"agent.algorithm={agent.algorithm}: {raised(error)}") from None
    model.get_env().close()  # type: ignore[union-attr]
    starts = int(getattr(model, "learning_starts", 0))
    if task.budget <= starts:
        raise ConfigError(
            f"env.budget={task.budget:,}: agent={agent.name} learns only after agent.settings.learning_starts="
            f"{starts:,} env steps; valid: {starts + 1:,} or more, several times that to learn anything."
        )
    rollout = rollout_steps(model)
    holds = f"env.budget={task.budget:,}: agent={agent.name} learns from rollouts of {rollout:,} env steps"
    if task.budget < rollout:
        raise ConfigError(f"{holds}; valid: {rollout:,} or more.")
    if task.budget < FEW * rollout:
        few = task.budget // rollout
        say(f"Note: {holds}, so there {'is only 1' if few == 1 else f'are only {few}'}.")
    env = environment.make(task)
    longest = environment.limit(task, env)
    env.close()
    between = max(task.checkpoint or 0, rollout)  # they are saved where a rollout begins
    if task.checkpoint and longest and between < (whole := agent.n_envs * longest):
        say(
            f"Note: env.checkpoint={task.checkpoint:,}: each begins new episodes, so none of the {agent.n_envs} "
            f"environments comes much beyond {between // agent.n_envs:,} of its {longest:,} env steps while "
            f"training. From {whole:,} on whole episodes fit."
        )


def train(context: TrialContext[GradientAgent]) -> int:
    """Train theta_d by a Stable-Baselines3 algorithm; returns the env steps used, never more than the budget: a
    rollout that does not fit into it is not begun. Raises TrialFailure if the algorithm takes more, or its actor has
    left the task's policy.

    The step on theta_d is the learning rate times multiplier times sqrt(D / d): at multiplier 1 a parameter
    changes as much per step as in direct training, which always uses multiplier 1.
    """
    seed, device = int(context.seeds.generate_state(1)[0] >> 1), str(context.subspace.theta0.device)
    model = build(context.task, context.agent, context.network, seed, device, context.logs)
    actor = SubspaceActor(model, context.agent, context.subspace)
    check_agreement(model, actor, context.agent, context.network)
    set_precision(model, context.agent)  # after that check, which compares in float32
    if on_gradient := context.on_gradient:
        actor.optimizer.register_step_post_hook(lambda optimizer, *_: on_gradient(optimizer.theta_d.grad))
    callback = TrialCallback(context.evaluator, actor, context.checkpoints)
    resumed = callback.resume(model)
    whole = context.task.budget // rollout_steps(model) * rollout_steps(model)
    model.learn(whole - model.num_timesteps, callback=callback, reset_num_timesteps=not resumed)
    env_steps = model.num_timesteps
    if env_steps > context.task.budget:
        raise TrialFailure(f"{context.agent.algorithm} took {env_steps:,} env steps of {context.task.budget:,}.")
    if not callback.over and context.evaluator.unseen(env_steps):
        actor.look(context.evaluator, env_steps)
    check_trained(model, actor, context.agent, context.network)
    model.get_env().close()  # type: ignore[union-attr]
    return env_steps
