"""The scoring protocol: when looks are due, what is confirmed, and which policy is the best."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import agent_of

from rl_intdim.config.schema import Goal, Scoring
from rl_intdim.errors import TrialFailure
from rl_intdim.tasks import environment, rollout
from rl_intdim.training.evaluator import Evaluator, Score, hopeless
from rl_intdim.training.seeding import draw_subspace
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial


def _parts(task):
    policy = environment.policy(task)
    subspace, (_, a, b) = draw_subspace(policy, "dense", 2, 0)
    return policy, subspace, a, b


class Scripted(Evaluator):
    """A evaluator whose episodes return what the script says: (look, confirmation) per call."""

    def __init__(self, task, looks, confirmations):
        policy = environment.policy(task)
        subspace, (_, a, b) = draw_subspace(policy, "dense", 2, 0)
        super().__init__(task, policy, subspace, a, b)
        self.script = {task.scoring.look_episodes: list(looks), task.scoring.confirm_episodes: list(confirmations)}

    def _score(self, theta_d, n, rng, enough=None):
        said = self.script[n].pop(0)
        return Score(*said) if isinstance(said, tuple) else Score(said)


def evaluator(echo, looks, confirmations, least=0.0, **scoring):
    task = echo(threshold=9.0, budget=1000, scoring=Scoring(look_episodes=5, confirm_episodes=20, **scoring))
    return Scripted(replace(task, goal=Goal(least=least)), looks, confirmations)


def test_a_look_at_the_threshold_is_confirmed_on_fresh_episodes(echo):
    judge = evaluator(echo, [8.9, 9.0], [9.5])
    assert not judge.look(20, torch.zeros(2))
    assert judge.look(40, torch.ones(2))
    assert judge.confirmations == [[40, 9.5]]
    assert judge.close().env_steps == 40


def test_a_mean_that_only_rounding_keeps_below_the_threshold_reaches_it(echo):
    mean = float(np.nextafter(9.99, 0))
    assert replace(echo(), threshold=9.99).solved_by(mean)
    assert not hopeless(np.full(5, 9.99), 10, 9.99)
    assert hopeless(np.full(5, 9.98), 10, 9.99)
    assert not replace(echo(), threshold=9.99).solved_by(9.9899)


def test_at_most_three_confirmations_the_last_for_the_best_checkpoint(echo):
    judge = evaluator(echo, [9.9, 9.8, 9.7, 8.0], [5.0, 6.0, 9.2])
    for i in range(4):
        assert not judge.look(20 * (i + 1), torch.full((2,), float(i)))
    assert judge.confirmations == [[20, 5.0], [40, 6.0]]  # the third look is not confirmed: one is kept back
    best = judge.close()
    assert judge.confirmations[2] == [60, 9.2]
    assert judge.solved
    assert best.env_steps == 60


def test_a_goal_must_be_reached_too(echo):
    """At the threshold but short of the goal: neither confirmed at a look, nor solved by a confirmation."""
    judge = evaluator(echo, [(9.5, 1.9), (9.5, 2.0), (9.6, 2.5)], [(9.5, 1.9), (9.5, 2.0)], least=2.0)
    assert not judge.look(20, torch.zeros(2))
    assert judge.confirmations == []
    assert not judge.look(40, torch.ones(2))
    assert judge.confirmations == [[40, 9.5, 1.9]]
    assert judge.look(60, 2 * torch.ones(2))
    assert judge.confirmations[1] == [60, 9.5, 2.0]
    assert [row[3] for row in judge.curve] == [1.9, 2.0, 2.5]


def test_a_refused_checkpoint_is_ranked_by_its_confirmation(echo):
    judge = evaluator(echo, [9.9, 8.0], [5.0, 8.5])
    judge.look(20, torch.zeros(2))
    judge.look(40, torch.ones(2))
    assert judge.close().env_steps == 40
    assert not judge.solved


def test_a_policy_that_failed_its_confirmation_is_not_tried_again(echo):
    judge = evaluator(echo, [9.9, 9.5, 9.9], [8.9])
    for i in range(3):
        assert not judge.look(20 * (i + 1), torch.ones(2))
    assert judge.close().env_steps == 20
    assert judge.confirmations == [[20, 8.9]]
    assert not judge.solved


def test_of_two_equals_the_later_is_the_best(echo):
    judge = evaluator(echo, [8.0, 8.0, 7.0], [8.0])
    for i in range(3):
        judge.look(20 * (i + 1), torch.full((2,), float(i)))
    assert judge.close().env_steps == 40


def test_a_policy_is_solved_when_it_was_first_looked_at(echo):
    """Random search looks at its favourite again and again."""
    judge = evaluator(echo, [7.0, 8.0, 9.0], [9.5])
    assert [judge.look(step, torch.full((2,), float(step > 20))) for step in (20, 40, 60)] == [False, False, True]
    assert (judge.solved_at, judge.confirmations) == (40, [[40, 9.5]])


def test_looks_are_due_every_fiftieth_of_the_budget_and_never_after_it(echo):
    judge = evaluator(echo, [], [])
    assert [s for s in range(1, 1100) if judge.due(s)] == list(range(20, 1001, 20))
    late = evaluator(echo, [], [])
    assert late.due(500)
    assert not late.due(519)
    assert late.due(520)
    odd = evaluator(echo, [], [])  # 30 looks of a budget whose thirtieth no float holds
    odd.task = replace(odd.task, budget=256_000, scoring=Scoring(looks=30))
    assert [s for s in range(0, 257_000, 256) if odd.due(s)] == [-(-i * 1000 // 30) * 256 for i in range(1, 31)]


@pytest.mark.parametrize("name", ["ppo", "cma"])
def test_what_was_learned_last_is_looked_at(echo, name):
    """Six rollouts or generations of 160 env steps fit into 1,000, where the last look would be due."""
    agent = agent_of("ppo", n_envs=5) if name == "ppo" else agent_of("cma", popsize=4)
    task = echo(budget=1000, threshold=10.01, scoring=Scoring(looks=2, look_episodes=5, confirm_episodes=20))
    assert [row[0] for row in run_trial(TrialSpec(task, agent, "dense", 3, 0)).curve] == [640, 960]


def test_a_policy_that_passed_is_not_confirmed_again(echo):
    judge = evaluator(echo, [9.9, 9.0], [9.5])
    judge.full_budget = True
    assert not judge.look(20, torch.zeros(2))
    judge.look(40, torch.ones(2))
    assert judge.close().score.mean == 9.5
    assert judge.confirmations == [[20, 9.5]]


def test_the_best_policy_reaches_the_goal_if_any_does(echo):
    judge = evaluator(echo, [(9.9, 0.0), (9.2, 2.0), (9.1, 2.5)], [(9.0, 2.5)], least=2.0)
    judge.task = replace(judge.task, scoring=replace(judge.task.scoring, confirmations=1))
    for i in range(3):
        judge.look(20 * (i + 1), torch.full((2,), float(i)))
    assert judge.close().env_steps == 40


def test_a_look_ends_after_half_of_its_episodes_if_it_is_hopeless(echo, monkeypatch):
    task = echo(threshold=9.0, scoring=Scoring(look_episodes=10, confirm_episodes=20))
    script, seeds = [], []

    def episodes(envs, policy, theta, seed):
        seeds.append(seed)
        returns = np.array(script.pop(0), float)
        return returns, np.ones(len(returns), int)

    monkeypatch.setattr(rollout, "episodes", episodes)
    judge = Evaluator(task, *_parts(task))
    worst, fair, good = [2.0, 1, 1, 1, 3], [8.5, 8, 8, 9.6, 8], [9.5] * 5
    for halves, said, played in (
        ([worst], 1.6, 1),  # (1.6 + 3) / 2 is below 9
        ([fair, good], (8.42 + 9.5) / 2, 2),  # (8.42 + 9.6) / 2 is not
        ([good, worst, *[good] * 4], (9.5 + 1.6) / 2, 2),
    ):
        script[:], before = halves, judge.scoring_steps
        judge.look(20, torch.full((2,), said))
        assert judge.curve[-1][1] == pytest.approx(said)
        assert judge.scoring_steps - before == 5 * played
    # A look that ended early has drawn the seeds of both halves, so the next one plays the same episodes as ever.
    looks = np.random.default_rng(_parts(task)[2])
    assert seeds == [int(s) for i, s in enumerate([looks.integers(2**31) for _ in range(6)]) if i != 1]
    script[:] = [worst] * 4  # a confirmation is played in full
    judge.close()
    assert judge.confirmations == [[20, 1.6]]
    whole = Evaluator(task, *_parts(task), full_budget=True)  # looks choose the policy that is scored
    script[:] = [worst, fair]
    whole.look(20, torch.ones(2))
    assert whole.curve[-1][1] == pytest.approx((1.6 + 8.42) / 2)


def test_looks_and_confirmations_play_different_episodes(echo):
    judge = Evaluator(echo(), *_parts(echo()))
    looked = [int(judge.looks.integers(2**31)) for _ in range(50)]
    confirmed = [int(judge.confirms.integers(2**31)) for _ in range(50)]
    assert not set(looked) & set(confirmed)


@pytest.mark.parametrize("agent", ["cma", "ppo"])
def test_a_full_budget_is_trained_to_its_end_though_solved(echo, agent):
    spec = TrialSpec(echo(budget=8000), agent_of(agent), "dense", 8, 1)
    early, full = run_trial(spec), run_trial(replace(spec, full_budget=True))
    assert early.env_steps < 4000
    assert full.env_steps >= 8000 - 500
    assert full.solved
    assert full.solved_at == early.solved_at
    assert full.curve[: len(early.curve)] == early.curve
    assert full.confirmations[0] == early.confirmations[0]
    assert full.score == full.confirmations[-1][1] != early.score


def test_solved_once_is_solved_whatever_the_last_score(echo):
    judge = evaluator(echo, looks=[9.5, 9.9], confirmations=[9.5, 3.0])
    judge.full_budget = True
    assert judge.look(1, torch.ones(2)) is False
    assert judge.look(2, torch.ones(2)) is False
    judge.close()
    assert (judge.solved, judge.solved_at) == (True, 1)
    assert [score for _, score in judge.confirmations] == [9.5, 3.0]


def test_an_actor_outside_the_subspace_fails(echo):
    task = echo(threshold=11.0)
    judge = Evaluator(task, *_parts(task))
    theta = judge.subspace.theta(torch.zeros(2))
    assert not judge.look(1, torch.zeros(2), theta)
    theta[3] += 1e-6
    with pytest.raises(TrialFailure, match="theta0"):
        judge.look(2, torch.zeros(2), theta)


def test_a_norm_beyond_float32_is_a_number(echo):
    judge = Evaluator(echo(), *_parts(echo()))
    judge.look(1, torch.tensor([3e19, 4e19]))
    assert judge.curve[0][2] == pytest.approx(5e19)


def test_nan_fails(echo):
    judge = Evaluator(echo(), *_parts(echo()))
    with pytest.raises(TrialFailure, match="finite"):
        judge.look(1, torch.tensor([np.nan, 0.0]))
