"""The HTML page of `report`: the ladder of all sweeps, then each with its plot, figures and policy at play."""

from base64 import b64encode
from collections.abc import Callable, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.config.schema import DIRECT
from rl_intdim.errors import ConfigError, IntdimError
from rl_intdim.records import reproduce
from rl_intdim.records.summary import FLAWS, MEANING, rows
from rl_intdim.records.sweep_record import Run, read_finished

if TYPE_CHECKING:  # a second to import; mistakes are answered before
    import plotly.graph_objects as go


Clip = Callable[[Path], tuple[bytes, str]]  # the file of a solution -> its policy at play: a GIF and a caption
STYLE = """
body { font: 15px/1.45 sans-serif; color: #222; max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.6rem } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid #ccc; padding-top: 1rem }
table { border-collapse: collapse } td { padding: .15rem .8rem .15rem 0; vertical-align: top }
td:first-child { color: #0072B2; white-space: nowrap } td, code { overflow-wrap: anywhere }
code { font: 12.5px/1.4 monospace; background: #f3f3f3; padding: .1rem .3rem }
.note { color: #9c4400 } .small { color: #555; font-size: .9rem } .below { display: flex; gap: 2rem; flex-wrap: wrap }
.below > table { flex: 1 1 26rem } figure { margin: 0; flex: 0 1 16rem }
img { max-width: 100%; border: 1px solid #ccc }
@media print { body { max-width: none } section { break-before: page } .plotly-graph-div { break-inside: avoid } }
"""


# A click keeps the command of a trial below its plot, where it can be copied.
SCRIPT = """
for (const plot of document.querySelectorAll("section .plotly-graph-div")) plot.on("plotly_click", (event) => {
  const command = event.points[0].customdata;
  if (command) plot.closest("section").querySelector(".picked").textContent = command;
});
"""


def page(folders: Sequence[Path | str], clip: Clip) -> str:
    """The whole page as HTML, some 5 MB of which are plotly's JavaScript. Raises ConfigError."""
    read_all = {folder: read_finished(folder) for folder in map(Path, folders)}
    runs = [run for run in read_all.values() if run]
    unfinished = [str(folder) for folder, run in read_all.items() if not run]
    if not runs:
        raise ConfigError(f"no finished sweep (no result.json) in: {', '.join(unfinished)}.")
    from rl_intdim.analysis import interactive

    labels = [run.label for run in runs]
    labels = [label if labels.count(label) == 1 else f"{label} ({runs[i].folder})" for i, label in enumerate(labels)]
    body = [
        "<h1>Intrinsic dimension</h1>",
        "<p>d_int is the smallest number of dimensions of a random subspace in which a fresh seed solves the task "
        "with probability 1/2 or more within the budget. It belongs to task, agent, projection and budget, and is "
        "an upper bound: what this agent can reach.</p>",
        _chart(interactive.ladder([run.result for run in runs], labels), "ladder", first=True),
        '<p class="small">' + "; ".join(f"{name}: {text}" for name, text in MEANING.items()) + ".</p>",
    ]
    if unfinished:
        body.append(f'<p class="note">Not finished, so not shown: {escape(", ".join(unfinished))}.</p>')
    for number, (run, label) in enumerate(zip(runs, labels, strict=True)):
        body.append(_section(run, label, f"sweep-{number}", clip))
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Intrinsic dimension</title>'
        '<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,">'
        f"<style>{STYLE}</style></head>\n<body>\n"
        + "\n".join(body)
        + f"\n<script>{SCRIPT}</script>\n</body></html>\n"
    )


def _section(run: Run, label: str, name: str, clip: Clip) -> str:
    """One sweep: plot, figures, warnings, command, film."""
    from rl_intdim.analysis import interactive

    result = run.result
    shared = reproduce.words(run.config, result.get("command", ""))
    commands = [reproduce.trial(shared, trial["d"], trial["seed"]) for trial in run.trials]
    notes = [*(FLAWS[flaw] for flaw in result.get("flaws", []) if flaw in FLAWS), *result["warnings"]]
    searched = sum(trial["d"] != DIRECT for trial in run.trials)
    if searched != result["trials"]:
        notes.append(f"the result counts {result['trials']} trials, and {searched} are in the folder.")
    if run.config.get("search", {}).get("full_budget"):
        notes.append("this sweep trained on after solving (search.full_budget); the command of a trial stops there.")
    cells = rows(result) | {"projection": result["projection"], "folder": str(run.folder)}
    cells |= {key: str(result[key]) for key in ("commit",) if result.get(key)}
    parts = [
        f"<section><h2>{escape(label)}</h2>",
        _chart(interactive.sweep(result, run.trials, commands), name)
        if run.trials
        else "<p>No trials in the folder.</p>",
        '<p>A trial again (click one): <code class="picked">'
        f"{escape(reproduce.trial(shared, 'D', 0)).replace('d=D', 'd=...').replace('seed=0', 'seed=...')}</code></p>",
        *(f'<p class="note">{escape(str(note))}</p>' for note in notes),
        f"<p>The sweep: <code>{escape(str(result.get('command', 'not recorded')))}</code></p>",
        '<div class="below"><table>',
        *(f"<tr><td>{escape(key)}</td><td>{escape(text)}</td></tr>" for key, text in cells.items()),
        f"</table>{_clip(run.folder / 'solution.json', clip)}</div></section>",
    ]
    return "\n".join(parts)


def _chart(figure: "go.Figure", name: str, first: bool = False) -> str:
    """A figure as HTML; the first one brings plotly's JavaScript along."""
    html = figure.to_html(
        full_html=False,
        include_plotlyjs=first,
        include_mathjax=False,
        div_id=name,
        config={"displaylogo": False, "responsive": True, "modeBarButtonsToRemove": ["select2d", "lasso2d"]},
    )
    return str(html)


def _clip(path: Path, clip: Clip) -> str:
    """The solution at play as a GIF within the page, or why there is none."""
    if not path.is_file():
        return '<p class="small">No policy to show: no trial with a d solved.</p>'
    try:
        data, caption = clip(path)
    except IntdimError as error:
        return f'<p class="small">The solution cannot be shown: {escape(str(error))}</p>'
    return (
        f'<figure><img src="data:image/gif;base64,{b64encode(data).decode()}" alt="The policy at play">'
        f'<figcaption class="small">{escape(caption)}</figcaption></figure>'
    )
