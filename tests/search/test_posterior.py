"""The posterior over curves: against Bayes' rule by hand, and what it says of curves that are no d_int."""

from math import comb

import numpy as np
import pytest

from rl_intdim.search.adaptive import lattice
from rl_intdim.search.posterior import PATTERNS, TAIL, Posterior, _thin, deviance, p_zero


def rounds(tested, size=1):
    """The trials of d -> (seeds, solved), in rounds of `size`."""
    trials = [(d, i < k) for d, (n, k) in tested.items() for i in range(n)]
    return [trials[i : i + size] for i in range(0, len(trials), size)]


def test_bayes_rule_by_hand():
    """Three outcomes: the weights are prior times likelihood, normalised."""
    model = Posterior(64)
    p = model.chance(4)
    by_hand = model.prior * p**2 * (1 - p)
    assert model.update({4: (3, 2)}) == pytest.approx(by_hand / by_hand.sum(), rel=1e-9)
    assert model.prior.sum() == pytest.approx(1)


def test_a_curve_first_reaches_half_at_its_d_int():
    """Whatever its shape: not at a whole number below, and at it, where it does at all."""
    model = Posterior(64)
    for d in range(1, 65):
        reached = model.chance(d) >= 0.5 - 2e-4  # a fall two octaves above takes that from the place
        assert reached[model.d_int == d].all()
        assert not (model.chance(d) > 0.5 + 2e-4)[model.d_int > d].any()


def test_d_int_is_a_priori_log_uniform():
    model = Posterior(1024)
    values, p = model.distribution(model.prior)
    octaves = [p[(values > low) & (values <= 2 * low)].sum() for low in (8, 16, 64, 256, 512)]
    assert octaves == pytest.approx([octaves[0]] * 5, rel=0.08)


@pytest.mark.parametrize("d_max", [64, 562, 1_005_366])
def test_places_are_as_close_however_many_d_there_are(d_max):
    """With 256 places up to Pong's D, 6 % apart, steep rises ended with intervals such as [4574, 4574]."""
    values = Posterior(d_max).values
    assert np.diff(np.log2(values[values > 32])).max() < 1 / 16  # every 32nd of an octave, and whole numbers


@pytest.mark.parametrize(("n", "k"), [(1, 0), (8, 3), (40, 19), (40, 40)])
def test_theta0_by_hand(n, k):
    chance = sum(comb(n + 1, i) for i in range(k + 1)) / 2 ** (n + 1)
    assert p_zero({0: (n, k)}) == (chance if TAIL <= chance <= 1 - TAIL else round(chance))


def test_the_distribution_of_d_int():
    model = Posterior(64)
    values, p = model.distribution(model.update({8: (20, 10), 2: (10, 0), 32: (10, 10)}))
    assert values.tolist() == sorted(set(values.tolist()))
    assert (values[0], p[0]) == (0, 0)
    assert (values[1], values[-1]) == (1, 65)
    assert p.sum() == pytest.approx(1)
    assert 6 <= values[np.searchsorted(np.cumsum(p), 0.5)] <= 10


def test_a_chance_that_stays_below_half_has_no_d_int():
    """0.3 from d = 4 to 64, in 240 trials: no d solves with chance 1/2, and nobody need try above."""
    low = dict.fromkeys((4, 8, 16, 64), (60, 18))
    model = Posterior(64)
    weights = model.update({1: (20, 0)} | low)
    assert model.p_never(weights) > 0.98
    assert model.quantile(weights, 0.025) == 65
    assert model.p_never(model.update({1: (20, 0), 8: (20, 10), 64: (20, 20)})) < 0.001


def test_a_level_near_half_is_left_open():
    """0.41 in 58 trials, as InvertedPendulum by random draws: both may be so."""
    model = Posterior(541)
    weights = model.update(
        {1: (2, 0), 2: (2, 0), 4: (3, 0), 5: (11, 4), 7: (11, 6), 8: (13, 6), 13: (17, 5), 91: (4, 2)}
    )
    assert 0.2 < model.p_never(weights) < 0.975
    assert model.quantile(weights, 0.975) == 542


def test_a_misfit_of_shape_is_seen():
    """Success that comes, goes twice and comes again fits no curve of the model; one that rises does."""
    odd = {2: (20, 19), 6: (20, 0), 16: (20, 19), 64: (20, 0)}
    even = {2: (10, 0), 8: (10, 4), 32: (10, 10)}
    model = Posterior(64)
    assert model.misfit(model.update(odd), rounds(odd)) < 0.02
    assert model.misfit(model.update(even), rounds(even)) > 0.2


def test_luck_that_the_trials_of_a_round_share_is_seen():
    """Half of the trials solve at one d: whole rounds of them, or three in each."""
    tested = {2: (20, 0), 8: (48, 24), 32: (20, 20)}
    model = Posterior(64)
    weights = model.update(tested)
    ends = rounds({2: (20, 0), 32: (20, 20)}, 5)
    shared = ends + rounds({8: (48, 24)}, 6)
    mixed = ends + [[(8, i % 2 == 0) for i in range(6)]] * 8
    assert model.misfit(weights, shared) < 0.01
    assert model.misfit(weights, mixed) > 0.1


def test_nothing_is_odd_about_no_trials():
    model = Posterior(64)
    assert model.misfit(model.prior, []) == 1
    assert model.misfit(model.prior, [[(0, True)]]) == 1


def test_deviance_by_hand():
    k, n, p = np.array([[3]]), np.array([[4]]), np.array([[0.5]])
    by_hand = 2 * (3 * np.log(0.75 / 0.5) + 1 * np.log(0.25 / 0.5))
    assert deviance(k, n, p) == pytest.approx([by_hand])


def test_trials_go_where_they_tell_most_per_env_step():
    """Dear failures: the round moves up to where trials solve. By hand for one trial: all d compared."""
    model = Posterior(64)
    weights = model.update({})
    grid = lattice(64)
    assert np.mean(model.informative(weights, grid, 6, 0.05)) > np.mean(model.informative(weights, grid, 6, 1.0))

    def entropy(p):
        return -p * np.log(p) - (1 - p) * np.log1p(-p)

    def told(d):  # by d_int itself rather than by groups and particles
        solved = weights * model.chance(d)
        by_d = [(weights[model.d_int == v].sum(), solved[model.d_int == v].sum()) for v in model.values]
        return entropy(solved.sum()) - sum(w * entropy(s / w) for w, s in by_d)

    exact = [told(d) for d in grid]
    (pick,) = model.informative(weights, grid, 1, 1.0)
    assert told(pick) > 0.97 * max(exact)


def test_patterns_that_are_left_out_are_stood_for():
    rng = np.random.default_rng(0)
    patterns = rng.random((8, 4 * PATTERNS)) ** 4
    thinned = _thin(patterns)
    assert thinned.shape == (8, PATTERNS)
    assert thinned.sum() == pytest.approx(patterns.sum())
    assert thinned.sum(0) == pytest.approx(np.full(PATTERNS, patterns.sum() / PATTERNS))
    assert thinned.sum(1) == pytest.approx(patterns.sum(1), rel=0.3)
    assert _thin(patterns[:, :5]).shape == (8, 5)


def test_a_round_larger_than_the_patterns_that_are_kept():
    picks = Posterior(64).informative(Posterior(64).update({}), lattice(64), 40, 0.3)
    assert len(picks) == 40
    assert len(set(picks)) > 5
