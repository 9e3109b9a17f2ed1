"""An SB3 actor that is not the task's policy is refused before it trains, and so is one of another kind."""

import tempfile
from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import agent_of, pictures
from stable_baselines3 import PPO

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.subspace.subspace import Subspace, flat
from rl_intdim.tasks import environment
from rl_intdim.training import gradient
from rl_intdim.training.sb3.agreement import check_agreement
from rl_intdim.training.sb3.model import build
from rl_intdim.training.sb3.subspace_actor import SubspaceActor
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial


class Relu(PPO):
    """Sets an activation of its own."""

    def __init__(self, policy, env, policy_kwargs=None, **settings):
        super().__init__(policy, env, policy_kwargs=policy_kwargs | {"activation_fn": torch.nn.ReLU}, **settings)


@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_another_order_or_activation_is_refused_with_how_far_it_agrees(echo, kind):
    task, ppo = echo(kind), agent_of("ppo")
    gradient.check(task, ppo, environment.policy(task))
    for agent in (
        replace(ppo, actor=["pi_features_extractor", "action_net", "mlp_extractor.policy_net"]),
        replace(ppo, algorithm=f"{__name__}.Relu"),
    ):
        with pytest.raises(ConfigError, match=r"agent.actor=.* on \d+% of 64 observations; valid: "):
            gradient.check(task, agent, environment.policy(task))
        with pytest.raises(ConfigError, match=r"on \d+% of 64"):
            run_trial(TrialSpec(task, agent, "dense", 2, 0))


@pytest.mark.parametrize("env", ["FrozenLake", "CliffWalking", "Blackjack"])
def test_another_activation_is_refused_where_observations_are_one_hot(env):
    config = cli.load("sweep", [f"env={env}", "agent=ppo"])
    policy = environment.policy(config.env)
    gradient.check(config.env, config.agent, policy)
    with pytest.raises(ConfigError, match=r"on \d+% of 64 observations"):
        gradient.check(config.env, replace(config.agent, algorithm=f"{__name__}.Relu"), policy)


@pytest.mark.parametrize("pictured", [False, True])
def test_the_comparison_leaves_the_actor_and_the_generators_as_they_were(echo, pictured):
    task, agent = pictures(echo) if pictured else echo(), agent_of("ppo")
    network = environment.policy(task)
    theta = network.theta0(np.random.default_rng(3))
    model = build(task, agent, network, 0)
    actor = SubspaceActor(model, agent, Subspace(theta, "direct"))
    before = torch.get_rng_state(), np.random.get_state()[1].tolist()  # noqa: NPY002
    check_agreement(model, actor, agent, network)
    assert torch.equal(flat(actor.actor).detach(), theta)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert np.random.get_state()[1].tolist() == before[1]  # noqa: NPY002


@pytest.mark.parametrize(
    ("name", "algorithm", "reason"),
    [
        ("ppo", "MaskablePPO", "action masks, which scoring does not have"),
        ("ppo", "RecurrentPPO", "recurrent"),
        ("dqn", "QRDQN", "a quantile head"),
    ],
)
def test_an_algorithm_whose_policy_is_not_the_task_s_is_refused_with_the_reason(echo, name, algorithm, reason):
    agent = agent_of(name, algorithm=f"sb3_contrib.{algorithm}")
    with pytest.raises(ConfigError, match=rf"sb3_contrib.{algorithm}: .*{reason}.*cannot train the task's policy"):
        gradient.check(echo(), agent, environment.policy(echo()))


def test_no_folder_is_left_in_the_temporary_directory(echo, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run_trial(TrialSpec(echo(budget=300), agent_of("ppo"), "dense", 2, 0))
    assert list(tmp_path.glob("SB3*")) == []
