"""The trial: what is drawn from the seed, the budget, and the checks that keep agents honest."""

import numpy as np
import pytest
import torch
from factories import agent_of
from stable_baselines3 import PPO
from threadpoolctl import threadpool_info, threadpool_limits

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.seeding import seed_globals
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import check, run_trial

AGENTS = ["cma", "openai_es", "ppo", "random"]


def trial(task, agent="cma", d=3, seed=0, **changes):
    return TrialSpec(task, agent_of(agent, **changes), "dense", d, seed)


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("kind", ["discrete", "continuous"])
def test_every_agent_learns_a_trivial_task(echo, agent, kind):
    result = run_trial(trial(echo(kind), agent, d=8, seed=1))
    assert result.solved
    assert result.score >= 9
    assert result.device == "cpu"
    assert result.solved_at <= result.env_steps <= 20_000
    assert run_trial(trial(echo(kind), agent, d=0, seed=1)).score < 9


@pytest.mark.parametrize("agent", AGENTS)
def test_direct_trains_all_parameters(echo, agent):
    result = run_trial(trial(echo(threshold=8.0), agent, d="direct"))
    assert result.solved
    assert len(result.theta_d) == result.D == 42


@pytest.mark.parametrize("agent", AGENTS)
def test_a_trial_is_repeatable_to_the_bit(echo, agent):
    task = echo(budget=1000, threshold=11.0)
    np.random.seed(1)  # noqa: NPY002
    torch.manual_seed(1)
    once = run_trial(trial(task, agent, seed=4))
    np.random.seed(2)  # noqa: NPY002
    torch.manual_seed(2)
    again = run_trial(trial(task, agent, seed=4))
    other = run_trial(trial(task, agent, seed=5))
    assert once.curve == again.curve
    assert once.theta_d == again.theta_d
    assert once.curve != other.curve


def test_cma_leaves_numpys_global_generator_alone(echo):
    """An environment may draw from it."""
    run_trial(trial(echo(budget=500, threshold=11.0), "cma", seed=7))
    after = np.random.get_state()[1].tolist()  # noqa: NPY002
    seed_globals(7)
    assert np.random.get_state()[1].tolist() == after  # noqa: NPY002


def test_agents_share_theta0_and_P_to_the_bit(echo, monkeypatch):
    """Each agent's own idea of theta_D at theta_d, for the same seed and d."""
    seen: dict[str, list] = {agent: [] for agent in AGENTS}
    for agent in AGENTS:
        original = Evaluator.look

        def spy(self, env_steps, theta_d, actor=None, agent=agent, original=original):
            seen[agent].append((self.subspace.theta0, self.subspace.theta(torch.arange(3.0)), actor))
            return original(self, env_steps, theta_d, actor)

        monkeypatch.setattr(Evaluator, "look", spy)
        run_trial(trial(echo(budget=2000), agent))
        monkeypatch.setattr(Evaluator, "look", original)
    first = seen["cma"][0]
    for looks in seen.values():
        assert torch.equal(looks[0][0], first[0])
        assert torch.equal(looks[0][1], first[1])
    assert seen["ppo"][0][2] is not None


# -------------------------------------------------------------------------------- broken trials fail


@pytest.mark.filterwarnings("ignore:.*NaN")
@pytest.mark.parametrize("agent", AGENTS)
def test_rewards_that_are_not_finite_fail(echo, agent):
    with pytest.raises((TrialFailure, ValueError), match=r"not finite|invalid values"):
        run_trial(trial(echo("broken"), agent))


class Counts(PPO):
    """An algorithm that moves what no optimiser steps."""

    def _setup_model(self):
        super()._setup_model()
        self.policy.register_buffer("updates", torch.zeros(1))

    def train(self):
        super().train()
        self.policy.updates += 1


def test_a_tensor_that_moves_and_is_not_listed_fails(echo):
    spec = trial(echo(threshold=11.0), "ppo", algorithm=f"{__name__}.Counts")
    with pytest.raises(TrialFailure, match="updates moved outside"):
        run_trial(spec)


def test_a_trial_keeps_to_its_threads_in_blas_too(echo):
    """CMA-ES at d = 100 took 33 ms a generation, not 3, when the BLAS threads of two processes shared two cores."""
    threadpool_limits(2)
    run_trial(TrialSpec(echo(budget=200), cli.load("sweep", []).agent, "dense", 2, 0))
    assert {pool["num_threads"] for pool in threadpool_info()} == {1}


# ------------------------------------------------------------------------------- the budget is a limit


@pytest.mark.parametrize(("name", "steps"), [("cma", 1000), ("openai_es", 1000), ("ppo", 768), ("dqn", 768)])
def test_no_trial_takes_more_than_its_budget(echo, name, steps):
    """Of 1,000 env steps: a generation of 640 and a part of the next, or three rollouts of 256."""
    trained = run_trial(TrialSpec(echo(budget=1000, threshold=10.01), agent_of(name), "dense", 3, 0))
    assert trained.env_steps == steps
    assert all(env_steps <= steps for env_steps, *_ in trained.curve)


def test_nothing_is_learned_from_a_generation_that_the_budget_cuts_off():
    """Compiled episodes end with the budget to the step; what was learned before is as with more budget."""
    trials = []
    for budget in (8_000, 16_000):
        words = [f"env.budget={budget}", "env.threshold=501", f"env.scoring.looks={budget}", "d=3"]
        config = cli.load("train", [*words, "env.scoring.look_episodes=1", "env.scoring.confirm_episodes=1"])
        trials.append(run_trial(TrialSpec(config.env, config.agent, "dense", 3, 0)))
    short, long = trials
    assert short.env_steps == 8_000
    assert 2 <= len(short.curve) < len(long.curve)
    assert long.curve[: len(short.curve)] == short.curve
    assert long.curve[len(short.curve)][0] > 8_000


def test_too_few_generations_or_rollouts_are_told_before_anything_runs(echo):
    said = []
    for name, few in (("cma", 3_199), ("ppo", 1_279)):
        check(echo(budget=few, max_episode_steps=10), agent_of(name), say=said.append)
        check(echo(budget=few + 1, max_episode_steps=10), agent_of(name), say=said.append)
    assert len(said) == 2
    assert said[0].startswith("Note: env.budget=3,199: a generation of agent.popsize=16 times")
    assert said[1].startswith("Note: env.budget=1,279: agent=ppo learns from rollouts of 256 env steps")
    with pytest.raises(ConfigError, match=r"env.budget=255: .* rollouts of 256 env steps; valid: 256 or more"):
        check(echo(budget=255), agent_of("ppo"), say=said.append)
