"""Build an SB3 algorithm for a task: its training environments, and an actor with the task's network."""

import warnings
from itertools import pairwise
from math import prod
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.type_aliases import TrainFrequencyUnit
from stable_baselines3.common.utils import LinearSchedule
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from rl_intdim.config.import_path import load
from rl_intdim.config.schema import LINEAR, GradientAgent, Task
from rl_intdim.errors import ConfigError
from rl_intdim.tasks import environment
from rl_intdim.tasks.border import VectorBorder
from rl_intdim.tasks.network import ACTIVATIONS, FINITE, Network
from rl_intdim.training.sb3.vec_env import FlatPictures, SameStep

# Algorithms of sb3_contrib whose actor is not the task's network, and why.
UNFIT = {
    "QRDQN": "its network has a quantile head, with many outputs for each action",
    "RecurrentPPO": "its policy is recurrent: an action depends on all observations before it",
    "MaskablePPO": "it trains with action masks, which scoring does not have",
}
SCHEDULED = "learning_rate", "clip_range", "clip_range_vf"  # what SB3 takes as functions of the budget left
GAMMA = 0.99  # every SB3 algorithm's default discount
LATENT = 10.0  # the action bounds that SB3 sees before a tanh map; tanh(10) is 1 within 5e-9


def build(
    task: Task, agent: GradientAgent, policy: Network, seed: int, device: str = "cpu", logs: str | None = None
) -> BaseAlgorithm:
    """The algorithm on its training environments, with the task's network as its actor."""
    algorithm = load(agent.algorithm, "agent.algorithm")
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise ConfigError(f"agent.algorithm={agent.algorithm}: not a Stable-Baselines3 algorithm.")
    check_algorithm(algorithm, agent)
    # SB3's algorithms for continuous actions with a replay buffer end their actors in a tanh of their own.
    squashes = issubclass(algorithm, OffPolicyAlgorithm) and not policy.discrete
    if squashes and task.policy.action != "tanh":
        raise ConfigError(
            f"env.policy.action={task.policy.action}: {agent.algorithm} squashes actions itself; valid here: tanh, "
            "or an agent that does not, such as cma, ppo or a2c."
        )
    envs = training_envs(task, agent, policy, seed, squashes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice on batch sizes and on devices
            model = algorithm(
                load(agent.policy, "agent.policy") if "." in agent.policy else agent.policy,
                envs,
                policy_kwargs=network(task, agent, policy),
                seed=seed,
                device=device,
                verbose=0,
                tensorboard_log=logs,
                **action_noise(agent, policy),
                **scheduled(agent.settings, algorithm),
            )
            if squashes and not getattr(model.policy, "squash_output", False):
                raise ConfigError(
                    f"agent.policy={agent.policy}: does not squash its actions, which {agent.algorithm} needs here."
                )
            if logs is None:
                model.set_logger(Logger(None, []))  # SB3's own would leave an empty folder in the temporary directory
            layout: Any = {"memory_format": torch.channels_last}  # of convolutions; nearly twice as fast on a CPU
            model.policy.to(**layout)
            return model
    except (TypeError, ValueError, AssertionError, RuntimeError, MemoryError) as error:
        message = str(error).split("\n")[0]
        if "action spaces" in message:
            kind, fit = ("discrete", "dqn") if policy.discrete else ("continuous", "sac, td3")
            raise ConfigError(
                f"agent={agent.name}: {agent.algorithm} does not take the {kind} actions of env={task.name}; valid "
                f"here: an agent that does, such as cma, ppo, a2c, {fit}."
            ) from None
        if "action_noise" in message:
            raise ConfigError(f"agent.noise={agent.noise}: {agent.algorithm} takes none; valid here: 0.") from None
        raise ConfigError(
            f"agent.settings={agent.settings}, agent.critic={agent.critic} or agent.policy={agent.policy}: refused "
            f"by {agent.algorithm}: {message}"
        ) from None


def check_algorithm(algorithm: type[BaseAlgorithm], agent: GradientAgent) -> None:
    """Raise a ConfigError that gives the reason if the algorithm's policy cannot be the task's network, or reads
    another critic."""
    part = "vf" if issubclass(algorithm, OnPolicyAlgorithm) else "qf"
    if others := [key for key in agent.critic if key != part]:
        raise ConfigError(f"agent.critic.{others[0]}: {agent.algorithm} does not read it; valid: {part}.")
    names = {cls.__name__ for cls in algorithm.__mro__}
    reason = next((UNFIT[name] for name in names if name in UNFIT), None)
    if reason:
        raise ConfigError(f"agent.algorithm={agent.algorithm}: {reason}, so it cannot train the task's policy.")
    if not agent.critic and "DQN" not in names:
        raise ConfigError(
            f"agent.critic: empty, and {agent.algorithm} would make its critic as wide as the policy, so that d_int "
            f"followed both; valid: agent.critic.{part}=[64,64], or another list of its hidden layers."
        )


def scheduled(settings: dict[str, Any], algorithm: type[BaseAlgorithm]) -> dict[str, Any]:
    """The settings, with RL Zoo's `lin_1e-3` as a schedule that falls linearly from 1e-3 to 0 over the budget."""
    out = dict(settings)
    for key, value in settings.items():
        if isinstance(value, str) and value.startswith(LINEAR):
            known = algorithm.__module__.startswith(("stable_baselines3.", "sb3_contrib."))
            if known and key not in SCHEDULED:
                raise ConfigError(f"agent.settings.{key}={value}: takes no schedule; valid: {', '.join(SCHEDULED)}.")
            try:
                out[key] = LinearSchedule(float(value.removeprefix(LINEAR)), 0.0, 1.0)
            except ValueError:
                raise ConfigError(f"agent.settings.{key}={value!r}: a schedule is written {LINEAR}1e-3.") from None
    return out


def training_envs(task: Task, agent: GradientAgent, policy: Network, seed: int, squashes: bool = False) -> VecEnv:
    """The agent's vectorised training environments, with autoreset; ALE's own for env.vector=atari."""
    envs: VecEnv
    if task.vectorisation.ale:
        from rl_intdim.tasks import atari

        slots = VectorBorder(atari.make_vec(task, agent.n_envs, training=True), task.vectorisation.seed_per_slot)
        envs = VecMonitor(SameStep(slots))
        envs.seed(seed)
    else:
        envs = make_vec_env(
            lambda: _with_output_map(environment.make(task), policy, squashes), n_envs=agent.n_envs, seed=seed
        )
    envs = FlatPictures(envs, policy.channels_last) if policy.conv_shapes else envs
    if agent.normalize_reward:  # in training only; scoring plays other environments, with the task's own rewards
        return VecNormalize(envs, norm_obs=False, gamma=agent.settings.get("gamma", GAMMA))
    return envs


def _with_output_map(env: gym.Env, policy: Network, squashes: bool) -> gym.Env:
    """The environment, with the task's output map applied to what an SB3 algorithm sends.

    An algorithm sends a number from 0 (discrete), the actor's output (PPO, A2C), or an action that SB3 has already
    squashed and scaled to the bounds in float32 (SAC, TD3, TQC).
    """
    old: Any = env.action_space
    if policy.discrete:
        return gym.wrappers.TransformAction(env, lambda a: a + policy.start, gym.spaces.Discrete(old.n))
    if squashes:
        space = gym.spaces.Box(old.low.astype(np.float32), old.high.astype(np.float32), dtype=np.float32)
        return gym.wrappers.TransformAction(env, policy.within, space)
    limit = LATENT if policy.spec.action == "tanh" else FINITE
    return gym.wrappers.TransformAction(env, policy.actions, gym.spaces.Box(-limit, limit, old.shape, np.float32))


def network(task: Task, agent: GradientAgent, policy: Network) -> dict[str, Any]:
    """SB3's `policy_kwargs`: the task's network, and the agent's own keywords. On images, as usual, the feature
    extractor is the whole network up to the last layer."""
    hidden = [] if policy.conv_shapes else list(task.policy.hidden)
    kwargs: dict[str, Any] = {
        "net_arch": {"pi": hidden, **agent.critic} if agent.critic else hidden,
        "activation_fn": ACTIVATIONS[task.policy.activation],
    }
    if policy.conv_shapes:
        kwargs |= {"features_extractor_class": Features, "features_extractor_kwargs": {"policy": policy}}
        if agent.critic:
            kwargs["share_features_extractor"] = agent.extractor == "shared"
    if taken := sorted(kwargs.keys() & agent.policy_kwargs.keys()):
        raise ConfigError(f"agent.policy_kwargs.{taken[0]}: the network is the task's; set env.policy instead.")
    return kwargs | dict(agent.policy_kwargs)


def action_noise(agent: GradientAgent, policy: Network) -> dict[str, Any]:
    """Gaussian noise on actions, for algorithms whose policy does not explore by itself."""
    if agent.noise == 0:
        return {}
    size = policy.sizes[-1]
    return {"action_noise": NormalActionNoise(np.zeros(size), np.full(size, agent.noise))}


class Features(BaseFeaturesExtractor):
    """The task's convolutions and hidden layers, on FlatPictures' flat images: (n, pixels) -> (n, units)."""

    def __init__(self, observation_space: gym.spaces.Box, policy: Network) -> None:
        super().__init__(observation_space, features_dim=policy.sizes[-2])
        activate = ACTIVATIONS[policy.spec.activation]
        parts: list[torch.nn.Module] = []
        self.picture, self.scaled = policy.picture, policy.scaled
        for (o, i, *_), c in zip(policy.conv_shapes, policy.spec.conv, strict=True):
            left, right, top, bottom = c.pad
            even = left == right and top == bottom  # then the convolution pads: a quarter less time at 84 x 84
            parts += [] if even else [torch.nn.ZeroPad2d((left, right, top, bottom))]
            parts += [torch.nn.Conv2d(i, o, c.kernel, c.stride, (top, left) if even else 0), activate()]
        parts.append(torch.nn.Flatten())
        for i, o in zip(policy.sizes[:-2], policy.sizes[1:-1], strict=True):
            parts += [torch.nn.Linear(i, o), activate()]
        self.net = torch.nn.Sequential(*parts)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        channels, height, width = self.picture
        # A view, since the memory is already channels last.
        return self.net(self.scaled(observations).view(-1, height, width, channels).permute(0, 3, 1, 2))


def rollout_steps(model: BaseAlgorithm) -> int:
    """Env steps between two updates of the policy. Raises ConfigError if they are whole episodes, which may run past
    the budget."""
    if isinstance(model, OffPolicyAlgorithm):
        each: Any = model.train_freq
        if each.frequency < 1:
            raise ConfigError(f"agent.settings.train_freq={each.frequency}: must be at least 1.")
        if each.unit != TrainFrequencyUnit.STEP:
            raise ConfigError(
                f"agent.algorithm: {type(model).__name__} trains after whole episodes, which may run past the "
                "budget; valid: agent.settings.train_freq=1, or another number of env steps."
            )
        return model.n_envs * each.frequency
    return model.n_envs * int(getattr(model, "n_steps", 1))


def set_precision(model: BaseAlgorithm, agent: GradientAgent) -> None:
    """Compute hidden layers, those that the network's activation follows, in `agent.precision` from now on.

    Parameters, gradients, output layers and losses stay float32. Their sums over a layer average out most of what the
    rounding to eight bits costs.
    """
    if agent.precision == "float32":
        return
    in_bfloat16 = torch.autocast(model.device.type, torch.bfloat16)
    nets = [net for net in model.policy.modules() if isinstance(net, torch.nn.Sequential)]
    activations, actions = tuple(ACTIVATIONS.values()), prod(model.action_space.shape or ())
    hidden = {layer for net in nets for layer, after in pairwise(net) if isinstance(after, activations)}
    # TD3's output layer is followed by a tanh too, which ends its actor and squashes the actions.
    hidden -= {
        layer
        for net in nets
        for layer, after in [*pairwise(net)][-1:]
        if isinstance(after, torch.nn.Tanh) and getattr(layer, "out_features", None) == actions
    }
    for layer in model.policy.modules():
        if layer in hidden:
            layer.forward = in_bfloat16(layer.forward)
        elif isinstance(layer, torch.nn.Linear):
            layer.register_forward_pre_hook(lambda _, args: (args[0].float(),))
