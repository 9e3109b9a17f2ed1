"""A strategy of a user's own: what is asked of it before anything runs, and what its trials do."""

import numpy as np
import pytest
from factories import agent_of

from rl_intdim.config.schema import Scoring
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.training import strategies
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import check, run_trial


class Base:
    """A strategy that does what it must, for others to get wrong."""

    def __init__(self, d, scale, agent, rng):
        self.shape, self.rng = (agent.popsize, d), rng

    def ask(self):
        return self.rng.standard_normal(self.shape)

    def tell(self, population, returns):
        pass

    def favourite(self):
        return np.zeros(self.shape[1])


class Raises(Base):
    def tell(self, population, returns):
        raise KeyError("fitness")


class OneRow(Base):
    def ask(self):
        return self.rng.standard_normal(self.shape)[0]


class NotFinite(Base):
    def ask(self):
        return np.full(self.shape, np.nan)


class Scalar(Base):
    def favourite(self):
        return 0.0


class Global(Base):
    def ask(self):
        return np.random.standard_normal(self.shape)  # noqa: NPY002


class Unpicklable(Base):
    def __init__(self, *args):
        super().__init__(*args)
        self.function = lambda: 0


class Anew(Unpicklable):
    resumable = False


BROKEN = {
    Raises: "no key 'fitness'",
    OneRow: r"ask\(\) gave \(8,\); valid: an array of \(16, 8\)",
    NotFinite: r"ask\(\) gave numbers that are not finite",
    Scalar: r"favourite\(\) gave float",
    Global: "another population.*resumable = False",
    Unpicklable: "cannot be pickled.*resumable = False",
}


@pytest.fixture
def own(monkeypatch):
    """Put these classes into a module that a configuration can name."""

    def path(cls):
        monkeypatch.setattr("hill_climber.Own", cls, raising=False)
        return agent_of("cma", strategy="hill_climber.Own")

    return path


@pytest.mark.parametrize("cls", BROKEN)
def test_a_strategy_that_does_not_do_what_it_must_is_refused_before_anything_runs(own, echo, cls):
    with pytest.raises(ConfigError, match=rf"agent\.strategy=hill_climber\.Own: .*{BROKEN[cls]}"):
        check(echo(), own(cls))


def test_a_strategy_without_a_method_or_a_module():
    for name, said in (("hill_climber.np", "has no ask"), ("hill_climber.Hill", "HillClimber"), ("no.Such", "no")):
        with pytest.raises(ConfigError, match=rf"agent\.strategy={name}.*{said}"):
            strategies.load(name)


def test_a_population_that_stops_being_finite_fails_the_trial(own, echo):
    class Later(Base):
        left = 3

        def ask(self):
            self.left -= 1
            return super().ask() if self.left > 0 else np.full(self.shape, np.nan)

    with pytest.raises(TrialFailure, match="not finite"):
        run_trial(TrialSpec(echo(threshold=10.01), own(Later), "dense", 3, 0))


def test_one_of_ones_own_solves_a_task(echo):
    agent = agent_of("cma", strategy="hill_climber.HillClimber")
    assert run_trial(TrialSpec(echo(), agent, "dense", 4, 0)).solved


class Forgetful(Base):
    """Begins anew whenever it is asked, as CMA-ES at a restart."""

    def ask(self):
        self.best = np.zeros(self.shape[1])
        return super().ask()

    def tell(self, population, returns):
        self.best = population[returns.argmax()]

    def favourite(self):
        return self.best


def test_the_last_look_is_at_what_was_learned_though_a_generation_was_cut_off_since(own, echo):
    scoring = Scoring(looks=1, look_episodes=5, confirm_episodes=20)  # one look, where training ends
    task = echo(budget=1000, threshold=10.01, scoring=scoring)  # a generation takes 640 env steps
    assert run_trial(TrialSpec(task, own(Forgetful), "dense", 3, 0)).curve[-1][2] > 0  # the norm of theta_d


def test_one_that_cannot_be_resumed_says_so_and_starts_anew(own, echo, tmp_path):
    said, task = [], echo(budget=3000, threshold=10.01, checkpoint=500)
    check(task, own(Anew), say=said.append)
    assert "a trial that was cut off starts anew" in said[-1]
    run_trial(TrialSpec(task, own(Anew), "dense", 3, 0, folder=str(tmp_path / "state")))
    assert not (tmp_path / "state" / "state.pt").exists()
