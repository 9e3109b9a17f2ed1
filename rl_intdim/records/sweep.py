"""A sweep read from its run folder: its answer computed from the trials, and the provenance from its result."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from rl_intdim.config.schema import DIRECT_SEED, Learned, Search, SweepConfig, Task
from rl_intdim.errors import ConfigError, NotBegun
from rl_intdim.records import sessions
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.reader import read_command, read_config, read_result, read_trials
from rl_intdim.records.result import SweepRecord
from rl_intdim.records.summary import summarise
from rl_intdim.search.adaptive import Answer, answer, largest
from rl_intdim.search.loop import counted_below, outcomes
from rl_intdim.search.posterior import p_zero, posterior
from rl_intdim.search.trials import TrialRecord


@dataclass(frozen=True)
class Sweep:
    """A sweep, its trials and its answer, computed from them."""

    folder: Path
    config: SweepConfig
    D: int
    trials: list[TrialRecord]  # those that count, direct runs included, in the order in which they finished
    answer: Answer
    provenance: Provenance  # the command alone while the sweep has not ended
    finished: list[TrialRecord]  # all in the folder, those of a round that is not over included
    ended_with: int | None  # search trials that counted when the sweep ended; None if it has not ended

    @property
    def env(self) -> str:
        return self.config.env.name

    @property
    def agent(self) -> str:
        return self.config.agent.name

    @property
    def projection(self) -> str:
        """The projection, with what was learned of the subspace."""
        return self.config.subspace.label

    @property
    def learned(self) -> Learned | None:
        """How its subspaces were learned; None if they were drawn."""
        return self.config.subspace.learned(self.budget)

    @property
    def hidden(self) -> str:
        """Units of the policy's hidden layers, such as 20-20; empty for a linear policy."""
        return "-".join(map(str, self.config.env.policy.hidden))

    @property
    def threshold(self) -> float:
        return self.config.env.threshold

    @property
    def budget(self) -> int:
        """Env steps per trial."""
        return self.config.env.budget

    @property
    def d_max(self) -> int:
        return largest(self.config.search, self.D)

    @property
    def env_steps(self) -> int:
        """Env steps of training, direct runs included."""
        return sum(t.env_steps for t in self.trials)

    @property
    def direct(self) -> tuple[int, int]:
        """Direct runs that solved, and all direct runs."""
        runs = [t.solved for t in self.trials if t.direct]
        return sum(runs), len(runs)

    @property
    def in_folder(self) -> int:
        """Search trials in the folder."""
        return sum(not t.direct for t in self.finished)

    @cached_property
    def record(self) -> SweepRecord:
        """The result, computed from the trials."""
        return summarise(self.config, self.D, self.d_max, self.trials, self.provenance, sessions.notes(self.folder))

    @property
    def fits(self) -> bool:
        """Does a curve of the model fit the trials? Else the interval is not to be trusted."""
        return "misfit" not in self.record.flaws

    @cached_property
    def solved(self) -> dict[tuple[int, int], bool]:
        """(d, seed) -> solved, for every search trial."""
        return {(int(t.d), t.seed): t.solved for t in self.trials if not t.direct}

    @cached_property
    def world(self) -> tuple[Any, ...]:
        """The task's environment, scoring and goal: two sweeps' scores can be compared if these are equal."""
        return world(self.config.env)

    def distribution(self) -> tuple[np.ndarray, np.ndarray]:
        """The possible values of d_int, increasing, and their posterior probabilities; (n,) each."""
        model = posterior(self.d_max)
        return model.distribution(model.update(self.answer.tested), p_zero(self.answer.tested))


def read(folder: Path | str, extended: bool = False) -> Sweep:
    """The sweep of a run folder, finished or not. `extended`: it goes on, so whatever result is there is an earlier
    one. Raises ConfigError if it is not a run folder, NotBegun if no trial has finished."""
    folder = Path(folder)
    config = read_config(folder)
    finished, ended = read_trials(folder, config), None if extended else read_result(folder)
    if not finished and ended and ended.trials:
        raise ConfigError(
            f"{folder}: the result counts {ended.trials} trials, and trials.jsonl has none. Restore it."
        )
    if not finished:
        raise NotBegun(f"{folder}: no trial has finished yet.")
    trials, D = _decided(config.search, finished, ended), finished[0].D
    begun = Provenance(command=read_command(folder))
    d_max = largest(config.search, D)
    return Sweep(
        folder,
        config,
        D,
        trials,
        answer(config.search, d_max, outcomes(trials, config.env.budget)),
        Provenance(ended.versions, ended.commit, ended.command) if ended else begun,
        finished,
        ended.trials if ended else None,
    )


def _decided(search: Search, trials: Sequence[TrialRecord], ended: SweepRecord | None) -> list[TrialRecord]:
    """The trials that count. If the sweep was cut off within a round, or within its direct runs, only what is whole
    does: those that finished are the quick ones, which solved, and would bias d_int."""
    first, trials = search.seed or 0, _latest(trials)
    if ended:
        last, last_direct = first + ended.trials, first + DIRECT_SEED + ended.direct[1]
        return [t for t in trials if t.seed < (last_direct if t.direct else last)]
    return whole_rounds(search, trials)


def whole_rounds(search: Search, trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """The trials of the rounds that count (`search.loop.counted_below`), and the direct runs if all have finished."""
    trials = _latest(trials)
    end = counted_below(search, {t.seed for t in trials if not t.direct})
    direct = sum(t.direct for t in trials) >= search.direct
    return [t for t in trials if (direct if t.direct else t.seed < end)]


def _latest(trials: Sequence[TrialRecord]) -> list[TrialRecord]:
    """One trial of each seed: the last, where another version of the search had begun the round with another d."""
    return list({(t.direct, t.seed): t for t in trials}.values())


def world(env: Task) -> tuple[Any, ...]:
    """What a score on this task depends on, besides the policy: environment, scoring and goal."""
    statistics, goal = env.statistics, env.goal
    return (
        env.id,
        env.kwargs,
        env.wrappers,
        env.max_episode_steps,
        env.sticky if env.vectorisation.ale else None,
        (statistics.mean, statistics.std, statistics.clip) if statistics.mean else (),
        (goal.info, goal.least) if goal.info else (),
        env.scoring,
    )
