"""What a round is worth: more while little is known, nothing for what is known already."""

from dataclasses import replace

import numpy as np
import pytest

from rl_intdim.config.schema import Search
from rl_intdim.search.adaptive import Outcome
from rl_intdim.search.loop import drive, outcomes
from rl_intdim.search.narrowing import narrowing, octaves
from rl_intdim.search.posterior import posterior
from rl_intdim.search.simulation import SimulatedTask

SEARCH = Search(direct=0, max_trials=18, seed=0)


@pytest.fixture(scope="module")
def known():
    """18 trials of a task whose d_int is 20."""
    task = SimulatedTask(place=20, width=0.5, D=562)
    return outcomes(drive(SEARCH, 562, task.budget, task.run(0)), task.budget)


def test_the_first_rounds_are_worth_most(known):
    fresh = narrowing(SEARCH, 562, [])
    assert fresh > 1
    assert fresh > 2 * narrowing(SEARCH, 562, known) > 0
    assert narrowing(SEARCH, 562, []) == fresh  # the same draws


def test_a_round_tells_nothing_of_what_is_known():
    settled = [Outcome(d, d == 6) for d in (4, 6) for _ in range(300)]
    assert octaves(posterior(64), posterior(64).update({4: (300, 0), 6: (300, 300)})) > 0.2
    assert abs(narrowing(SEARCH, 64, settled)) < 0.1


@pytest.mark.parametrize("round", [2, 6])
def test_theta0_alone_narrows_nothing_so_the_round_after_it_counts(round):
    search, failed = replace(SEARCH, round=round), [Outcome(0, False)] * 6
    assert narrowing(search, 562, []) == narrowing(search, 562, failed) > 0.5


def test_of_given_d_theta0_alone_counts_for_nothing():
    given = Search(ds=[4, 16], seeds=2)
    assert narrowing(replace(given, ds=[0, 4, 16]), 562, []) == narrowing(given, 562, []) > 0


def test_a_round_after_theta0_counts_where_half_of_its_trials_solve():
    half = [Outcome(0, i % 2 == 0) for i in range(30)]
    assert narrowing(SEARCH, 562, half) == narrowing(SEARCH, 562, []) > 1


def test_the_octaves_are_those_of_the_interval():
    model = posterior(64)
    at = {4: (400, 0), 6: (400, 400)}
    assert octaves(model, model.update(at)) == pytest.approx(np.log2(6 / 5), abs=0.3)
    assert octaves(model, model.update({})) > 6
