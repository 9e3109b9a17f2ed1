"""Atari games by ALE's own vectorised environment (https://ale.farama.org/vector-environment/).

Frame skip 4 with the maximum of the last two, 84 x 84 grey, four frames stacked, up to 30 no-ops at the start, FIRE
pressed if a game needs it, sticky actions (Machado et al. 2018, https://arxiv.org/abs/1709.06009). `env.kwargs` are
its keyword arguments. An env step is four frames; an episode is truncated after 108,000 frames.
"""

from typing import Any

import ale_py
import gymnasium as gym
import numpy as np

from rl_intdim.config.schema import Task

gym.register_envs(ale_py)
threads = 1  # of ALE in this process; the games do not depend on their number
PIXELS = 4  # side of the square drawn for one pixel of the observation


def make_vec(task: Task, n: int, training: bool = False) -> gym.vector.VectorEnv:
    """n games in a vector environment with same-step autoreset.

    In training, rewards are clipped to their sign, and a lost life is terminal to the learner while the game goes on,
    as in Mnih et al. 2015; scoring uses the game's own points and whole games.
    """
    skip = task.kwargs.get("frameskip", 4)
    limit = {} if task.max_episode_steps is None else {"max_num_frames_per_episode": skip * task.max_episode_steps}
    settings: dict[str, Any] = {
        "repeat_action_probability": task.sticky,
        "reward_clipping": training,
        "autoreset_mode": gym.vector.AutoresetMode.SAME_STEP,
        "num_threads": min(threads, n),
        **limit,
        **task.kwargs,
    }
    envs: Any = gym.make_vec(task.id, n, vectorization_mode="vector_entry_point", **settings)
    if ale_py.Action.FIRE in envs.ale.get_action_set() and settings.get("use_fire_reset", True):
        envs = FireOnLostLife(envs)
    return TerminalOnLostLife(envs) if training else envs


class TerminalOnLostLife(gym.vector.VectorWrapper):
    """Reports a lost life to the learner as terminal, while the game goes on.

    ALE's `episodic_life` would restart the game, so that the learner would see only first lives, and its
    `life_loss_info` does not write the last observation of a life.
    """

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        obs, infos = self.env.reset(seed=seed, options=options)
        self.lives = infos["lives"].copy()
        return obs, infos

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        obs, rewards, terminated, truncated, infos = self.env.step(actions)
        lost = (infos["lives"] < self.lives) & ~(terminated | truncated)
        self.lives = infos["lives"].copy()
        if lost.any():
            last = obs.copy()
            if "final_obs" in infos:
                last[~lost] = infos["final_obs"][~lost]
            terminated, infos = terminated | lost, infos | {"final_obs": last}
        return obs, rewards, terminated, truncated, infos


class FireOnLostLife(gym.vector.VectorWrapper):
    """Presses FIRE instead of the policy's action in the step after a lost life, as ALE does at a game's start.

    Breakout puts a new ball into play only after FIRE, so a policy that never fires would wait until truncation.
    """

    def __init__(self, envs: Any) -> None:
        super().__init__(envs)
        self.fire = list(envs.ale.get_action_set()).index(ale_py.Action.FIRE)

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        obs, infos = self.env.reset(seed=seed, options=options)
        self.lives, self.lost = infos["lives"].copy(), np.zeros(self.num_envs, dtype=bool)
        return obs, infos

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        obs, rewards, terminated, truncated, infos = self.env.step(np.where(self.lost, self.fire, actions))
        lives = infos["lives"]
        self.lost = (lives < self.lives) & ~(terminated | truncated)
        self.lives = lives.copy()
        return obs, rewards, terminated, truncated, infos


class Game(gym.Env):
    """One game as a single environment, which renders the policy's observation."""

    def __init__(self, task: Task, render_mode: str | None = None) -> None:
        self.envs, self.render_mode = make_vec(task, 1), render_mode
        self.metadata = {"render_modes": ["rgb_array"], "render_fps": 15}
        self.observation_space = self.envs.single_observation_space
        self.action_space = self.envs.single_action_space

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        obs, _ = self.envs.reset(seed=seed)
        self.obs = obs[0]
        return self.obs, {}

    def step(self, action: Any) -> tuple[np.ndarray, float, bool, bool, dict]:
        obs, rewards, terminated, truncated, infos = self.envs.step(np.array([action]))
        ended = bool(terminated[0] or truncated[0])
        self.obs = infos["final_obs"][0] if ended else obs[0]
        return self.obs, float(rewards[0]), bool(terminated[0]), bool(truncated[0]), {}

    def render(self) -> np.ndarray:
        """The newest frame, (336, 336, 3) uint8."""
        frame = self.obs[-1].repeat(PIXELS, axis=0).repeat(PIXELS, axis=1)
        return np.stack([frame] * 3, axis=-1)

    def close(self) -> None:
        self.envs.close()
