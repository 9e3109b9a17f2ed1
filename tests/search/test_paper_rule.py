"""The paper's rule and its bootstrap interval."""

import pytest
from factories import record

from rl_intdim.search.paper_rule import d90


def runs(scores):
    return [record(d, score=s) for d, row in scores.items() for s in row]


DIRECT = [record("direct", score=100.0)] * 5


def test_the_first_d_whose_mean_reaches_nine_tenths_of_direct():
    said = d90(runs({1: [10, 95], 2: [89.9, 89.9], 4: [100, 80], 8: [0, 0]}), DIRECT)
    assert said.d_int90 == 4
    assert said.level == pytest.approx(90)


def test_the_interval_comes_from_runs_drawn_anew():
    """At d = 2 one of two runs passes: a quarter of the draws has both, and the first d is 2, else 4."""
    said = d90(runs({2: [100, 0], 4: [100, 100]}), DIRECT)
    assert (said.d_int90, said.ci95) == (4, (2, 4))
    sure = d90(runs({2: [0, 0], 4: [100, 100]}), DIRECT)
    assert sure.ci95 == (4, 4)


def test_none_where_no_d_reaches_it():
    assert d90(runs({2: [0, 0]}), DIRECT).ci95 == (None, None)
    assert d90(runs({2: [0, 0]}), DIRECT).d_int90 is None
    assert d90(runs({2: [100, 0], 4: [100, 0]}), DIRECT).ci95[1] is None


def test_a_baseline_below_zero():
    """Acrobot-like: direct -80 asks for -88."""
    said = d90(runs({2: [-90, -90], 4: [-87, -87]}), [record("direct", score=-80.0)])
    assert (said.d_int90, said.level) == (4, pytest.approx(-88))
