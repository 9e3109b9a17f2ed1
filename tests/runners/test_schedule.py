"""Sweeps in turns: the cheapest information first, within the time, and an error ends one sweep alone."""

import time
from pathlib import Path

import pytest
from rich.console import Console

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.records.result import STATUSES
from rl_intdim.records.run_folder import Store
from rl_intdim.runners import schedule
from rl_intdim.runners.prepare import Prepared
from rl_intdim.search import narrowing
from rl_intdim.search.loop import drive
from rl_intdim.search.simulation import SimulatedTask

HOUR = 3600


class OneSlot:
    slots = 1
    cores = 1


@pytest.fixture
def simulated(monkeypatch):
    """Sweeps of simulated tasks by name, their trials written as `measure` writes them."""
    order = []

    def measure(config, runner, D, d_max, store, console, tell):
        name = config.env.name
        order.append(name)
        if name == "MountainCar":
            raise TrialFailure("the trial broke down.")
        run = SimulatedTask(place=6, D=D, budget=config.env.budget).run(0)
        known = {(t.d, t.seed) for t in store.trials(config, D)}
        trials = drive(config.search, d_max, config.env.budget, run, recorded=store.trials(config, D))
        for t in trials:
            if (t.d, t.seed) not in known:
                store.append(t)
        return trials

    monkeypatch.setattr(schedule, "measure", measure)
    monkeypatch.setattr(narrowing, "DRAWS", 4)

    def make(name, seconds, *words):
        config = cli.load(
            "sweep", [f"env={name}", "agent=cma", f"out={name}", "search.direct=2", "search.max_trials=18", *words]
        )
        return schedule.ScheduledSweep(Prepared(config, OneSlot(), 562, 562), lambda: seconds)

    return make, order


def test_the_cheapest_sweep_goes_first_and_all_end(simulated):
    make, order = simulated
    sweeps = [make("Acrobot", 100.0), make("CartPole", 1.0)]
    schedule.run(sweeps, time.monotonic() + HOUR, Console(quiet=True), print)
    assert order[0] == "CartPole"
    assert {"Acrobot", "CartPole"} == set(order)
    assert not any(s.open for s in sweeps)
    for s in sweeps:
        assert s.trials
        assert not s.failure


def test_d_that_are_given_cost_all_their_trials(simulated):
    make, _ = simulated
    assert make("CartPole", 1.0, "search.ds=[2,4,8]", "search.seeds=10").cost == 30 + 2
    assert make("CartPole", 1.0).cost == 6 + 2


def test_a_round_that_is_not_expected_to_end_in_time_is_not_begun(simulated):
    make, order = simulated
    sweeps = [make("CartPole", HOUR)]
    assert sweeps[0].cost == pytest.approx((6 + 2) * HOUR)  # a round and the direct runs, one after another
    schedule.run(sweeps, time.monotonic() + 7 * HOUR, Console(quiet=True), print)
    assert order == []
    assert not Path("CartPole").exists()


def test_an_error_ends_its_sweep_alone(simulated):
    make, _ = simulated
    broken, whole = make("MountainCar", 1.0), make("CartPole", 10.0)
    schedule.run([broken, whole], time.monotonic() + HOUR, Console(quiet=True), print)
    assert broken.failure == "the trial broke down."
    assert not broken.open
    assert len(whole.trials) > 12


def test_a_folder_of_another_run_is_refused_before_its_trials_are_read(simulated):
    make, _ = simulated
    schedule.run([make("CartPole", 1.0)], time.monotonic() + HOUR, Console(quiet=True), print)
    with pytest.raises(ConfigError, match=r"out=CartPole: made with agent\.sigma=0\.2"):
        make("CartPole", 1.0, "agent.sigma=0.3")


def test_turns_take_the_decisions_of_one_sweep_and_go_on_from_its_folder(simulated, monkeypatch):
    make, _ = simulated
    one = make("CartPole", 1.0, "search.max_trials=24")
    schedule.run([one], time.monotonic() + HOUR, Console(quiet=True), print)
    whole = drive(one.ready.config.search, 562, 500_000, SimulatedTask(place=6, D=562, budget=500_000).run(0))
    assert [(t.d, t.seed, t.solved) for t in one.trials] == [(t.d, t.seed, t.solved) for t in whole]
    again = make("CartPole", 1.0, "search.max_trials=24")
    assert {(t.d, t.seed) for t in again.trials} == {(t.d, t.seed) for t in whole}
    assert not again.open
    with Store(Path("CartPole")).open(again.ready.config):
        pass  # config.yaml is that of the whole sweep, not of a turn
    assert "max_trials: 24" in Path("CartPole/config.yaml").read_text()
    assert str(again).rpartition(", ")[2] in STATUSES
