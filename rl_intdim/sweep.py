"""python -m rl_intdim.sweep: measure the intrinsic dimension of one task by one agent."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from rl_intdim import runners
from rl_intdim.analysis import style, sweep_figure, sweep_plots, tables
from rl_intdim.config import cli
from rl_intdim.config.schema import TRAJECTORY, SweepConfig
from rl_intdim.config.validation import check_d
from rl_intdim.files import check_folder, write_whole
from rl_intdim.records import provenance
from rl_intdim.records.result import SweepRecord
from rl_intdim.records.run_folder import Store, seeded
from rl_intdim.records.summary import summarise
from rl_intdim.records.sweep import read
from rl_intdim.runners.executor import measure
from rl_intdim.search.adaptive import largest
from rl_intdim.search.loop import spaced, stopped_by
from rl_intdim.solution.solution import smallest

LIMITS = {f"search.{key}": key for key in ("max_trials", "max_env_steps")}  # by which a sweep may end undecided


def sweep(config: SweepConfig, console: Console | None = None) -> SweepRecord | None:
    """Measure d_int. Returns the result as written to result.json, or None for a dry run. Raises IntdimError."""
    from rl_intdim.tasks.output import Once, hearing

    console = console or Console(highlight=False, soft_wrap=True)
    check_folder("out", Path(config.out))
    tell = Once(lambda message: console.print(f"Note: {message}", markup=False))
    with hearing(tell):
        return _sweep(config, console, tell)


def _sweep(config: SweepConfig, console: Console, tell: Callable[[str], None]) -> SweepRecord | None:
    """`tell` is called with what the task's environments say."""
    from rl_intdim.runners.throughput import print_dry_run, print_expected_time
    from rl_intdim.subspace.projections import check_memory, resolve
    from rl_intdim.training import learned
    from rl_intdim.training.trial import check

    if config.runner.name == "ray" and config.runner.cpus is None:
        config = replace(config, runner=replace(config.runner, cpus=float(config.threads)))
    runner = runners.load(config.runner, config.workers)
    if not config.dry_run:
        runner.warm(config.agent)
    D = check(config.env, config.agent)
    runner.check_device(config.device)
    search = config.search
    check_d(search.ds or [], D, "search.ds")
    check_d([search.d_max or 0], D, "search.d_max")
    if config.subspace.projection == TRAJECTORY and search.ds is None and search.d_max is None:
        search = replace(search, d_max=min(D, config.subspace.snapshots))
    learned.check(config.subspace, config.env.budget, D)
    d_max = largest(search, D)
    projection = resolve(config.subspace.projection, D, d_max)
    free, at_once = runner.memory()
    check_memory(projection, D, d_max, at_once, free)
    if search.grid:
        search = replace(search, grid=None, ds=spaced(search.grid, d_max))
    config = replace(config, subspace=replace(config.subspace, projection=projection), search=search)
    if config.dry_run:
        print_dry_run(config, runner, D, d_max, console)
        return None
    if config.env.checkpoint and not over(config, d_max):  # trials take hours, so show the expected time first
        print_expected_time(config, runner, D, d_max, console)
    config = seeded(config)
    with Store(Path(config.out)).open(config) as store:
        trials = measure(config, runner, D, d_max, store, console, tell)
        result = summarise(config, D, d_max, trials, provenance.here())
        store.write_result(result)
        write_whole(store.folder / "plot.png", style.png(sweep_plots.draw(sweep_figure.figure(result, trials))))
        write_whole(store.folder / "curves.png", style.png(sweep_plots.curves(result, trials)))
        best = smallest(config, trials, store.folder)
        if best:
            best.save(store.folder / "solution.json")
    console.print(tables.table(result), soft_wrap=False)
    console.print(f"Run folder: {store.folder}")
    if result.status == "undecided" and (limit := LIMITS.get(result.stopped_by)):
        more = 2 * getattr(config.search, limit)
        console.print(f"Undecided: the same command with search.{limit}={more:_} keeps these trials and goes on.")
    return result


def over(config: SweepConfig, d_max: int) -> bool:
    """Does the run folder hold a sweep that ended, and that nothing in this configuration makes go on?"""
    folder = Path(config.out)
    if not (folder / "result.json").exists():
        return False
    return bool(stopped_by(config.search, d_max, config.env.budget, read(folder).trials))


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("sweep", sweep, __doc__)


if __name__ == "__main__":
    main()
