"""A sweep as it stands while it runs: its trials of the moment, what is left to do, and how d_int has narrowed."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rl_intdim.config.schema import SweepConfig
from rl_intdim.records.folder_lock import is_held
from rl_intdim.records.reader import read_config, read_trials
from rl_intdim.records.result import span
from rl_intdim.records.run_folder import trial_folders
from rl_intdim.records.sweep import Sweep, read
from rl_intdim.search.adaptive import Answer, answer
from rl_intdim.search.loop import at_most, at_once, outcomes, steps_at_most, times_faster
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training import progress
from rl_intdim.training.progress import TrialProgress


@dataclass(frozen=True)
class Snapshot:
    """A run folder at one moment."""

    folder: Path
    config: SweepConfig
    running: bool  # does a process run its sweep?
    trials: list[TrialProgress]  # that run
    sweep: Sweep | None  # what the finished trials say; None before the first

    @property
    def finished(self) -> list[TrialRecord]:
        """All finished trials, in the order in which they finished."""
        return self.sweep.finished if self.sweep else []

    @property
    def ended(self) -> bool:
        """Has the sweep come to its end?"""
        return not self.running and self.sweep is not None and self.sweep.ended_with is not None

    @property
    def uncounted(self) -> int:
        """Finished trials of a round that is not over."""
        return len(self.sweep.finished) - len(self.sweep.trials) if self.sweep and not self.ended else 0


def snapshot(folder: Path) -> Snapshot:
    """The run folder as it is now. Raises ConfigError if it is not one, or holds what this program does not write."""
    running = is_held(folder)  # first: a sweep that ends meanwhile is read as one that has not ended
    trials = list(progress.read(trial_folders(folder)).values()) if running else []
    config = read_config(folder)
    sweep = read(folder, extended=running) if read_trials(folder, config) else None
    return Snapshot(folder, config, running, trials, sweep)


def sweep_time_left(now: Snapshot) -> str:
    """How long the sweep will take at most, and at the pace of its trials so far."""
    search, budget = now.config.search, now.config.env.budget
    trained = [t for t in now.finished if t.d != 0]
    done = sum(t.env_steps for t in trained)
    steps = done + sum(t.env_steps for t in now.trials)
    seconds = sum(t.seconds for t in trained) + sum(t.seconds for t in now.trials if t.curve)
    todo, slots = at_most(search) - len(trained), now.config.workers or len(now.trials)
    if todo <= 0:
        return "none but that of theta0 alone, which trains nothing"
    beside, faster = min(at_once(search, slots), todo), min(times_faster(search, slots), todo)
    if not steps or not seconds:
        return "not known before the first look"
    coming = min(todo * budget, steps_at_most(search, budget) - done) - sum(t.env_steps for t in now.trials)
    most = coming * seconds / steps / faster
    limit = "search.ds" if search.ds else "search.max_trials"
    text = f"{span(max(0.0, most))} at most: {todo} more by {limit}, each its whole budget, {beside} at a time"
    if trained:
        each = sum(t.seconds for t in trained) / len(trained)
        text += f"; {span(todo * each / faster)} for as many like those so far"
    return text


def answers_by_round(sweep: Sweep) -> list[Answer]:
    """The answer after each round of a search; empty if the d were given."""
    search, size = sweep.config.search, sweep.config.search.round
    if search.ds is not None:
        return []
    decided = sorted((t for t in sweep.trials if not t.direct), key=lambda t: t.seed)
    known = outcomes(decided, sweep.budget)
    return [answer(search, sweep.d_max, known[:n]) for n in range(size, len(known) + 1, size)]


def last(trials: Sequence[TrialRecord], n: int = 5) -> list[TrialRecord]:
    """The trials that finished last, the latest first."""
    return list(reversed(trials[-n:]))
