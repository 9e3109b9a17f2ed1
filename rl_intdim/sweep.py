"""python -m rl_intdim.sweep: measure the intrinsic dimension of one task by one agent."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from rl_intdim.analysis import style, sweep_figure, sweep_plots, tables
from rl_intdim.config import cli
from rl_intdim.config.schema import SweepConfig
from rl_intdim.errors import ConfigError
from rl_intdim.files import check_folder, write_whole
from rl_intdim.records import sessions
from rl_intdim.records.provenance import Provenance, here
from rl_intdim.records.reader import read_result
from rl_intdim.records.result import SweepRecord
from rl_intdim.records.run_folder import Store, seeded
from rl_intdim.records.summary import summarise
from rl_intdim.records.sweep import read
from rl_intdim.runners.executor import measure
from rl_intdim.runners.prepare import Prepared, prepare
from rl_intdim.search.loop import stopped_by
from rl_intdim.search.trials import TrialRecord
from rl_intdim.solution.smallest import smallest

# What a sweep may end by undecided, and the key that lets it go on.
LIMITS = {"search.max_trials": "max_trials", "search.max_env_steps": "max_env_steps", "search.ds": "seeds"}


def sweep(config: SweepConfig, console: Console | None = None) -> SweepRecord | None:
    """Measure d_int. Returns the result as written to result.json, or None for a dry run. Raises IntdimError."""
    from rl_intdim.tasks.output import hearing, notes

    console = console or cli.console()
    check_folder("out", Path(config.out))
    tell = notes(console)
    with hearing(tell):
        return _sweep(config, console, tell)


def _sweep(config: SweepConfig, console: Console, tell: Callable[[str], None]) -> SweepRecord | None:
    """`tell` is called with what the task's environments say."""
    from rl_intdim.runners.throughput import print_dry_run, print_expected_time

    ready = prepare(config)
    config, runner, D, d_max = ready.config, ready.runner, ready.D, ready.d_max
    if config.dry_run:
        print_dry_run(config, runner, D, d_max, console)
        return None
    if config.env.checkpoint and not over(config, d_max):  # trials take hours, so show the expected time first
        begun = Path(config.out, "trials.jsonl").exists()
        print_expected_time(config, runner, D, d_max, console, begun)
    ready = replace(ready, config=seeded(config))
    with Store(Path(config.out)).open(ready.config) as store:
        result = write(ready, store, measure(ready.config, runner, D, d_max, store, console, tell), here())
    console.print(tables.table(result), soft_wrap=False)
    console.print(f"Run folder: {store.folder}")
    if result.status == "undecided" and (limit := LIMITS.get(result.stopped_by)):
        there = {
            "max_trials": sum(seeds for d, (seeds, _) in result.tested.items() if d),
            "max_env_steps": result.env_steps,
            "seeds": result.trials // len(config.search.ds or [1]),
        }
        more = 2 * max(getattr(config.search, limit), there[limit])  # a folder may hold more than is asked for
        console.print(f"Undecided: the same command with search.{limit}={more:_} keeps these trials and goes on.")
    return result


def over(config: SweepConfig, d_max: int) -> bool:
    """Does the run folder hold a sweep that ended, and that nothing in this configuration makes go on?"""
    folder = Path(config.out)
    if not (folder / "result.json").exists():
        return False
    return bool(stopped_by(config.search, d_max, config.env.budget, read(folder).trials))


def write(ready: Prepared, store: Store, trials: Sequence[TrialRecord], provenance: Provenance) -> SweepRecord:
    """Write the result of these trials, their plots and the solution of the smallest d into the run folder. Returns
    the result. One that is there already, with the same figures, keeps its provenance."""
    made, known = sessions.notes(store.folder), None
    result = summarise(ready.config, ready.D, ready.d_max, trials, provenance, made)
    with suppress(ConfigError):  # one that cannot be read is written anew
        known = read_result(store.folder)
    if known is not None and _figures(known) == _figures(result):
        result = replace(result, versions=known.versions, commit=known.commit, command=known.command)
    write_whole(store.folder / "plot.png", style.png(sweep_plots.draw(sweep_figure.figure(result, trials))))
    write_whole(store.folder / "curves.png", style.png(sweep_plots.curves(result, trials)))
    best = smallest(ready.config, trials, store.folder)
    if best:
        best.save(store.folder / "solution.json")
    store.write_result(result)  # last: it says that the others are there
    return result


def _figures(r: SweepRecord) -> tuple[Any, ...]:
    return r.trials, r.direct, r.status, r.d_int, r.ci95


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("sweep", sweep, __doc__)


if __name__ == "__main__":
    main()
