"""python -m rl_intdim.atlas: measure the undecided sweeps of a set of tasks within the hours given.

    python -m rl_intdim.atlas tasks=small hours=3                       # each task by the agent that its file names
    python -m rl_intdim.atlas tasks=Acrobot,Pendulum agents=cma,ppo hours=0.5 workers=2 search.ci_ratio=2

tasks: small (those without checkpoints, whose trials take seconds or minutes), all, or names. agents: names, by
default the one that each task's file names. hours: a round is begun only if it is expected to end within them. out:
the folder of the run folders, by default runs. Other words are those of every sweep.

Each round goes to the sweep whose interval it is expected to narrow most per second. The run folders are those of
rl_intdim.sweep, so either command goes on where the other stopped. At the end `out` holds the ladder (atlas.png), its
table and what was left out (atlas.md), and the page of the finished sweeps (atlas.html).
"""

import shlex
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from rich.console import Console

from rl_intdim.analysis import atlas_page, report_page, task_ladder
from rl_intdim.analysis.tables import show
from rl_intdim.config import cli, task_sets
from rl_intdim.config.validation import is_number
from rl_intdim.errors import ConfigError, IntdimError
from rl_intdim.files import check_folder, write_whole
from rl_intdim.records.provenance import command, here
from rl_intdim.records.reader import read_result
from rl_intdim.records.run_folder import Store
from rl_intdim.records.sweep import read
from rl_intdim.runners.prepare import Prepared, prepare
from rl_intdim.runners.schedule import ScheduledSweep, run
from rl_intdim.search.adaptive import answer
from rl_intdim.search.loop import outcomes
from rl_intdim.solution import video
from rl_intdim.sweep import write

KEYS = ("tasks", "agents", "hours", "out")
INSTEAD = {
    "env": "tasks=..., a set or names with commas between them.",
    "agent": "agents=..., names with commas between them.",
    "dry_run": "hours=0, which measures nothing and shows what is there.",
}


def atlas(given: dict[str, str], words: Sequence[str], folders: Sequence[Path]) -> None:
    """Measure, and write table, ladder and page. Raises IntdimError."""
    from rl_intdim.tasks.output import hearing, notes

    console, hours, out = cli.console(), given.get("hours", "1"), given.get("out", "runs")
    if not is_number(hours) or not 0 <= float(hours) <= 10_000:
        raise ConfigError(f"hours={hours}: must be a number from 0 to 10,000.")
    if taken := [word for word in words if word.partition("=")[0] in INSTEAD]:
        raise ConfigError(f"{taken[0]}: the atlas takes {INSTEAD[taken[0].partition('=')[0]]}")
    check_folder("out", Path(out))
    end = time.monotonic() + 3600 * float(hours)
    names, left_out = task_sets.tasks(given.get("tasks", "small"), folders)
    tell = notes(console)
    with hearing(tell):
        sweeps, refused = _prepared(names, given, words, folders)
        run(sweeps, end, console, tell)
    for s in sweeps:
        try:
            _write(s, [*cli.folder_words(folders), *words])
        except IntdimError as error:  # another process goes on with that sweep
            s.failure = s.failure or str(error)
    reasons = {s.name: s.failure or "not begun within the hours" for s in sweeps if s.failure or not s.trials}
    _show(sweeps, left_out | refused | reasons, Path(out), console)


def _prepared(
    names: Sequence[str], given: dict[str, str], words: Sequence[str], folders: Sequence[Path]
) -> tuple[list[ScheduledSweep], dict[str, str]]:
    """The sweeps, and those that cannot run with the reason. Raises ConfigError if none can."""
    sweeps: list[ScheduledSweep] = []
    refused: dict[str, str] = {}
    for words_of in ([f"env={name}", *agent] for name in names for agent in _agents(given)):
        config = cli.load("sweep", [*words_of, *words], folders)
        config = replace(config, out=str(Path(given.get("out", "runs"), Path(config.out).name)))
        try:
            ready = prepare(config)
            sweeps.append(ScheduledSweep(ready, partial(_seconds, ready)))
        except IntdimError as error:  # an agent that does not fit, a package that is missing, a simulator that fails
            refused[f"{config.env.name} by {config.agent.name}"] = str(error)
    if not sweeps:
        raise ConfigError(next(iter(refused.values()), "tasks=...: no task is left."))
    return sweeps, refused


def _agents(given: dict[str, str]) -> list[list[str]]:
    """The word of each agent; none for the one that a task's file names."""
    return [[f"agent={name}"] for name in dict.fromkeys(given["agents"].split(","))] if "agents" in given else [[]]


def _write(s: ScheduledSweep, words: Sequence[str]) -> None:
    """Write the result of a sweep into its run folder, with the command that goes on with it, unless that result is
    there."""
    config, folder = s.ready.config, Path(s.ready.config.out)
    if all(t.direct for t in s.trials) or _written(s):
        return
    shared = ["python", "-m", "rl_intdim.sweep", f"env={config.env.name}", f"agent={config.agent.name}"]
    text = shlex.join([*shared, *words, f"out={config.out}"])
    with Store(folder).open(config) as store:
        write(s.ready, store, s.trials, replace(here(), command=text))


def _written(s: ScheduledSweep) -> bool:
    """Is the result there, of these trials and by what this configuration calls decided?"""
    config, known = s.ready.config, read_result(Path(s.ready.config.out))
    now = answer(config.search, s.ready.d_max, outcomes(s.trials, config.env.budget))
    return known is not None and (known.trials, known.status) == (now.trials, now.status)


def _seconds(ready: Prepared) -> float:
    """The seconds of a trial that uses its whole budget, measured now."""
    from rl_intdim.runners.throughput import measured

    task = ready.config.env
    return measured(ready.config, ready.runner).seconds(task, 1, task.budget)


def _show(sweeps: Sequence[ScheduledSweep], left_out: dict[str, str], out: Path, console: Console) -> None:
    """Write the ladder, the table and the page, and print the table."""
    tasks = {s.ready.config.env.name: s.ready.config.env for s in sweeps}
    measured = {s.name: read(s.ready.config.out) for s in sweeps if s.trials}
    done = list(measured.values())
    left_out = left_out | {
        name: f"measured, and not on the ladder, which has each task in its own projection, not {s.projection}"
        for name, s in measured.items()
        if not task_ladder.is_own(s, tasks[s.env])
    }
    for name, reason in left_out.items():
        console.print(f"left out: {name}: {reason}")
    if not done:
        reason = "" if any(s.failure for s in sweeps) else ": no round was expected to end within the hours"
        console.print(f"Nothing was measured{reason}.")
        return
    rungs = task_ladder.rungs(done, tasks)
    write_whole(out / "atlas.png", task_ladder.plot(rungs))
    write_whole(out / "atlas.md", atlas_page.page(done, tasks, left_out, "atlas.png", command()))
    write_whole(out / "atlas.html", report_page.page([s.folder for s in done], partial(video.clip, trust=True)))
    show(task_ladder.table(rungs, tasks), "The ladder")
    console.print(f"Wrote atlas.png, atlas.md and atlas.html in {out}")


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main_on_words(atlas, __doc__ or "", KEYS)


if __name__ == "__main__":
    main()
