"""The HTML page of `report`: the ladder of all sweeps, then each sweep's plots, figures and a video of its policy.

A sweep that runs, or was stopped, is shown as it stands. With `follow` the page reloads itself.
"""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import strftime
from typing import TYPE_CHECKING

from rl_intdim.analysis.ranking import labels
from rl_intdim.analysis.running_sweep import Snapshot, answers_by_round, last, snapshot, sweep_time_left
from rl_intdim.errors import IntdimError
from rl_intdim.records import reproduce
from rl_intdim.records.reader import read_command
from rl_intdim.records.result import FLAWS, STATUSES, points, rows, span
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:  # takes a second to import; mistakes are reported before
    import plotly.graph_objects as go
    from markupsafe import Markup

Clip = Callable[[Path], tuple[bytes, str]]  # solution file -> GIF of its policy, and a caption
EVERY = 10  # seconds between two loads of a page that follows its sweeps


@dataclass(frozen=True)
class Section:
    """One sweep, as the template shows it."""

    label: str
    state: str  # running or stopped; empty if it has ended
    charts: list["Markup"]
    command: str  # of one trial, with d and seed left open
    notes: list[str]
    sweep_command: str
    cells: dict[str, str]
    progress: dict[str, str] = field(default_factory=dict)  # of a sweep that has not ended
    trials: list[list[str]] = field(default_factory=list)  # that run, and those that finished last
    clip: str = ""  # a GIF in base64; empty if there is none
    caption: str = ""  # of the clip, or why there is none


def page(folders: Sequence[Path | str], clip: Clip, follow: bool = False) -> str:
    """The page as HTML, about 5 MB of it plotly's JavaScript. Raises ConfigError for what is not a run folder."""
    now = [snapshot(Path(folder)) for folder in folders]
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup
    from plotly.offline import get_plotlyjs

    from rl_intdim.analysis import interactive
    from rl_intdim.analysis.ladder import ladder

    names = labels({each.folder: each.config for each in now})
    shown = {names[each.folder]: each.sweep for each in now if each.sweep}
    templates = Environment(loader=PackageLoader("rl_intdim.analysis"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("report.html").render(
        plotly=Markup(get_plotlyjs()),
        every=EVERY if follow else 0,
        as_of=strftime("%Y-%m-%d %H:%M:%S"),
        ladder=_chart(interactive.ladder(ladder(list(shown.values()), list(shown))), "ladder") if shown else "",
        statuses=STATUSES,
        sections=[_section(each, names[each.folder], f"sweep-{number}", clip) for number, each in enumerate(now)],
    )


def _section(now: Snapshot, label: str, name: str, clip: Clip) -> Section:
    """One sweep's plots, figures, warnings, command and clip, and its progress if it has not ended."""
    from rl_intdim.analysis.course_figure import course

    sweep, threshold = now.sweep, now.config.env.threshold
    command = sweep.provenance.command if sweep else read_command(now.folder)
    shared = reproduce.words(now.config, command)
    answers, d_max = (answers_by_round(sweep), sweep.d_max) if sweep else ([], 0)
    charts = [_chart(_trials(sweep, shared), name)] if sweep else []
    if now.finished or any(t.curve for t in now.trials):
        charts.append(_chart(course(threshold, now.finished, now.trials, answers, d_max), f"course-{name}"))
    picture, caption = _clip(now.folder / "solution.json", clip) if now.ended else ("", "")
    state = "" if now.ended else "running" if now.running else "stopped before its end"
    return Section(
        label,
        state,
        charts,
        reproduce.trial(shared, "...", "..."),
        _notes(now),
        command,
        _cells(sweep) if sweep else {"folder": str(now.folder)},
        {} if now.ended else _progress(now),
        [] if now.ended else _latest(now),
        picture,
        caption,
    )


def _trials(sweep: Sweep, shared: Sequence[str]) -> "go.Figure":
    """The figure of all finished trials and of what those that count say, each trial with its command."""
    from rl_intdim.analysis import interactive
    from rl_intdim.analysis.sweep_figure import figure

    data = figure(sweep.record, sweep.trials if sweep.ended_with is not None else sweep.finished)
    return interactive.sweep(data, [reproduce.trial(shared, p.trial.d, p.trial.seed) for p in data.points])


def _cells(sweep: Sweep) -> dict[str, str]:
    record = sweep.record
    cells = rows(record) | {"projection": record.projection, "folder": str(sweep.folder)}
    return cells | ({"commit": record.commit} if record.commit else {})


def _notes(now: Snapshot) -> list[str]:
    """What a reader must know."""
    sweep, search, notes = now.sweep, now.config.search, []
    if sweep:
        notes += [*(FLAWS[flaw] for flaw in sweep.record.flaws), *sweep.record.warnings]
    if now.ended and sweep and sweep.in_folder != sweep.ended_with:
        notes.append(f"the result counts {sweep.ended_with} trials, and {sweep.in_folder} are in the folder.")
    if not now.ended and now.uncounted:
        notes.append(
            f"{now.uncounted} finished trials are drawn and not counted yet: the first of a round to finish are "
            "those that solved, so d_int waits for the whole round."
        )
    if search.full_budget:
        notes.append("this sweep trained on after solving (search.full_budget); the command of a trial stops there.")
    return notes


def _progress(now: Snapshot) -> dict[str, str]:
    """How far a sweep is that has not ended."""
    direct = sum(t.direct for t in now.finished)
    zero = sum(t.d == 0 for t in now.finished)
    done = len(now.finished) - direct - zero
    cells = {"finished": f"{done} trials of the search, {zero} of theta0 alone, {direct} direct"}
    if now.running:
        return cells | {"left": sweep_time_left(now)}
    return cells | {"stopped": "no process runs this sweep; the same command goes on from here"}


def _latest(now: Snapshot) -> list[list[str]]:
    """Rows of a table: trials that run, then those that finished last."""
    budget = now.config.env.budget
    running = [
        [str(t.d), str(t.seed), "running", points(t.curve[-1][1]) if t.curve else "",
         f"{t.env_steps:,} of {budget:,}", span(t.seconds)]
        for t in sorted(now.trials, key=lambda t: t.seed)
    ]  # fmt: skip
    return running + [
        [str(t.d), str(t.seed), "solved" if t.solved else "not solved", points(t.score), f"{t.env_steps:,}",
         span(t.seconds)]
        for t in last(now.finished)
    ]  # fmt: skip


def _chart(figure: "go.Figure", name: str) -> "Markup":
    """A figure as HTML."""
    from markupsafe import Markup

    html = figure.to_html(
        full_html=False,
        include_plotlyjs=False,
        include_mathjax=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    return Markup(html)  # safe, since plotly escapes its JSON


def _clip(path: Path, clip: Clip) -> tuple[str, str]:
    """A GIF of the solution in base64, and its caption; without a GIF, the caption says why."""
    if not path.is_file():
        return "", "No policy to show: no trial with a d solved."
    try:
        data, caption = clip(path)
    except IntdimError as error:
        return "", f"The solution cannot be shown: {error}"
    return b64encode(data).decode(), caption
