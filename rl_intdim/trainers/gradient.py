"""Stable-Baselines3's algorithms (https://stable-baselines3.readthedocs.io) with the actor in a subspace.

SB3 is unpatched: a SubspaceOptimizer takes the place of the policy's own, and a callback calls the looks.
What an agent's file calls `actor` lives in the subspace; what it calls `free` trains beside it; anything
else that moves fails the trial.
"""

import warnings
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env

from rl_intdim import tasks
from rl_intdim.config import DIRECT, GradientAgent, Task
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.imports import load
from rl_intdim.policy import MLP
from rl_intdim.projections import Identity
from rl_intdim.referee import Referee
from rl_intdim.subspace import Subspace, SubspaceOptimizer, flat

ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}
LATENT = 10.0  # tanh(10) is 1 within 5e-9: the output of the actor before a tanh map, as SB3 sees its bounds


def check(task: Task, agent: GradientAgent, policy: MLP) -> None:
    """Build the algorithm and its subspace once. Raises ConfigError for what does not fit."""
    model = build(task, agent, policy, seed=0)
    Hold(model, agent, Subspace(torch.zeros(policy.D), DIRECT))
    model.get_env().close()  # type: ignore[union-attr]


def train(
    task: Task,
    agent: GradientAgent,
    policy: MLP,
    subspace: Subspace,
    seeds: np.random.SeedSequence,
    referee: Referee,
) -> int:
    """Train theta_d by a Stable-Baselines3 algorithm; returns the env steps used.

    The step on theta_d is the learning rate times multiplier times sqrt(D / d): at multiplier 1 a parameter
    changes as much per step as in direct training, which takes multiplier 1 always.
    """
    model = build(task, agent, policy, int(seeds.generate_state(1)[0] >> 1))
    hold = Hold(model, agent, subspace)
    watch = Watch(referee, hold)
    model.learn(task.budget, callback=watch)
    if not watch.over and referee.due(model.num_timesteps):
        hold.look(referee, model.num_timesteps)
    env_steps = model.num_timesteps
    model.get_env().close()  # type: ignore[union-attr]
    return env_steps


def build(task: Task, agent: GradientAgent, policy: MLP, seed: int) -> BaseAlgorithm:
    """The algorithm on its training environments, with the task's network as its actor's shape."""
    algorithm = load(agent.algorithm, "agent.algorithm")
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise ConfigError(f"agent.algorithm={agent.algorithm}: not a Stable-Baselines3 algorithm.")
    envs = make_vec_env(lambda: _before_output_map(tasks.make(task), policy), n_envs=agent.n_envs, seed=seed)
    network = {
        "net_arch": {"pi": list(task.policy.hidden), **agent.critic},
        "activation_fn": ACTIVATIONS[task.policy.activation],
    }
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice on batch sizes and on devices
            return algorithm(
                "MlpPolicy", envs, policy_kwargs=network, seed=seed, device="cpu", verbose=0, **agent.settings
            )
    except (TypeError, ValueError, AssertionError, RuntimeError, MemoryError) as error:
        said = str(error).split("\n")[0]
        raise ConfigError(
            f"agent.settings={agent.settings} or agent.critic={agent.critic}: refused by {agent.algorithm}: {said}"
        ) from None


def _before_output_map(env: gym.Env, policy: MLP) -> gym.Env:
    """An environment that takes the actor's output as its action and applies the task's tanh map itself."""
    if policy.discrete or policy.spec.action == "clip":
        return env
    space = gym.spaces.Box(-LATENT, LATENT, env.action_space.shape, np.float32)
    return gym.wrappers.TransformAction(env, policy.actions, space)


class Hold:
    """The actor of an SB3 policy held at theta0 + P theta_d, and the proof that nothing else has moved."""

    def __init__(self, model: BaseAlgorithm, agent: GradientAgent, subspace: Subspace) -> None:
        self.policy: Any = model.policy
        self.actor = self._parameters(agent.actor, "agent.actor")
        found = sum(p.numel() for p in self.actor)
        if found != subspace.D:
            raise ConfigError(
                f"agent.actor={agent.actor}: {found} parameters, and the task's policy has {subspace.D}."
            )
        if getattr(self.policy, "optimizer", None) is None:
            raise ConfigError(f"agent.algorithm={agent.algorithm}: its actor does not step through policy.optimizer.")
        free = self._parameters([name for name in agent.free if self._has(name)], "agent.free")
        scale = 1.0 if isinstance(subspace.projection, Identity) else agent.multiplier * subspace.step_scale
        # The algorithm's own optimiser, with its own settings, moves into the subspace.
        kind, settings = self.policy.optimizer_class, self.policy.optimizer.defaults
        own = {k: v for k, v in settings.items() if k == "lr" or k in self.policy.optimizer_kwargs}
        self.optimizer = SubspaceOptimizer(subspace, kind, self.actor, free, scale, **own)
        self.policy.optimizer = self.optimizer
        mine = {id(p) for p in [*self.actor, *free]}
        self.still = {
            n: t.detach().clone() for n, t in self.policy.state_dict(keep_vars=True).items() if id(t) not in mine
        }

    def _has(self, name: str) -> bool:
        return hasattr(self.policy, name.split(".")[0])

    def _parameters(self, names: list[str], key: str) -> list[torch.nn.Parameter]:
        """The parameters of the named modules, or named parameters, of the policy, in this order."""
        found: list[torch.nn.Parameter] = []
        for name in names:
            part: Any = self.policy
            for word in name.split("."):
                if not hasattr(part, word):
                    raise ConfigError(f"{key}={name}: {type(self.policy).__name__} has no such module.")
                part = getattr(part, word)
            found += [part] if isinstance(part, torch.nn.Parameter) else list(part.parameters())
        return found

    def look(self, referee: Referee, env_steps: int) -> bool:
        """Check that the subspace was kept, then look at the policy."""
        state = self.policy.state_dict()
        moved = [name for name, before in self.still.items() if not torch.equal(before, state[name])]
        if moved:
            raise TrialFailure(
                f"{', '.join(moved)} moved outside the subspace; it is neither in agent.actor nor in agent.free."
            )
        actor = flat(self.actor).detach()
        return referee.look(env_steps, self.optimizer.theta_d, actor)


class Watch(BaseCallback):
    """Looks between updates, when the policy is whole; stops the training once the trial is over."""

    def __init__(self, referee: Referee, hold: Hold) -> None:
        super().__init__()
        self.referee, self.hold, self.over = referee, hold, False

    def _on_rollout_start(self) -> None:
        if self.referee.due(self.num_timesteps):
            self.over = self.hold.look(self.referee, self.num_timesteps)

    def _on_step(self) -> bool:
        return not self.over
