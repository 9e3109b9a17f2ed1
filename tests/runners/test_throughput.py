"""The time that a sweep will take, from the pace of one trial."""

import pytest
from rich.console import Console
from stable_baselines3 import SAC

from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT
from rl_intdim.runners import throughput
from rl_intdim.runners.throughput import hours, pace
from rl_intdim.training.spec import TrialSpec


class Paced:
    """A runner on which training makes 1,000 env steps a second, and scoring 5,000 in episodes of 100."""

    slots, cores = 2, 1

    others = 0.0

    def call(self, function, *args):
        return {pace: 1000.0, throughput.busy: self.others}.get(function, (5000.0, 100.0))


@pytest.mark.parametrize("words", [[], ["search.ds=[2,4]"], ["search.round=1", "search.max_trials=8"]])
def test_no_sweep_is_expected_to_take_longer_than_the_longest(words):
    config = cli.load("sweep", words)
    _, (whole, likely, none, longest) = hours(config, Paced(), 562, 562)
    assert 0 < whole < likely <= longest
    assert whole < none <= longest


def test_the_direct_runs_of_learned_subspaces_take_their_time():
    """500,000 env steps before each of 20 trials, two at a time, at 1,000 a second."""
    words = ["search.ds=[2,4]", "search.direct=0"]
    plain, learned = (
        hours(cli.load("sweep", [*words, *more]), Paced(), 562, 562)[1] for more in ([], ["subspace.burn_in=500_000"])
    )
    assert learned[0] == pytest.approx(plain[0] + 500)
    assert learned[2] == pytest.approx(plain[2] + 20 * 500 / 2)


@pytest.mark.parametrize(
    ("words", "waves"), [(["search.ds=[6]", "search.seeds=1"], 1), (["search.ds=[4,6]", "search.seeds=3"], 3)]
)
def test_slots_that_no_trial_fills_save_no_time(words, waves):
    _, (whole, *_, longest) = hours(cli.load("sweep", [*words, "search.direct=0"]), Paced(), 562, 562)
    assert longest == pytest.approx(waves * whole)


def test_theta0_alone_takes_no_budget():
    words = ["search.seeds=4", "search.direct=0"]
    without, among = (
        hours(cli.load("sweep", [*words, f"search.ds={ds}"]), Paced(), 562, 562)[1][-1] for ds in ("[4]", "[0,4]")
    )
    assert without < among < 1.1 * without


def test_a_limit_of_env_steps_limits_the_hours():
    _, (whole, *_, longest) = hours(cli.load("sweep", ["search.max_env_steps=20_000_000"]), Paced(), 562, 562)
    assert longest < 0.4 * (120 + 5) * whole / 2


@pytest.mark.parametrize(("others", "said"), [(0.1, False), (0.97, True)])
def test_a_pace_beside_other_work_says_so(others, said, monkeypatch):
    monkeypatch.setattr(Paced, "others", others)
    with (console := Console(width=200)).capture() as shown:
        throughput.print_expected_time(cli.load("sweep", []), Paced(), 562, 562, console)
    assert ("of scoring; other work took 97% of the machine" in shown.get()) is said


def test_a_budget_of_one_generation_has_a_pace():
    config = cli.load("sweep", ["env=Pendulum", "agent=cma", "env.budget=12_800"])
    assert pace(TrialSpec(config.env, config.agent, "dense", DIRECT, 0)) > 0


def test_the_pace_is_that_of_training_however_long_an_agent_collects_first(monkeypatch):
    """TD3 on Humanoid was said to make 834 env steps a second, where it makes 190."""
    trained, train = [], SAC.train
    monkeypatch.setattr(SAC, "train", lambda self, *args, **keys: (trained.append(1), train(self, *args, **keys)))
    monkeypatch.setattr(throughput, "SECONDS", 0.05)
    config = cli.load("sweep", ["env=InvertedPendulum", "agent=sac", "agent.settings.learning_starts=10_000"])
    assert pace(TrialSpec(config.env, config.agent, "dense", DIRECT, 0)) > 0
    assert trained
