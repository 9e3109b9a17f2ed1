"""The HTML page of `report`: the ladder of all sweeps, then each sweep's plot, figures and a video of its policy."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.errors import ConfigError, IntdimError
from rl_intdim.records import reproduce
from rl_intdim.records.sweep import Sweep, read_finished
from rl_intdim.records.sweep_record import FLAWS, STATUSES, rows

if TYPE_CHECKING:  # takes a second to import; mistakes are reported before
    import plotly.graph_objects as go
    from markupsafe import Markup

Clip = Callable[[Path], tuple[bytes, str]]  # solution file -> GIF of its policy, and a caption


@dataclass(frozen=True)
class Section:
    """One sweep, as the template shows it."""

    label: str
    chart: "Markup"
    command: str  # of one trial, with d and seed left open
    notes: list[str]
    sweep_command: str
    cells: dict[str, str]
    clip: str  # a GIF in base64; empty if there is none
    caption: str  # of the clip, or why there is none


def page(folders: Sequence[Path | str], clip: Clip) -> str:
    """The page as HTML, about 5 MB of it plotly's JavaScript. Raises ConfigError if no sweep is finished."""
    read_all = {folder: read_finished(folder) for folder in map(Path, folders)}
    sweeps = [sweep for sweep in read_all.values() if sweep]
    unfinished = [str(folder) for folder, sweep in read_all.items() if not sweep]
    if not sweeps:
        raise ConfigError(f"no finished sweep (no result.json) in: {', '.join(unfinished)}.")
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from rl_intdim.analysis import interactive
    from rl_intdim.analysis.ladder import ladder

    labels = [f"{s.env} / {s.agent} / {s.projection} / {s.hidden or 'linear'}" for s in sweeps]
    labels = [name if labels.count(name) == 1 else f"{name} ({sweeps[i].folder})" for i, name in enumerate(labels)]
    templates = Environment(loader=PackageLoader("rl_intdim.analysis"), autoescape=True, undefined=StrictUndefined)
    return templates.get_template("report.html").render(
        ladder=_chart(interactive.ladder(ladder(sweeps, labels)), "ladder", first=True),
        statuses=STATUSES,
        unfinished=unfinished,
        sections=[
            _section(sweep, label, f"sweep-{number}", clip)
            for number, (sweep, label) in enumerate(zip(sweeps, labels, strict=True))
        ],
    )


def _section(sweep: Sweep, label: str, name: str, clip: Clip) -> Section:
    """One sweep's plot, figures, warnings, command and clip."""
    from rl_intdim.analysis import interactive
    from rl_intdim.analysis.sweep_figure import figure

    record = sweep.record
    shared = reproduce.words(sweep.config, record.command)
    data = figure(record, sweep.trials)
    commands = [reproduce.trial(shared, p.trial.d, p.trial.seed) for p in data.points]
    notes = [*(FLAWS[flaw] for flaw in record.flaws), *record.warnings]
    if sweep.in_folder != sweep.ended_with:
        notes.append(f"the result counts {sweep.ended_with} trials, and {sweep.in_folder} are in the folder.")
    if sweep.config.search.full_budget:
        notes.append("this sweep trained on after solving (search.full_budget); the command of a trial stops there.")
    cells = rows(record) | {"projection": record.projection, "folder": str(sweep.folder)}
    cells |= {"commit": record.commit} if record.commit else {}
    picture, caption = _clip(sweep.folder / "solution.json", clip)
    return Section(
        label,
        _chart(interactive.sweep(data, commands), name),
        reproduce.trial(shared, "D", 0).replace("d=D", "d=...").replace("seed=0", "seed=..."),
        notes,
        record.command or "not recorded",
        cells,
        picture,
        caption,
    )


def _chart(figure: "go.Figure", name: str, first: bool = False) -> "Markup":
    """A figure as HTML; the first one includes plotly's JavaScript."""
    from markupsafe import Markup

    html = figure.to_html(
        full_html=False,
        include_plotlyjs=first,
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
