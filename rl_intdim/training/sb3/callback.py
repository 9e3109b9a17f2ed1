"""The callback that looks at an SB3 algorithm while it trains, and saves and restores its state."""

import os
from typing import Any
from zipfile import BadZipFile

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from rl_intdim.errors import ConfigError, one_line
from rl_intdim.files import failing
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.sb3.subspace_actor import SubspaceActor

# Whether SB3's logger was given. That depends on `tensorboard`, which may change when a trial goes on.
LOGGER = "_custom_logger"


class TrialCallback(BaseCallback):
    """Looks and checkpoints at the start of a rollout, between updates; stops training once the trial is over."""

    def __init__(self, evaluator: Evaluator, actor: SubspaceActor, checkpoints: Checkpoints) -> None:
        super().__init__()
        self.evaluator, self.actor, self.checkpoints, self.over = evaluator, actor, checkpoints, False
        self.stored = 0  # transitions of the replay buffer that are on disk
        self.resuming = False

    def _on_rollout_start(self) -> None:
        if self.evaluator.due(self.num_timesteps):
            self.over = self.actor.look(self.evaluator, self.num_timesteps)
        if self.over:
            return  # a checkpoint would go on after a kill, and look at a policy that is not confirmed
        if self.resuming or self.checkpoints.due(self.num_timesteps):
            if not self.resuming:
                self.end_episodes()
                self.save()
            self.resuming = False
            self.restart()

    def _on_step(self) -> bool:
        return not self.over

    def end_episodes(self) -> None:
        """Mark the replay buffer's last transitions as cut off, as `restart` will: an n-step return ends there."""
        buffer: Any = getattr(self.model, "replay_buffer", None)
        if buffer is not None and buffer.size() > 0:
            last = buffer.pos - 1
            # A buffer that stores each observation once would take that of another episode for the next.
            if getattr(buffer, "optimize_memory_usage", False):
                buffer.dones[last] = 1
            else:
                buffer.timeouts[last] = np.maximum(buffer.timeouts[last], 1 - buffer.dones[last])

    def save(self) -> None:
        """Save the algorithm's parameters, optimisers and counters, and the new rows of its replay buffer."""
        if self.checkpoints.folder is None:
            return
        model, (_, tensors) = self.model, self.model._get_torch_save_params()
        if isinstance(model, OffPolicyAlgorithm):
            self._append_transitions(model)
        self.checkpoints.save(
            {
                "parameters": model.get_parameters(),
                "tensors": {name: getattr(model, name).detach() for name in tensors},
                "numbers": {
                    k: v for k, v in vars(model).items() if isinstance(v, bool | int | float) and k != LOGGER
                },
                "stored": self.stored,
                "returns": vars(rewards.ret_rms) if (rewards := model.get_vec_normalize_env()) else None,
            }
        )
        if isinstance(model, OffPolicyAlgorithm):
            self._drop_old(model)

    def resume(self, model: BaseAlgorithm) -> bool:
        """Restore the last checkpoint; returns False if there is none."""
        state = self.checkpoints.load()
        if state is None:
            return False
        with self.checkpoints.reading():
            model.set_parameters(state["parameters"])
            for name, saved in state["tensors"].items():
                getattr(model, name).data.copy_(saved)
            vars(model).update(state["numbers"])
            if rewards := model.get_vec_normalize_env():
                vars(rewards.ret_rms).update(state["returns"])
        if isinstance(model, OffPolicyAlgorithm):
            self._read_transitions(model, state["stored"])
        self.resuming = True
        return True

    def restart(self) -> None:
        """Reset environments and generators, so that the rest depends only on the saved state and this seed."""
        model: Any = self.model
        seed = self.checkpoints.restart_seed()
        model.set_random_seed(seed)
        if getattr(model, "action_noise", None) is not None:
            model.action_noise.reset()
        if getattr(model, "use_sde", False):  # the old generator drew the noise before this rollout began
            getattr(model, "actor", model.policy).reset_noise(model.n_envs)
        model._last_obs = model.env.reset()
        if rewards := model.get_vec_normalize_env():  # replay buffers store what it wraps
            model._last_original_obs = rewards.get_original_obs()
        model._last_episode_starts = np.ones(model.env.num_envs, dtype=bool)

    def _append_transitions(self, model: OffPolicyAlgorithm) -> None:
        """Write the replay buffer's new rows to a new file."""
        buffer, folder = model.replay_buffer, self.checkpoints.folder
        assert buffer is not None
        assert folder is not None
        total = model.num_timesteps // model.n_envs  # rows so far
        start = max(self.stored, total - buffer.buffer_size)
        first, last = start % buffer.buffer_size, (total - 1) % buffer.buffer_size + 1
        # A slice is a view: with images, a copy of the new rows may take all gigabytes of the buffer again.
        rows = slice(first, last) if start < total and first < last else np.arange(start, total) % buffer.buffer_size
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / "replay.part"
        with failing(part):
            with part.open("wb") as file:
                rows_of: dict[str, Any] = {key: array[rows] for key, array in _arrays(buffer).items()}
                np.savez_compressed(file, start=start, **rows_of)
                file.flush()
                os.fsync(file.fileno())  # before the state that names it
            part.replace(folder / f"replay-{total:012d}.npz")
        self.stored = total

    def _drop_old(self, model: OffPolicyAlgorithm) -> None:
        """Remove files whose rows have all left the buffer, now that the saved state no longer needs them."""
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
            if end > stored:  # written after the saved state, just before a kill; it will be written again
                continue
            try:
                with np.load(path) as saved:
                    rows = np.arange(int(saved["start"]), end) % buffer.buffer_size
                    for key, array in _arrays(buffer).items():
                        array[rows] = saved[key]
            except (EOFError, OSError, ValueError, KeyError, BadZipFile) as error:
                raise ConfigError(
                    f"{path}: cannot be read: {one_line(error)}. Remove {folder}; the trial then starts anew."
                ) from None
        buffer.pos, buffer.full = stored % buffer.buffer_size, stored >= buffer.buffer_size
        self.stored = stored


def _arrays(buffer: Any) -> dict[str, np.ndarray]:
    """The arrays of a replay buffer with a row for every transition."""
    return {k: v for k, v in vars(buffer).items() if isinstance(v, np.ndarray) and len(v) == buffer.buffer_size}
