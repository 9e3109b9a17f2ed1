"""Tasks that exist only as a chance of solving: what the search is calibrated and its costs are foretold with."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean
from typing import NamedTuple

import numpy as np

from rl_intdim.config.schema import DIRECT, Search
from rl_intdim.search.loop import at_most, drive, steps_at_most
from rl_intdim.search.trials import Job, TrialRecord

# The share of the budget after which solved trials solve, log-normal, cut at 1: its median, and the spread of its
# logarithm. The calibration's are of the first twelve sweeps of docs/results/; RECORDED are of its 56 searches of
# 27 November 2026, whose medians run from 0.04 to 0.66 (docs/results/scores.json).
SOLVE_MEDIAN, SOLVE_SIGMA = 0.15, 1.0
RECORDED = 0.27, 0.83
UNSOLVED_MEAN = 0.45  # mean score of a trial that does not solve: uniform up to the 0.9 that would count as solved


@dataclass(frozen=True)
class SimulatedTask:
    """The chance of solving rises through 1/2 at d = place, to 1 - lapse, and may fall again above."""

    place: float
    width: float = 1.0  # octaves in which it rises from 0.1 to 0.9 of its range
    lapse: float = 0.0
    fall: float = np.inf  # octaves above place at which it has fallen to half
    fall_width: float = 1.0
    shape: str = "logistic"  # or weibull, which rises faster below and more slowly above than any logistic
    again: float = np.inf  # octaves above place at which it rises a second time, to 1
    luck: float = 0.0  # standard deviation, in logits, of what six trials in a row share
    D: int = 10_000
    budget: int = 1_000_000
    solves_at: tuple[float, float] = (SOLVE_MEDIAN, SOLVE_SIGMA)

    def chance(self, d: float) -> float:
        """The chance of solving at d; 0 at d = 0."""
        if d <= 0:
            return 0.0
        x = np.log2(d / self.place)
        half = 0.5 / (1 - self.lapse) if self.lapse < 0.5 else 0.5
        falls = 1 + np.exp(np.clip(2 * np.log(9) / self.fall_width * (x - self.fall), None, 700))
        if self.shape == "weibull":
            # log2 d runs over log2(ln 10 / ln(10 / 9)) / k octaves between 0.1 and 0.9
            k = np.log2(np.log(10) / np.log(10 / 9)) / self.width
            rise = -np.expm1(np.log(1 - half) * 2 ** min(k * x, 50))
        else:
            k = 2 * np.log(9) / self.width
            rise = 1 / (1 + np.exp(np.clip(-k * x - np.log(half / (1 - half)), None, 700)))
        second = 1 / (1 + np.exp(np.clip(-2 * np.log(9) * (x - self.again), None, 700)))
        return float(max((1 - self.lapse) * rise / falls, second))

    def d_int(self, d_max: int) -> int | None:
        """The smallest d up to d_max at which the chance is 1/2 or more."""
        rises = [self.place] if self.lapse < 0.5 else []
        for rise in (*rises, self.place * 2.0 ** (self.again - 1)):  # it begins an octave before its middle
            first = max(1, int(min(rise, d_max + 1)) - 1)
            for d in range(first, min(first + 2 * max(first, 50), d_max) + 1):
                if self.chance(d) >= 0.5 - 1e-9:
                    return d
        return None

    def run(self, seed: int, full_budget: bool = False) -> Callable[[list[Job]], dict[Job, TrialRecord]]:
        """A `run` for loop.drive: trials that solve with that chance, each by its own seed."""

        def run(jobs: list[Job]) -> dict[Job, TrialRecord]:
            return {job: self._trial(*job, seed, full_budget) for job in jobs}

        return run

    def _trial(self, d: int | str, trial_seed: int, seed: int, full_budget: bool) -> TrialRecord:
        rng = np.random.default_rng((seed, trial_seed))
        place = self.D if d == DIRECT else int(d)
        chance = self.chance(place)
        if self.luck and 0 < chance < 1:
            shift = self.luck * np.random.default_rng((seed, trial_seed // 6, 6)).standard_normal()
            chance = 1 / (1 + (1 - chance) / chance * np.exp(-shift))
        solved = bool(rng.random() < chance)
        median, sigma = self.solves_at
        share = min(1.0, median * float(np.exp(sigma * rng.standard_normal())))
        steps = 0 if place == 0 else int(self.budget * share) if solved else self.budget
        return TrialRecord(
            d=d,
            seed=trial_seed,
            D=self.D,
            solved=solved,
            score=1.0 if solved else 2 * UNSOLVED_MEAN * float(rng.random()),
            solved_at=steps if solved else None,
            env_steps=self.budget if full_budget and place else steps,
            scoring_steps=0,
            confirmations=[],
            curve=[],
            seconds=0.0,
            theta_d=None,
        )


class Cost(NamedTuple):
    """What a sweep takes: trials that train, those of theta0 alone, and env steps of training."""

    trials: float
    zero: float
    env_steps: float


def expected(search: Search, D: int, d_max: int, budget: int, tasks: int = 16) -> Cost:
    """What a sweep takes on average over simulated tasks: d_int log-uniform up to d_max, the rise from 0.1 to 0.9
    within 0.2 to 2 octaves, trials that solve when those of the records do."""
    if search.full_budget and search.ds is not None:
        return Cost(at_most(search), 0, steps_at_most(search, budget))
    rng = np.random.default_rng(0)
    costs = []
    for i in range(tasks):
        place, width = 2 ** rng.uniform(0, np.log2(d_max)), rng.uniform(0.2, 2)
        task = SimulatedTask(place, width, D=D, budget=budget, solves_at=RECORDED)
        costs.append(_cost(drive(search, d_max, budget, task.run(i, search.full_budget))))
    return Cost(*(mean(values) for values in zip(*costs, strict=True)))


def unsolved(search: Search, D: int, d_max: int, budget: int) -> Cost:
    """What a sweep takes in which no trial solves: each takes its whole budget, but those of theta0."""
    return _cost(drive(search, d_max, budget, SimulatedTask(place=1e300, D=D, budget=budget).run(0)))


def _cost(trials: Sequence[TrialRecord]) -> Cost:
    zero = sum(t.d == 0 for t in trials)
    return Cost(len(trials) - zero, zero, sum(t.env_steps for t in trials))
