"""Trials in parts: what a paused trial says, and what it costs to go on."""

import numpy as np
import pytest
import simulate_freeze_thaw as parts

from rl_intdim.search.posterior import Posterior
from rl_intdim.search.simulation import SimulatedTask


def test_whole_trials_say_what_they_say_to_the_search():
    model = Posterior(64)
    trials = [parts.Trial(4, np.inf, 1.0), parts.Trial(8, 0.2, 0.2), parts.Trial(8, np.inf, 1.0)]
    weights = parts.update(model, trials)
    assert weights.sum(1) == pytest.approx(model.update({4: (1, 0), 8: (2, 1)}), abs=1e-7)


def test_a_paused_trial_is_not_solved_so_far_and_no_more():
    """By hand: 1 - p G(1/4), where G is the share of solvers that have solved by then, for each median."""
    model = Posterior(64)
    weights = parts.update(model, [parts.Trial(4, np.inf, 0.25)])
    by_hand = model.prior[:, None] * (1 - model.chance(4)[:, None] * parts.solved_by(0.25))
    assert weights == pytest.approx(by_hand / by_hand.sum(), rel=1e-4)
    assert (parts.solved_by(0.25) > 0).all()
    assert (parts.solved_by(0.25) < parts.solved_by(0.5)).all()
    assert parts.solved_by(1.0) == pytest.approx(1)


def test_a_trial_goes_on_from_where_it_was_paused():
    trial = parts.Trial(4, solves_at=0.4)
    assert (trial.advance(0.25), trial.solved) == (0.25, False)
    assert (trial.advance(0.5), trial.solved) == (pytest.approx(0.15), True)
    never = parts.Trial(4, np.inf)
    assert sum(never.advance(end) for end in (0.25, 0.5, 1.0)) == 1
    assert not never.solved


def test_parts_find_the_place_for_less():
    task = SimulatedTask(9, width=0.5, D=64)
    whole, paused = ([parts.sweep(task, seed, s)[1.5] for seed in range(3)] for s in ((1.0,), (0.25, 0.5, 1.0)))
    for said in (*whole, *paused):
        assert said["found"]
        assert said["covers"]
    assert sum(said["budgets"] for said in paused) < 0.8 * sum(said["budgets"] for said in whole)
