"""Adapters from Gymnasium's vector environments, and images, to Stable-Baselines3's VecEnv.

They need AutoresetMode.SAME_STEP, in which the step that ends an episode starts the next: Gymnasium's SyncVectorEnv
and AsyncVectorEnv offer it, and ALE's. SB3 reads an episode's end from `dones`, a truncation from
`TimeLimit.truncated`, and the last observation from `terminal_observation`.
"""

from collections.abc import Sequence
from typing import Any

import gymnasium as gym
import numpy as np
from stable_baselines3.common.vec_env import VecEnv, VecEnvWrapper


class SameStep(VecEnv):
    """A Gymnasium vector environment behind SB3's interface. Raises ValueError for another autoreset mode."""

    def __init__(self, envs: gym.vector.VectorEnv) -> None:
        mode = envs.metadata.get("autoreset_mode")
        if mode != gym.vector.AutoresetMode.SAME_STEP:
            raise ValueError(f"autoreset_mode={mode}: SB3 needs AutoresetMode.SAME_STEP.")
        self.envs = envs
        self.start: int | None = None
        super().__init__(envs.num_envs, envs.single_observation_space, envs.single_action_space)

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Set the seed of the next reset: slot i takes seed + i. Returns the seeds."""
        self.start = None if seed is None else int(seed)
        return [None if seed is None else int(seed) + i for i in range(self.num_envs)]

    def reset(self) -> Any:
        obs, _ = self.envs.reset(seed=self.start)
        self.start = None
        return obs.copy()

    def step_async(self, actions: np.ndarray) -> None:
        self.actions = actions

    def step_wait(self) -> Any:
        obs, rewards, terminated, truncated, infos = self.envs.step(self.actions)
        dones = terminated | truncated
        sb3_infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for i in np.flatnonzero(dones):
            sb3_infos[i] = {
                "terminal_observation": infos["final_obs"][i].copy(),
                "TimeLimit.truncated": bool(truncated[i] and not terminated[i]),
            }
        return obs.copy(), rewards.astype(np.float32), dones, sb3_infos

    def close(self) -> None:
        self.envs.close()

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        return [getattr(self.envs, attr_name, None) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        raise NotImplementedError("a vectorised environment has no attributes per slot.")

    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        raise NotImplementedError("a vectorised environment has no methods per slot.")

    def env_is_wrapped(self, wrapper_class: Any, indices: Any = None) -> list[bool]:
        return [False for _ in self._get_indices(indices)]


class FlatPictures(VecEnvWrapper):
    """Images, channels first or last, as flat vectors, channels last, in the dtype and bounds of their space.

    SB3 converts images to floats, channels first. A convolution that is faster with channels last must then permute
    each batch in every epoch, which halves its speed on a CPU. Here each image is permuted once, as bytes.
    """

    def __init__(self, venv: VecEnv, channels_last: bool = False) -> None:
        old: Any = venv.observation_space
        self.channels_last = channels_last
        size = (int(np.prod(old.shape)),)
        super().__init__(venv, gym.spaces.Box(old.low.min(), old.high.max(), size, old.dtype))

    def reset(self) -> Any:
        return flat_pictures(self.venv.reset(), self.channels_last)

    def step_wait(self) -> Any:
        obs, rewards, dones, infos = self.venv.step_wait()
        for i in np.flatnonzero(dones):
            last = infos[i]["terminal_observation"][None]
            infos[i]["terminal_observation"] = flat_pictures(last, self.channels_last)[0]
        return flat_pictures(obs, self.channels_last), rewards, dones, infos


def flat_pictures(obs: Any, channels_last: bool = False) -> np.ndarray:
    """(n, channels, height, width), or (n, height, width, channels) -> (n, height * width * channels)."""
    return (obs if channels_last else obs.transpose(0, 2, 3, 1)).reshape(len(obs), -1)
