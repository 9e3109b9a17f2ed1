"""The progress display of a sweep: a live line in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from rl_intdim.records.result import points, span, trial_time_left
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training.progress import TrialProgress

LONG = 60.0  # seconds after which a running trial is shown by itself


class Display:
    """Counts trials that train, and env steps. `done` is called with each finished trial, `round` before a round."""

    def __init__(self, console: Console, at_most: int, workers: int, budget: int) -> None:
        self.console, self.at_most, self.workers = console, at_most, max(workers, 1)
        self.budget = budget
        self.start, self.trials, self.steps, self.text = time.perf_counter(), 0, 0, "no estimate yet"
        self.pending = self.recalled = 0
        self.heard: dict[str, TrialProgress] = {}
        columns = [
            TextColumn("{task.completed} of at most {task.total} trials"),
            BarColumn(20),
            TextColumn("{task.fields[line]}", markup=False),
            TimeElapsedColumn(),
        ]
        self.bar = Progress(*columns, console=console, transient=True) if console.is_terminal else None
        self.task = self.bar.add_task("", total=at_most, line="starting") if self.bar else None

    def __enter__(self) -> Self:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar:
            self.bar.stop()

    def round(self, pending: int, text: str) -> None:
        """A round of `pending` trials is next; `text` is the estimate so far."""
        self.pending, self.text = pending, text
        self._refresh()

    def begin(self, todo: int, recalled: int) -> None:
        """`todo` trials of the round run, and `recalled` that train were already on disk."""
        if self.bar is None and todo:
            self.console.print(f"round of {self.pending} trials; {self.text}")
        self.recalled, self.pending = self.recalled + recalled, self.pending - recalled
        self._refresh()

    def running(self, trials: dict[str, TrialProgress]) -> None:
        """Show the progress of those running trials, by name, that have trained for LONG."""
        trials = {name: now for name, now in trials.items() if now.curve and now.seconds >= LONG}
        fresh = [name for name, now in trials.items() if self.heard.get(name) != now]
        self.heard = trials
        if self.bar is None:
            for name in fresh:
                self.console.print(f"  {name}: {self._look(trials[name])}")
        elif fresh:
            self._refresh()

    def _look(self, now: TrialProgress) -> str:
        """The progress of a trial as text, with the time left if it uses its whole budget."""
        left = trial_time_left(now.seconds, now.env_steps, self.budget)
        return f"{now.env_steps:,} of {self.budget:,} env steps, look {points(now.curve[-1][1])}, {left} left at most"

    def done(self, trial: TrialRecord) -> None:
        self.trials, self.steps, self.pending = (
            self.trials + (trial.d != 0),
            self.steps + trial.env_steps,
            self.pending - 1,
        )
        if self.bar is None:
            outcome = "solved" if trial.solved else "not solved"
            self.console.print(
                f"  d={trial.d} seed={trial.seed}: {outcome}, score {points(trial.score)}, "
                f"{trial.env_steps:,} env steps, {trial.seconds:.1f} s",
            )
        self._refresh()

    def _refresh(self) -> None:
        if self.bar is None or self.task is None:
            return
        rate = self.steps / (time.perf_counter() - self.start)
        running = min(self.pending, self.workers)
        todo = self.at_most - self.trials - self.recalled
        left = f"{span(todo * self.budget / rate)} left at most" if rate else "timing"
        long = "; ".join(f"{name}: {self._look(now)}" for name, now in self.heard.items())
        line = f"{long or f'{running} running'}; {self.text}; {rate:,.0f} env steps/s; {left}"
        self.bar.update(self.task, completed=self.trials + self.recalled, line=line)
