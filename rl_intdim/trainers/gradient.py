"""Stable-Baselines3's algorithms (https://stable-baselines3.readthedocs.io) with the actor in a subspace.

SB3 is unpatched: a SubspaceOptimizer takes the place of the one that steps the actor, and a callback calls the looks.
What an agent's file calls `actor` lives in the subspace; what it calls `free` trains beside it; anything
else that moves fails the trial.
"""

import random
import warnings
from collections.abc import Iterable
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from rl_intdim import tasks
from rl_intdim.checkpoint import Checkpoints
from rl_intdim.config import DIRECT, GradientAgent, Task
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.imports import load
from rl_intdim.policy import ACTIVATIONS, Network
from rl_intdim.projections import Identity
from rl_intdim.referee import Referee
from rl_intdim.same_step import FlatPictures, SameStep
from rl_intdim.subspace import Subspace, SubspaceOptimizer, flat

LATENT = 10.0  # tanh(10) is 1 within 5e-9: the output of the actor before a tanh map, as SB3 sees its bounds


def check(task: Task, agent: GradientAgent, policy: Network) -> None:
    """Build the algorithm and its subspace once. Raises ConfigError for what does not fit."""
    model = build(task, agent, policy, seed=0)
    Hold(model, agent, Subspace(torch.zeros(policy.D), DIRECT))
    model.get_env().close()  # type: ignore[union-attr]


def train(
    task: Task,
    agent: GradientAgent,
    policy: Network,
    subspace: Subspace,
    seeds: np.random.SeedSequence,
    referee: Referee,
    checkpoints: Checkpoints,
    logs: str | None = None,
) -> int:
    """Train theta_d by a Stable-Baselines3 algorithm; returns the env steps used.

    The step on theta_d is the learning rate times multiplier times sqrt(D / d): at multiplier 1 a parameter
    changes as much per step as in direct training, which takes multiplier 1 always.
    """
    model = build(task, agent, policy, int(seeds.generate_state(1)[0] >> 1), str(subspace.theta0.device), logs)
    hold = Hold(model, agent, subspace)
    watch = Watch(referee, hold, checkpoints)
    resumed = watch.resume(model)
    model.learn(task.budget - model.num_timesteps, callback=watch, reset_num_timesteps=not resumed)
    if not watch.over and referee.due(model.num_timesteps):
        hold.look(referee, model.num_timesteps)
    env_steps = model.num_timesteps
    model.get_env().close()  # type: ignore[union-attr]
    return env_steps


def build(
    task: Task, agent: GradientAgent, policy: Network, seed: int, device: str = "cpu", logs: str | None = None
) -> BaseAlgorithm:
    """The algorithm on its training environments, with the task's network as its actor's shape."""
    algorithm = load(agent.algorithm, "agent.algorithm")
    if not (isinstance(algorithm, type) and issubclass(algorithm, BaseAlgorithm)):
        raise ConfigError(f"agent.algorithm={agent.algorithm}: not a Stable-Baselines3 algorithm.")
    # SB3's algorithms for continuous actions with a replay buffer end their actors in a tanh of their own.
    squashes = issubclass(algorithm, OffPolicyAlgorithm) and not policy.discrete
    if squashes and task.policy.action != "tanh":
        raise ConfigError(
            f"env.policy.action={task.policy.action}: {agent.algorithm} squashes actions itself; valid here: tanh."
        )
    envs = training_envs(task, agent.n_envs, policy, seed, squashes)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # advice on batch sizes and on devices
            model = algorithm(
                "MlpPolicy",
                envs,
                policy_kwargs=network(task, agent, policy),
                seed=seed,
                device=device,
                verbose=0,
                tensorboard_log=logs,
                **action_noise(agent, policy),
                **agent.settings,
            )
            layout: Any = {"memory_format": torch.channels_last}  # of convolutions; nearly twice as fast on a CPU
            model.policy.to(**layout)
            return model
    except (TypeError, ValueError, AssertionError, RuntimeError, MemoryError) as error:
        said = str(error).split("\n")[0]
        if "action spaces" in said:
            raise ConfigError(f"agent={agent.name}: does not fit env={task.name}: {said}") from None
        raise ConfigError(
            f"agent.settings={agent.settings} or agent.critic={agent.critic}: refused by {agent.algorithm}: {said}"
        ) from None


def training_envs(task: Task, n: int, policy: Network, seed: int, squashes: bool = False) -> VecEnv:
    """n environments side by side that start again by themselves; ALE's own where the task says so."""
    envs: VecEnv
    if task.vector == "atari":
        from rl_intdim import atari

        envs = VecMonitor(SameStep(atari.make_vec(task, n, training=True)))
        envs.seed(seed)
    else:
        envs = make_vec_env(
            lambda: tasks.make(task) if squashes else _before_output_map(tasks.make(task), policy),
            n_envs=n,
            seed=seed,
        )
    return FlatPictures(envs) if policy.conv_shapes else envs


def _before_output_map(env: gym.Env, policy: Network) -> gym.Env:
    """An environment that takes the actor's output as its action and applies the task's tanh map itself."""
    if policy.discrete or policy.spec.action == "clip":
        return env
    space = gym.spaces.Box(-LATENT, LATENT, env.action_space.shape, np.float32)
    return gym.wrappers.TransformAction(env, policy.actions, space)


def network(task: Task, agent: GradientAgent, policy: Network) -> dict[str, Any]:
    """SB3's `policy_kwargs`. On images its feature extractor is the whole network up to the last layer, as usual."""
    hidden = [] if policy.conv_shapes else list(task.policy.hidden)
    found: dict[str, Any] = {
        "net_arch": {"pi": hidden, **agent.critic} if agent.critic else hidden,
        "activation_fn": ACTIVATIONS[task.policy.activation],
    }
    if policy.conv_shapes:
        found |= {"features_extractor_class": Features, "features_extractor_kwargs": {"policy": policy}}
        if agent.critic:
            found["share_features_extractor"] = agent.extractor == "shared"
    return found


def action_noise(agent: GradientAgent, policy: Network) -> dict[str, Any]:
    """Gaussian noise on actions, for algorithms whose policy does not explore by itself."""
    if agent.noise == 0:
        return {}
    size = policy.sizes[-1]
    return {"action_noise": NormalActionNoise(np.zeros(size), np.full(size, agent.noise))}


class Features(BaseFeaturesExtractor):
    """The task's convolutions and hidden layers, on the pictures of FlatPictures: (n, pixels) -> (n, units)."""

    def __init__(self, observation_space: gym.spaces.Box, policy: Network) -> None:
        super().__init__(observation_space, features_dim=policy.sizes[-2])
        activate = ACTIVATIONS[policy.spec.activation]
        parts: list[torch.nn.Module] = []
        self.picture = policy.picture
        for (o, i, *_), c in zip(policy.conv_shapes, policy.spec.conv, strict=True):
            left, right, top, bottom = c.pad
            even = left == right and top == bottom  # padded inside the convolution: a quarter less time at 84 x 84
            parts += [] if even else [torch.nn.ZeroPad2d((left, right, top, bottom))]
            parts += [torch.nn.Conv2d(i, o, c.kernel, c.stride, (top, left) if even else 0), activate()]
        parts.append(torch.nn.Flatten())
        for i, o in zip(policy.sizes[:-2], policy.sizes[1:-1], strict=True):
            parts += [torch.nn.Linear(i, o), activate()]
        self.net = torch.nn.Sequential(*parts)

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        channels, height, width = self.picture
        # A view whose memory is channels last already.
        return self.net((observations / 255).view(-1, height, width, channels).permute(0, 3, 1, 2))


class Hold:
    """The actor of an SB3 policy held at theta0 + P theta_d, and the proof that nothing else has moved."""

    def __init__(self, model: BaseAlgorithm, agent: GradientAgent, subspace: Subspace) -> None:
        self.policy: Any = model.policy
        self.algorithm = agent.algorithm
        self.actor = self._parameters(agent.actor, "agent.actor")
        found = sum(p.numel() for p in self.actor)
        if found != subspace.D:
            raise ConfigError(
                f"agent.actor={agent.actor}: {found} parameters, and the task's policy has {subspace.D}."
            )
        held = _ids(self.actor)
        free = [p for p in self._parameters([name for name in agent.free if self._has(name)], "agent.free")
                if id(p) not in held]  # fmt: skip
        owner = self._owner()
        stepped = _ids(p for group in owner.optimizer.param_groups for p in group["params"])
        names = {id(p): name for name, p in self.policy.named_parameters()}
        if unnamed := [names.get(i, "?") for i in stepped - held - _ids(free)]:
            raise ConfigError(
                f"agent.free={agent.free}: does not name {', '.join(sorted(unnamed))}, which {agent.algorithm} "
                "trains together with its actor."
            )
        scale = 1.0 if isinstance(subspace.projection, Identity) else agent.multiplier * subspace.step_scale
        # The algorithm's own optimiser, with its own settings, moves into the subspace.
        kind, settings = self.policy.optimizer_class, owner.optimizer.defaults
        own = {k: v for k, v in settings.items() if k == "lr" or k in self.policy.optimizer_kwargs}
        beside = [p for p in free if id(p) in stepped]  # the others have optimisers of their own, or none
        self.optimizer = SubspaceOptimizer(subspace, kind, self.actor, beside, scale, **own)
        owner.optimizer = self.optimizer
        for name, target in self.policy.named_children():
            if name.endswith("_target"):  # made before theta0 was written
                target.load_state_dict(getattr(self.policy, name.removesuffix("_target")).state_dict())
        mine = held | _ids(free)
        self.still = {
            n: t.detach().clone() for n, t in self.policy.state_dict(keep_vars=True).items() if id(t) not in mine
        }

    def _has(self, name: str) -> bool:
        part = self.policy
        for word in name.split("."):
            part = getattr(part, word, None)
        return part is not None

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

    def _owner(self) -> Any:
        """The module whose `optimizer` steps the whole actor."""
        for module in self.policy.modules():
            optimizer = getattr(module, "optimizer", None)
            if isinstance(optimizer, torch.optim.Optimizer) and _ids(self.actor) <= _ids(
                p for group in optimizer.param_groups for p in group["params"]
            ):
                return module
        raise ConfigError(
            f"agent.algorithm={self.algorithm}: its actor does not step through one optimizer of its policy, so it "
            "cannot be held in a subspace."
        )

    def look(self, referee: Referee, env_steps: int) -> bool:
        """Check that the subspace was kept, then look at the policy."""
        state = self.policy.state_dict()
        moved = [name for name, before in self.still.items() if not torch.equal(before, state[name])]
        if moved:
            raise TrialFailure(
                f"{', '.join(moved)} moved outside the subspace; it is neither in agent.actor nor in agent.free."
            )
        return referee.look(env_steps, self.optimizer.theta_d, flat(self.actor).detach())


def _ids(parameters: Iterable[torch.nn.Parameter]) -> set[int]:
    return {id(p) for p in parameters}


class Watch(BaseCallback):
    """Looks and checkpoints between updates, when the policy is whole; stops the training once the trial is over."""

    def __init__(self, referee: Referee, hold: Hold, checkpoints: Checkpoints) -> None:
        super().__init__()
        self.referee, self.hold, self.checkpoints, self.over = referee, hold, checkpoints, False
        self.stored = 0  # transitions of the replay buffer that are on disk
        self.resuming = False

    def _on_rollout_start(self) -> None:
        if self.referee.due(self.num_timesteps):
            self.over = self.hold.look(self.referee, self.num_timesteps)
        if self.resuming or self.checkpoints.due(self.num_timesteps):
            if not self.resuming:
                self.save()
            self.resuming = False
            self.restart()

    def _on_step(self) -> bool:
        return not self.over

    def save(self) -> None:
        """The algorithm's parameters, optimisers and counters, and what is new in its replay buffer."""
        if self.checkpoints.folder is None:
            return
        model, (_, tensors) = self.model, self.model._get_torch_save_params()
        if isinstance(model, OffPolicyAlgorithm):
            self._append_transitions(model)
        self.checkpoints.save(
            {
                "parameters": model.get_parameters(),
                "tensors": {name: getattr(model, name).detach() for name in tensors},
                "numbers": {k: v for k, v in vars(model).items() if isinstance(v, bool | int | float)},
                "stored": self.stored,
            }
        )
        if isinstance(model, OffPolicyAlgorithm):
            self._drop_old(model)

    def resume(self, model: BaseAlgorithm) -> bool:
        """Take up the last checkpoint, if there is one."""
        state = self.checkpoints.load()
        if state is None:
            return False
        model.set_parameters(state["parameters"])
        for name, saved in state["tensors"].items():
            getattr(model, name).data.copy_(saved)
        vars(model).update(state["numbers"])
        if isinstance(model, OffPolicyAlgorithm):
            self._read_transitions(model, state["stored"])
        self.resuming = True
        return True

    def restart(self) -> None:
        """What follows depends on the state saved and on this seed alone."""
        model: Any = self.model
        seed = self.checkpoints.restart_seed()
        model.set_random_seed(seed)
        random.seed(seed)
        if getattr(model, "action_noise", None) is not None:
            model.action_noise.reset()
        model._last_obs = model.env.reset()
        model._last_episode_starts = np.ones(model.env.num_envs, dtype=bool)

    def _append_transitions(self, model: OffPolicyAlgorithm) -> None:
        """Write the replay buffer's new rows into a file of their own."""
        buffer, folder = model.replay_buffer, self.checkpoints.folder
        assert buffer is not None
        assert folder is not None
        total = model.num_timesteps // model.n_envs  # rows so far
        start = max(self.stored, total - buffer.buffer_size)
        rows = np.arange(start, total) % buffer.buffer_size
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "replay.part"
        with part.open("wb") as file:
            rows_of: dict[str, Any] = {key: array[rows] for key, array in _arrays(buffer).items()}
            np.savez_compressed(file, start=start, **rows_of)
        part.replace(folder / f"replay-{total:012d}.npz")
        self.stored = total

    def _drop_old(self, model: OffPolicyAlgorithm) -> None:
        """Remove files that hold only rows older than the buffer, now that the state on disk needs them no more."""
        assert model.replay_buffer is not None
        assert self.checkpoints.folder is not None
        for path in self.checkpoints.folder.glob("replay-*.npz"):
            if int(path.stem.split("-")[1]) <= self.stored - model.replay_buffer.buffer_size:
                path.unlink()

    def _read_transitions(self, model: OffPolicyAlgorithm, stored: int) -> None:
        buffer, folder = model.replay_buffer, self.checkpoints.folder
        assert buffer is not None
        assert folder is not None
        for path in sorted(folder.glob("replay-*.npz")):
            end = int(path.stem.split("-")[1])
            if end > stored:  # written just before a kill; it will be written again
                continue
            with np.load(path) as saved:
                rows = np.arange(int(saved["start"]), end) % buffer.buffer_size
                for key, array in _arrays(buffer).items():
                    array[rows] = saved[key]
        buffer.pos, buffer.full = stored % buffer.buffer_size, stored >= buffer.buffer_size
        self.stored = stored


def _arrays(buffer: Any) -> dict[str, np.ndarray]:
    """The arrays of a replay buffer with a row for every transition."""
    return {k: v for k, v in vars(buffer).items() if isinstance(v, np.ndarray) and len(v) == buffer.buffer_size}
