"""Several sweeps in turns: each round goes to the sweep whose interval it is expected to narrow most per second."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path

from rich.console import Console

from rl_intdim.errors import IntdimError
from rl_intdim.records.reader import read_trials
from rl_intdim.records.result import interval, shown, span
from rl_intdim.records.run_folder import Store, seeded
from rl_intdim.records.sweep import whole_rounds
from rl_intdim.runners.executor import measure
from rl_intdim.runners.prepare import Prepared
from rl_intdim.search.adaptive import answer
from rl_intdim.search.loop import outcomes, stopped_by, trained
from rl_intdim.search.narrowing import narrowing
from rl_intdim.search.trials import TrialRecord

LEAST = 0.02  # octaves that a round counts for at least: an interval may be narrow, and rest on too few trials


@dataclass
class ScheduledSweep:
    """A sweep that is measured round by round. Raises ConfigError if its run folder belongs to another run."""

    ready: Prepared
    seconds: Callable[[], float]  # measures what a trial takes that uses its whole budget; asked while none has run
    trials: list[TrialRecord] = field(default_factory=list)  # as decided so far
    failure: str = ""  # why it cannot go on
    worth: float = field(init=False)
    cost: float = field(init=False)

    def __post_init__(self) -> None:
        folder = Path(self.ready.config.out)
        self.ready = replace(self.ready, config=seeded(self.ready.config))
        if folder.is_dir():
            config = self.ready.config
            Store(folder).compare(config)
            self.trials = whole_rounds(config.search, read_trials(folder, config, self.ready.D))
        self.weigh()

    @property
    def name(self) -> str:
        return f"{self.ready.config.env.name} by {self.ready.config.agent.name}"

    @property
    def open(self) -> bool:
        """Has neither the answer nor a limit of the configuration ended it?"""
        config = self.ready.config
        return not (self.failure or stopped_by(config.search, self.ready.d_max, config.env.budget, self.trials))

    def weigh(self) -> None:
        """Work out the next round's worth, in octaves, and its cost, in seconds of this machine's time."""
        config, search = self.ready.config, self.ready.config.search
        if not self.open:
            return
        self.worth = max(LEAST, narrowing(search, self.ready.d_max, outcomes(self.trials, config.env.budget)))
        searched = [t.seconds for t in self.trials if not t.direct and t.d != 0]
        first = [t.seconds for t in self.trials if t.direct]
        runs = search.round_size
        if search.ds:  # all rounds that are left run at once
            runs *= search.seeds - len(outcomes(self.trials, config.env.budget)) // len(search.ds)
        runs += 0 if self.trials else search.direct
        each = next((sum(known) / len(known) for known in (searched, first) if known), None)
        self.cost = ceil(runs / max(self.ready.runner.slots, 1)) * max(self.seconds() if each is None else each, 1e-3)

    def round(self, console: Console, tell: Callable[[str], None]) -> None:
        """Run the next round, or recall and finish one that was cut off; `tell` as in `measure`. An error ends this
        sweep alone."""
        ready, search = self.ready, self.ready.config.search
        limit = trained(self.trials) + search.round_size
        one_round = replace(ready.config, search=replace(search, max_trials=limit))
        try:
            with Store(Path(ready.config.out)).open(ready.config) as store:
                self.trials = measure(one_round, ready.runner, ready.D, ready.d_max, store, console, tell)
            self.weigh()
        except IntdimError as error:
            self.failure = str(error)

    def __str__(self) -> str:
        budget = self.ready.config.env.budget
        now = answer(self.ready.config.search, self.ready.d_max, outcomes(self.trials, budget))
        said = f"{shown(now.d_int)} {interval(now.ci95)}, {now.status}" if now.trials else "not begun"
        return f"{self.name}: {said}"


def run(sweeps: Sequence[ScheduledSweep], end: float, console: Console, tell: Callable[[str], None]) -> None:
    """Run rounds, of the sweep with the largest worth per cost first, until none is left that is expected to end
    before `end`, by time.monotonic(). `tell` is called with what environments say."""
    while True:
        left = end - time.monotonic()
        fitting = [s for s in sweeps if s.open and s.cost <= left]
        if not fitting:
            return
        best = max(fitting, key=lambda s: s.worth / s.cost)
        console.print(
            f"{best}; the next round is worth {best.worth:.2f} octaves in {span(best.cost)}; {span(left)} left, "
            f"{len(fitting)} of {len(sweeps)} sweeps in turn"
        )
        best.round(console, tell)
        if best.failure:
            console.print(f"{best.name}: given up: {best.failure}")
