"""The callback through which SB3's training is looked at, and its state saved and taken up again."""

import random
from typing import Any

import numpy as np
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.sb3.subspace_actor import SubspaceActor


class TrialCallback(BaseCallback):
    """Looks and checkpoints between updates, when the policy is whole; stops the training once the trial is over."""

    def __init__(self, evaluator: Evaluator, actor: SubspaceActor, checkpoints: Checkpoints) -> None:
        super().__init__()
        self.evaluator, self.actor, self.checkpoints, self.over = evaluator, actor, checkpoints, False
        self.stored = 0  # transitions of the replay buffer that are on disk
        self.resuming = False

    def _on_rollout_start(self) -> None:
        if self.evaluator.due(self.num_timesteps):
            self.over = self.actor.look(self.evaluator, self.num_timesteps)
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
                "returns": vars(rewards.ret_rms) if (rewards := model.get_vec_normalize_env()) else None,
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
        if rewards := model.get_vec_normalize_env():
            vars(rewards.ret_rms).update(state["returns"])
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
        if getattr(model, "use_sde", False):  # drawn before this rollout began, by the old generator
            getattr(model, "actor", model.policy).reset_noise(model.n_envs)
        model._last_obs = model.env.reset()
        model._last_episode_starts = np.ones(model.env.num_envs, dtype=bool)

    def _append_transitions(self, model: OffPolicyAlgorithm) -> None:
        """Write the replay buffer's new rows into a file of their own."""
        buffer, folder = model.replay_buffer, self.checkpoints.folder
        assert buffer is not None
        assert folder is not None
        total = model.num_timesteps // model.n_envs  # rows so far
        start = max(self.stored, total - buffer.buffer_size)
        first, last = start % buffer.buffer_size, (total - 1) % buffer.buffer_size + 1
        # A slice is no copy: of pictures the new rows may be all gigabytes of the buffer.
        rows = slice(first, last) if start < total and first < last else np.arange(start, total) % buffer.buffer_size
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
