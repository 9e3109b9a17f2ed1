"""The search against simulated tasks: no environment, no torch."""

import json

import numpy as np
import pytest

from rl_intdim.config import Search
from rl_intdim.rounds import at_most, drive, expected, outcomes
from rl_intdim.search import MIN_SEEDS, Outcome, Posterior, answer, count, lattice, looked_above, next_round


def simulated(place, width=1.0, lapse=0.0, fall=np.inf, seed=0):
    """A `run` for drive: the chance of solving rises through 1/2 at `place` and falls again at `fall`."""
    rng = np.random.default_rng(seed)

    def run(jobs):
        records = {}
        for d, s in jobs:
            x = np.log2(10_000 if d == "direct" else max(d, 1e-9))
            k = 2 * np.log(9) / width
            with np.errstate(over="ignore"):
                centre = np.log2(place) + np.log(2 * (1 - lapse) - 1) / k
                p = (1 - lapse) / (1 + np.exp(-k * (x - centre))) / (1 + np.exp(4 * (x - np.log2(fall))))
            solved = bool(rng.random() < p)
            records[d, s] = {"d": d, "seed": s, "solved": solved, "solved_at": 100 if solved else None}
        return records

    return run


DEFAULTS = Search()


def measure(run, search=DEFAULTS, d_max=562):
    trials = drive(search, d_max, run)
    return answer(search, d_max, outcomes(trials)), trials


@pytest.mark.parametrize("place", [1, 2, 5, 20, 300])
def test_finds_the_place_where_the_chance_crosses_half(place):
    said, _ = measure(simulated(place, width=0.5))
    assert said.status == "found"
    low, high = said.ci95
    assert low <= place <= high
    assert high <= max(low * 1.5, low + 1)
    for bound in said.ci95:
        assert said.tested[bound][0] >= MIN_SEEDS


def test_the_interval_covers_on_many_tasks():
    """A smoke test of calibration: nominally 95 %, and 3 standard errors of 60 tasks are 8 %."""
    rng, covered = np.random.default_rng(0), 0
    for i in range(60):
        place = int(2 ** rng.uniform(0, 8))
        said, _ = measure(simulated(place, rng.uniform(0.3, 2), rng.choice([0, 0.1]), seed=i))
        low, high = said.ci95
        covered += low <= place <= (high or np.inf)
    assert covered >= 0.87 * 60


def test_below_1_when_theta0_alone_solves():
    said, trials = measure(simulated(1e-12))
    assert (said.status, said.d_int, said.ci95) == ("below_1", 0, (0, 0))
    assert {t["d"] for t in trials} == {0, "direct"}


def test_above_max_when_nothing_solves():
    said, _ = measure(simulated(1e9), d_max=64)
    assert (said.status, said.d_int, said.ci95) == ("above_max", None, (64, None))


def test_undecided_when_the_trials_run_out():
    said, trials = measure(simulated(50), Search(max_trials=24))
    assert said.status == "undecided"
    assert len(trials) <= 24 + 5


def test_looks_well_above_the_estimate():
    said, _ = measure(simulated(6, width=0.3))
    assert max(said.tested) >= 3 * said.d_int
    assert said.tested[max(said.tested)][0] >= MIN_SEEDS


def test_looks_above_in_time_when_nothing_is_decided():
    said, _ = measure(simulated(40, width=4), Search(max_trials=120, ci_ratio=1.0))
    assert said.status == "undecided"
    assert looked_above(said, 562)


def test_a_sweep_can_be_extended():
    """More trials allowed: the same trials first."""
    _, short = measure(simulated(9, width=1.5), Search(max_trials=40, direct=0))
    _, long = measure(simulated(9, width=1.5), Search(max_trials=120, ci_ratio=1.2, direct=0))
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_a_falling_flank_is_seen():
    falling, _ = measure(simulated(6, width=0.3, fall=14, seed=1))
    steady, _ = measure(simulated(6, width=0.3, seed=1))
    assert falling.p_falling > 0.9 > 0.5 > steady.p_falling
    assert falling.ci95[0] <= 6 <= falling.ci95[1]


def test_decisions_depend_on_configuration_and_results_alone():
    """Repeated, or resumed from what was finished: the same rounds, the same seeds, each seed once."""
    _, once = measure(simulated(9, width=1.5))
    memory = {(t["d"], t["seed"]): t for t in once}

    def recall(jobs):
        return {job: memory[job] for job in reversed(jobs)}

    _, again = measure(recall)
    assert json.dumps(once) == json.dumps(again)
    seeds = [t["seed"] for t in once]
    assert len(set(seeds)) == len(seeds)


def test_rounds_have_a_fixed_size():
    sizes = []
    drive(Search(direct=0), 562, lambda jobs: sizes.append(len(jobs)) or simulated(9)(jobs))
    assert set(sizes) == {6}


def test_a_grid_runs_exactly_what_it_names():
    search = Search(ds=[2, 4, 8], seeds=10)
    said, trials = measure(simulated(4, width=0.3), search, d_max=8)
    assert {d: n for d, (n, _) in said.tested.items()} == {2: 10, 4: 10, 8: 10}
    assert at_most(search) == len(trials) == 35


def test_posterior_against_bayes_rule_by_hand():
    """Two outcomes: the weights are prior times likelihood, normalised."""
    model = Posterior(64)
    weights = model.update({4: (3, 2)})
    p = np.clip(model.chance(4), 1e-6, 1 - 1e-6)
    prior = model.update({})
    by_hand = prior.ravel() * p**2 * (1 - p)
    assert weights.ravel() == pytest.approx(by_hand / by_hand.sum(), rel=1e-9)


def test_the_chance_crosses_half_at_c():
    model = Posterior(64)
    c = model.c[100]
    p = model.chance(2**c).reshape(model._shape)[100]
    no_fall = p[..., np.isinf(model.FALLS)]
    assert no_fall == pytest.approx(np.full(no_fall.shape, 0.5), abs=1e-9)


def test_lattice_and_count():
    assert lattice(20) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16, 19, 20]
    assert lattice(1) == [1]
    assert count([Outcome(2, True), Outcome(2, False), Outcome(1, False)]) == {1: (1, 0), 2: (2, 1)}


def test_a_solve_after_the_cut_budget_does_not_count():
    trials = [{"d": 3, "solved": True, "solved_at": 80}, {"d": 3, "solved": True, "solved_at": 20}]
    assert [o.solved for o in outcomes(trials, 50)] == [False, True]


def test_d_max_of_one():
    said, _ = measure(simulated(1e9), d_max=1)
    assert said.status == "above_max"
    assert next_round(Search(), 1, []) == [0] * 6


def test_the_expectation_is_below_the_most():
    trials, steps = expected(Search(), 562, 562, budget=1000, tasks=10)
    assert 20 < trials < at_most(Search())
    assert steps < at_most(Search()) * 1000
