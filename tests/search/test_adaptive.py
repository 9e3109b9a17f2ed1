"""The search against simulated tasks: no environment, no torch."""

from dataclasses import replace

import numpy as np
import pytest
from factories import record

from rl_intdim.config.schema import Search
from rl_intdim.search.adaptive import FINE, MIN_LOOK, Outcome, answer, candidates, count, lattice, next_round
from rl_intdim.search.loop import (
    at_most,
    at_once,
    counted_below,
    drive,
    outcomes,
    spaced,
    steps_at_most,
    stopped_by,
    times_faster,
)
from rl_intdim.search.simulation import SimulatedTask, expected

DEFAULTS = Search()


def measure(task, search=DEFAULTS, d_max=562, run=None):
    trials = drive(search, d_max, task.budget, run or task.run(0, search.full_budget))
    return answer(search, d_max, outcomes(trials, task.budget)), trials


@pytest.mark.parametrize("place", [1, 2, 5, 20, 300])
def test_finds_the_place_where_the_chance_crosses_half(place):
    said, _ = measure(SimulatedTask(place, width=0.5))
    assert said.status == "found"
    low, high = said.ci95
    assert low <= place <= high
    assert high <= max(low * 1.5, low + 1)
    assert said.looked_above


def test_the_interval_covers_on_many_tasks():
    """A smoke test of calibration: nominally 95 %, and 3 standard errors of 60 tasks are 8 %."""
    rng, covered = np.random.default_rng(0), 0
    for _ in range(60):
        place = int(2 ** rng.uniform(0, 8))
        task = SimulatedTask(place, rng.uniform(0.3, 2), rng.choice([0, 0.1]))
        low, high = measure(task, run=task.run(int(rng.integers(2**31))))[0].ci95
        covered += low <= place <= (high or np.inf)
    assert covered >= 0.87 * 60


def test_below_1_when_theta0_alone_solves():
    def run(jobs):
        return {(d, s): record(d, s, solved=True, env_steps=0) for d, s in jobs}

    said, trials = measure(SimulatedTask(1), run=run)
    assert (said.status, said.d_int, said.ci95) == ("below_1", 0, (0, 0))
    assert {t.d for t in trials} == {0, "direct"}
    assert stopped_by(DEFAULTS, 562, 10, trials) == "below_1"


def alone(chance, seed=0):
    """A `run` for a task at d_int 0 or 1: theta0 alone solves with this chance, every subspace always."""

    def run(jobs):
        return {(d, s): trial(d, s) for d, s in jobs}

    def trial(d, s):
        return record(d, s, solved=bool(d != 0 or np.random.default_rng((seed, s)).random() < chance), env_steps=0)

    return run


def test_a_few_seeds_do_not_decide_that_theta0_alone_solves():
    """3 of 6 say little of a chance of 1/2 or more."""
    said = answer(DEFAULTS, 562, [Outcome(0, i % 2 == 0) for i in range(6)])
    assert (said.status, said.ci95[0]) == ("undecided", 0)
    assert next_round(DEFAULTS, 562, [Outcome(0, i % 2 == 0) for i in range(6)]) == [0] * 6


@pytest.mark.parametrize(("chance", "d_int"), [(0.0, 1), (0.1, 1), (0.9, 0), (1.0, 0)])
def test_theta0_alone_is_tried_until_it_is_known_whether_that_solves(chance, d_int):
    for seed in range(10):
        said, _ = measure(SimulatedTask(1), run=alone(chance, seed))
        assert said.d_int == d_int
        assert said.status == ("found", "below_1")[said.d_int == 0]


def test_where_theta0_alone_solves_every_second_time_the_interval_holds_0_and_1():
    for seed in range(10):
        said, _ = measure(SimulatedTask(1), run=alone(0.5, seed))
        assert said.ci95 in ((0, 0), (0, 1), (1, 1))
        assert said.tested[0][0] <= 300


def test_above_max_when_nothing_solves():
    said, trials = measure(SimulatedTask(1e9), d_max=64)
    assert (said.status, said.d_int, said.ci95) == ("above_max", None, (64, None))
    assert stopped_by(DEFAULTS, 64, 10, trials) == "above_max"


def test_no_d_int_is_named_that_is_little_but_the_prior():
    """One has to have solved, and some to have run within two octaves below and above."""
    search = Search(ds=[0, 4, 16])
    failed = [Outcome(d, False) for d in (0, 4, 16)]
    assert (answer(search, 16, failed).status, answer(search, 16, failed).d_int) == ("undecided", None)
    assert answer(search, 16, [*failed, Outcome(16, True)]).d_int is not None
    assert answer(Search(ds=[6000]), 10**6, [Outcome(6000, True)] * 10).d_int is None
    unlucky = [Outcome(4, i < 2) for i in range(20)] + [Outcome(6, False)] * 20
    assert answer(Search(ds=[4, 6]), 6, unlucky).d_int is None
    lucky = answer(DEFAULTS, 562, [Outcome(0, i == 0) for i in range(6)])
    assert (lucky.d_int, lucky.ci95) == (None, (0, None))  # theta0 alone says nothing of 1 and above


def test_undecided_when_the_trials_run_out():
    search = Search(max_trials=24)
    said, trials = measure(SimulatedTask(50), search)
    assert said.status == "undecided"
    assert sum(t.d != 0 for t in trials) == 24 + 5
    assert stopped_by(search, 562, SimulatedTask(50).budget, trials) == "search.max_trials"


def test_env_steps_are_never_exceeded_and_what_stopped_is_said():
    task = SimulatedTask(50, width=3)
    search = Search(max_env_steps=30 * task.budget)
    said, trials = measure(task, search)
    spent = sum(t.env_steps for t in trials)
    assert 24 * task.budget < spent <= 30 * task.budget
    assert said.status == "undecided"
    assert stopped_by(search, 562, task.budget, trials) == "search.max_env_steps"


def test_theta0_alone_is_charged_nothing_and_direct_runs_are():
    task = SimulatedTask(50)
    for budgets, begun in ((5, True), (4, False)):
        _, trials = measure(task, Search(max_env_steps=budgets * task.budget, direct=5))
        assert sum(t.d == 0 for t in trials) == 6 * begun
        assert sum(t.direct for t in trials) == 5 * begun


def test_looks_well_above_the_estimate():
    said, _ = measure(SimulatedTask(6, width=0.3))
    assert sum(n for d, (n, _) in said.tested.items() if d >= 3 * said.d_int) >= MIN_LOOK


def test_no_look_above_is_below_the_estimate():
    def told(at_16):
        return [Outcome(0, False)] * 6 + [Outcome(12, False)] * 20 + [Outcome(16, True)] * at_16

    said = answer(DEFAULTS, 16, told(20))
    assert 12 < said.d_int <= 16
    assert said.looked_above  # d_max leaves no room for more
    assert not answer(DEFAULTS, 16, told(MIN_LOOK - 1)).looked_above


def test_of_rounds_that_run_at_once_none_counts_before_the_last():
    given, search = Search(ds=[2, 4], seeds=3, seed=50), Search(round=2)
    for trials, counted in ((range(4), 0), (range(6), 6), (range(8), 8), ([*range(6), 7], 6)):
        seeds = [50 + i for i in trials]
        assert counted_below(given, seeds) == 50 + counted
        assert counted_below(replace(given, full_budget=True), seeds) == 50 + len(seeds) // 2 * 2
    assert counted_below(search, range(5)) == 4


def test_theta0_that_was_learned_counts_as_trained():
    known = [record(0, seed, solved=seed % 2 == 0, subspace_steps=1000) for seed in range(12)]
    assert stopped_by(Search(max_trials=12), 562, 10_000, known) == "search.max_trials"
    drawn = [replace(t, subspace_steps=0) for t in known]
    assert stopped_by(Search(max_trials=12), 562, 10_000, drawn) == ""


def test_looks_above_in_time_when_nothing_is_decided():
    said, _ = measure(SimulatedTask(40, width=4), Search(ci_ratio=1.0))
    assert said.status == "undecided"
    assert said.looked_above


@pytest.mark.parametrize(
    "first", [{"max_trials": 40}, {"ci_ratio": 3.0}, {"ci_ratio": 1.5}, {"max_env_steps": 2 * 10**7}]
)
def test_a_sweep_can_be_extended(first):
    """Other stopping rules: the same trials first, so that none is run in vain."""
    task = SimulatedTask(9, width=1.5)
    _, short = measure(task, replace(Search(direct=0), **first))
    _, long = measure(task, Search(max_trials=180, ci_ratio=1.2, direct=0))
    assert long[: len(short)] == short
    assert len(long) > len(short)


def test_a_falling_flank_is_seen():
    falling, _ = measure(SimulatedTask(6, width=0.3, fall=2.5))
    steady, _ = measure(SimulatedTask(6, width=0.3))
    assert falling.p_falling > 0.9 > 0.5 > steady.p_falling
    assert falling.ci95[0] <= 6 <= falling.ci95[1]


def test_decisions_depend_on_configuration_and_results_alone():
    """Repeated, or resumed from what was finished: the same rounds, the same seeds, each seed once."""
    task = SimulatedTask(9, width=1.5)
    _, once = measure(task)
    memory = {(t.d, t.seed): t for t in once}
    _, again = measure(task, run=lambda jobs: {job: memory[job] for job in reversed(jobs)})
    assert once == again
    seeds = [t.seed for t in once]
    assert len(set(seeds)) == len(seeds)


def test_a_search_that_another_version_began_is_gone_on_with():
    """Its whole rounds are taken as they stand, whatever their d, beyond today's limits too, and none run again."""
    ran, task = [], SimulatedTask(9)
    theirs = [record(d, seed, solved=d > 9) for seed, d in enumerate([0] * 6 + [3, 5, 9, 40, 41, 42] * 3 + [7, 7])]

    def run(jobs):
        ran.extend(job for job in jobs if job not in known)
        return {job: known.get(job) or record(*job, solved=job[0] > 9) for job in jobs}

    known = {(t.d, t.seed): t for t in theirs}
    trials = drive(Search(direct=0, max_trials=6), 562, task.budget, run, recorded=theirs)
    assert trials == theirs[:24]
    assert not ran
    trials = drive(Search(direct=0, max_trials=30), 562, task.budget, run, recorded=theirs)
    assert trials[:24] == theirs[:24]
    assert [seed for _, seed in ran][-6:] == list(range(len(trials) - 6, len(trials)))
    first = [t.seed for t in drive(Search(direct=1, max_trials=6, seed=70), 562, task.budget, task.run(0))]
    assert first[:6] == list(range(70, 76))
    assert first[-1] == 70 + 500_000


def test_found_asks_for_trials_on_both_sides():
    """Five of five at 4, none of six below and every look above: luck at 4 of one in seventy would do. With more
    on both sides it is called."""
    tested = {1: (1, 0), 2: (2, 0), 3: (3, 0), 4: (5, 5), 5: (2, 2), 38: (1, 1), 91: (1, 1), 304: (1, 1), 541: (1, 1)}
    few = [Outcome(0, False)] * 6 + [Outcome(d, i < k) for d, (n, k) in tested.items() for i in range(n)]
    said = answer(DEFAULTS, 541, few)
    assert (said.status, said.ci95) == ("undecided", (3, 4))
    both = [Outcome(3, False), Outcome(2, False)] * 3 + [Outcome(4, True), Outcome(6, True)] * 3
    assert answer(DEFAULTS, 541, few + both).status == "found"


def test_a_chance_that_levels_off_below_half_is_undefined():
    level = [Outcome(d, i < 30) for d in (8, 64, 512) for i in range(100)]
    said = answer(DEFAULTS, 562, [Outcome(2, False)] * 20 + level)
    assert (said.status, said.d_int, said.ci95[1]) == ("undefined", None, None)
    low, mean, high = said.level
    assert 0.2 < low < mean < high < 0.4
    assert mean == pytest.approx(0.3, abs=0.03)
    assert answer(DEFAULTS, 562, level[:10]).level is None


def test_rounds_have_a_fixed_size():
    sizes, task = [], SimulatedTask(9)
    measure(task, Search(direct=0), run=lambda jobs: sizes.append(len(jobs)) or task.run(0)(jobs))
    assert set(sizes) == {6}


def test_no_d_int_is_called_without_a_look_above():
    narrow = [Outcome(d, solved) for d, solved in ((4, False), (6, True)) for _ in range(20)]
    assert answer(DEFAULTS, 562, narrow).status == "undecided"
    rounds = [next_round(Search(ci_ratio=ratio), 562, narrow) for ratio in (1.0, 1.5, 10.0)]
    assert rounds[0] == rounds[1] == rounds[2]  # when to look is no matter of when to stop
    assert sum(d >= 20 for d in rounds[0]) >= MIN_LOOK
    looked = answer(DEFAULTS, 562, narrow + [Outcome(32, True)] * MIN_LOOK)
    assert (looked.status, looked.looked_above) == ("found", True)


def test_a_grid_runs_exactly_what_it_names():
    search = Search(ds=[2, 4, 8], seeds=10)
    said, trials = measure(SimulatedTask(4, width=0.3), search, d_max=8)
    assert {d: n for d, (n, _) in said.tested.items()} == {2: 10, 4: 10, 8: 10}
    assert at_most(search) == len(trials) == 35
    assert stopped_by(search, 8, 10, trials) == "search.ds"
    assert stopped_by(search, 8, 10, trials[:9]) == ""


def test_no_more_trials_run_side_by_side_than_a_round_has():
    assert [at_once(Search(), slots) for slots in (0, 4, 64)] == [1, 4, 6]
    assert at_once(Search(ds=[1, 2], seeds=4, direct=0), 64) == 8
    assert at_once(Search(ds=[0], seeds=10, direct=0), 8) == 8


def test_a_round_of_six_on_four_takes_as_long_as_two_trials():
    assert [times_faster(Search(), slots) for slots in (0, 1, 2, 4, 5, 6, 64)] == [1, 1, 2, 3, 3, 6, 6]
    assert [times_faster(Search(ds=[1, 2], seeds=4, direct=0), slots) for slots in (1, 5, 64)] == [1, 5, 8]


def test_the_most_that_a_sweep_trains():
    assert at_most(Search(ds=[0, 4], seeds=10, direct=5)) == 15  # theta0 alone trains nothing
    assert at_most(Search(ds=[0], seeds=10, direct=0)) == 0
    assert steps_at_most(Search(max_trials=12, direct=3), 1000) == 15_000
    assert steps_at_most(Search(max_trials=12, direct=3, max_env_steps=4000), 1000) == 4000


def test_spaced():
    assert spaced(4, 1000) == [1, 10, 100, 1000]
    assert spaced(22, 5) == [1, 2, 3, 4, 5]
    assert len(spaced(22, 562)) == 22


@pytest.mark.parametrize("shape", ["logistic", "weibull"])
def test_a_simulated_task_is_what_it_says(shape):
    task = SimulatedTask(40, width=2, lapse=0.1, shape=shape)
    assert task.chance(40) == pytest.approx(0.5)
    assert task.chance(0) == 0
    assert task.d_int(100) == 40
    assert task.d_int(39) is None
    ds = 40 * 2.0 ** np.linspace(-8, 8, 4000)
    p = np.array([task.chance(d) for d in ds]) / 0.9
    assert np.log2(ds[p > 0.9][0] / ds[p > 0.1][0]) == pytest.approx(2, abs=0.02)


def test_lattice_and_count():
    assert lattice(20) == [1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 16, 19, 20]
    assert lattice(1) == [1]
    assert count([Outcome(2, True), Outcome(2, False), Outcome(1, False)]) == {1: (1, 0), 2: (2, 1)}


def test_a_narrow_interval_is_searched_between_the_d_of_the_lattice():
    """The authors' DQN solves 4 of 5 at d = 22, between 19 and 23 of the lattice, and 2 of 5 at 23."""
    told = [Outcome(0, False)] * 12
    told += [Outcome(d, i < solved) for d, solved in ((19, 0), (23, 4), (27, 7), (91, 6)) for i in range(8)]
    low, high = answer(Search(), 562, told).ci95
    assert high <= 2 * low
    tried = next_round(Search(), 562, told)
    assert set(tried) - set(lattice(562))
    assert all(low <= d <= high for d in set(tried) - set(lattice(562)))
    assert candidates(562, 4, 9) == lattice(562)
    assert {20, 21, 22, 24, 25} < set(candidates(562, 19, 26))
    assert len(candidates(5000, 1000, 2000)) == len(lattice(5000)) + FINE + 1


def test_a_solve_after_the_cut_budget_does_not_count():
    trials = [record(3, solved=True, env_steps=at) for at in (80, 20)]
    assert outcomes(trials, 100, 0.5) == [Outcome(3, False, 0.5), Outcome(3, True, 0.2)]


def test_d_max_of_one():
    said, _ = measure(SimulatedTask(1e9), d_max=1)
    assert said.status == "above_max"
    assert next_round(Search(), 1, []) == [0] * 6


def test_the_expectation_is_below_the_most():
    trials, zero, steps = expected(Search(), 562, 562, budget=1000, tasks=10)
    assert 20 < trials < at_most(Search())
    assert zero == 6
    few = Search(max_trials=6, direct=0)
    assert expected(few, 562, 562, budget=1000)[:2] == (at_most(few), 6)
    assert steps < at_most(Search()) * 1000
    full = Search(ds=[1, 2], seeds=3, full_budget=True)
    assert expected(full, 562, 562, budget=1000) == (11, 0, 11_000)
    early = expected(Search(full_budget=True), 562, 562, budget=1000, tasks=10)
    assert steps < early.env_steps == early.trials * 1000 < at_most(Search()) * 1000


@pytest.mark.parametrize(("zero", "expected"), [({}, ("undecided", None, (0, 1))), ({0: 10}, ("below_1", 0, (0, 0)))])
def test_theta0_alone_that_nobody_tried_may_solve(zero, expected):
    search = replace(DEFAULTS, ds=[1, 2, 4], seeds=10)
    outcomes = [Outcome(d, True) for d, n in {**zero, 1: 10, 2: 10, 4: 10}.items() for _ in range(n)]
    now = answer(search, 562, outcomes)
    assert (now.status, now.d_int, now.ci95) == expected
