"""Vector environments of Gymnasium or a third party: found, and held to their time limit."""

from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config.schema import Policy
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.tasks import rollout, vector
from rl_intdim.tasks.network import Network


def test_the_shorter_limit_counts(echo):
    task = echo(id="CartPole-v1", kwargs={}, vector="native", max_episode_steps=10_000)
    assert vector.make_vec(task, 1).unwrapped.max_episode_steps == 500


def test_a_vector_entry_point_needs_a_limit(echo, monkeypatch):
    monkeypatch.setattr(gym.spec("CartPole-v1"), "max_episode_steps", None)
    with pytest.raises(ConfigError, match=r"CartPole-v1 has no time limit; give env\.max_episode_steps=1000"):
        vector.make_vec(echo(id="CartPole-v1", kwargs={}, vector="native"), 1)


class Overlong(gym.vector.VectorEnv):
    """A vector environment that does not keep to the limit that it is given."""

    metadata = {"autoreset_mode": gym.vector.AutoresetMode.NEXT_STEP}  # noqa: RUF012
    single_observation_space = gym.spaces.Box(-1, 1, (1,), np.float32)
    single_action_space = gym.spaces.Discrete(2)

    def __init__(self, num_envs, max_episode_steps=0):
        self.num_envs = num_envs

    def reset(self, *, seed=None, options=None):
        return np.zeros((self.num_envs, 1), np.float32), {}

    def step(self, actions):
        never = np.zeros(self.num_envs, bool)
        return np.zeros((self.num_envs, 1), np.float32), np.ones(self.num_envs), never, never, {}


gym.register(
    "test/Overlong-v0",
    "gymnasium.envs.classic_control:CartPoleEnv",
    vector_entry_point=Overlong,
    max_episode_steps=50,
)


def test_a_vector_environment_is_held_to_its_limit(echo):
    envs = vector.make_vec(echo(id="test/Overlong-v0", kwargs={}, vector="native"), 2)
    policy = Network(Policy(hidden=[]), Overlong.single_observation_space, Overlong.single_action_space)
    with pytest.raises(TrialFailure, match=r"not ended after 50 env steps, the limit .*env\.vector=slots"):
        rollout.episodes(envs, policy, torch.zeros(1, policy.D), seed=0)


class Raises:
    def __init__(self, num_envs, max_episode_steps=0):
        raise ValueError("no licence")


def test_a_vector_environment_that_raises_is_named(echo):
    gym.register("test/Raises-v0", "gymnasium.envs.classic_control:CartPoleEnv", vector_entry_point=Raises,
                 max_episode_steps=50)  # fmt: skip
    with pytest.raises(ConfigError, match=r"env\.id=test/Raises-v0.*no licence"):
        vector.make_vec(echo(id="test/Raises-v0", kwargs={}, vector="native"), 2)


def test_a_vector_environment_of_another_module_is_found(echo, monkeypatch, tmp_path):
    Path("elsewhere.py").write_text(
        "import gymnasium as gym\n"
        "from gymnasium.envs.classic_control.cartpole import CartPoleEnv, CartPoleVectorEnv\n"
        "gym.register('Elsewhere-v0', CartPoleEnv, vector_entry_point=CartPoleVectorEnv, max_episode_steps=9)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    assert vector.make_vec(echo(id="elsewhere:Elsewhere-v0", kwargs={}, vector="native"), 2).longest == 9
