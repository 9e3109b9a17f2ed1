"""The report's interactive plotly figures: the ladder of all sweeps, and the trials and posterior of one sweep.

Plotly renders HTML tags in names and hover text, so names and commands are escaped by Markup.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from markupsafe import Markup, escape
from plotly.subplots import make_subplots

from rl_intdim.analysis import ranking
from rl_intdim.analysis.ladder import Rung
from rl_intdim.analysis.log_axis import ZERO, round_ticks
from rl_intdim.analysis.style import BLUE, GREY, ORANGE
from rl_intdim.analysis.sweep_figure import Fraction, SweepFigure
from rl_intdim.records.result import interval, points, shown
from rl_intdim.search.trials import TrialRecord

STATUS = {  # colour and symbol, so that they also differ in a greyscale print
    "found": (BLUE, "circle"),
    "undecided": (ORANGE, "circle-open"),
    "above_max": (GREY, "triangle-right"),
    "below_1": (GREY, "square"),
    "undefined": (GREY, "x"),
}
LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "sans-serif", "size": 13, "color": "#222222"},
    "hoverlabel": {"align": "left", "font": {"family": "monospace", "size": 12}},
    "hovermode": "closest",
}
STRIP = 0.03  # half the height of a strip of trials, in solved fractions


def ladder(rungs: Sequence[Rung]) -> go.Figure:
    """d_int of every sweep with its 95 % interval, on one log axis of d, the easiest sweep on top.

    An interval without an upper end runs to d_max and ends in a triangle.
    """
    rows = list(enumerate(reversed(rungs)))
    figure, top = go.Figure(), max(10.0, *(max(r.high, r.place or 0) for r in rungs))
    for status, (color, symbol) in STATUS.items():
        chosen = [(y, r) for y, r in rows if r.sweep.answer.status == status]
        if not chosen:
            continue
        for y, r in chosen:
            figure.add_scatter(
                x=[r.low, r.high], y=[y, y], mode="lines+markers", line={"color": color, "width": 3},
                marker={"symbol": ["line-ns", "line-ns" if r.bounded else "triangle-right"],
                        "size": 11, "color": color, "line": {"width": 2, "color": color}},
                showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=[r.place for _, r in chosen],
            y=[y for y, _ in chosen],
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 13, "line": {"color": color, "width": 2}},
            name=status,
            hovertext=[_about(r) for _, r in chosen],
            hoverinfo="text",
        )
        for y, r in chosen:
            answer, said = r.sweep.answer, ranking.status(r.sweep)
            figure.add_annotation(
                x=1.01, xref="paper", y=y, text=f"<b>{shown(answer.d_int)}</b> {interval(answer.ci95)}, {said}",
                showarrow=False, xanchor="left", font={"color": color if color != GREY else "#444444"},
            )  # fmt: skip
    figure.update_xaxes(
        type="log", title_text="d, dimensions of the subspace", **_ticks(top, any(r.low < 1 for r in rungs)),
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=[y for y, _ in rows],
        ticktext=[str(escape(r.label)) for _, r in rows],
        range=[-0.6, len(rows) - 0.4],
        automargin=True,
    )
    figure.update_layout(
        **LAYOUT,
        height=150 + 34 * len(rows),
        margin={"l": 10, "r": 230, "t": 40, "b": 60},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "itemclick": False},
    )
    return figure


def sweep(data: SweepFigure, commands: Sequence[str]) -> go.Figure:
    """The solved fraction and the scores of one sweep against d; one point per trial, with its command.

    Top: the fraction at each d, the posterior's mean and 95 % band, and the trials in two strips, solved and
    not. Bottom: scores and threshold. The interval of d_int is shaded behind both.
    """
    record = data.record
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.55, 0.45])
    if data.band is not None:
        _band(figure, data.band)
    if data.span:
        for row in (1, 2):
            figure.add_vrect(
                x0=data.span.low, x1=data.span.high, row=row, col=1, exclude_empty_subplots=False, fillcolor=BLUE,
                opacity=0.12, line_width=0, layer="below", name=data.span.name, showlegend=row == 1,
            )  # fmt: skip
    if data.span and data.span.place is not None:
        line = {"color": BLUE, "width": 1}
        figure.add_vline(x=data.span.place, line=line, row="all", col=1, exclude_empty_subplots=False)
    pairs = list(zip(data.points, commands, strict=True))
    for solved, color, symbol, middle in ((True, BLUE, "circle", 1.13), (False, ORANGE, "x", -0.13)):
        chosen = [(p, command) for p, command in pairs if p.trial.solved is solved]
        heights = [middle + STRIP * p.strip for p, _ in chosen]
        for row, ys in ((1, heights), (2, [p.trial.score for p, _ in chosen])):
            figure.add_scatter(
                x=[p.x for p, _ in chosen], y=ys, row=row, col=1, mode="markers",
                marker={"color": color, "symbol": symbol, "size": 7, "opacity": 0.75},
                name="trial, solved" if solved else "trial, not solved", showlegend=row == 2,
                hovertext=[_hover(p.trial, command) for p, command in chosen], hoverinfo="text",
                customdata=[command for _, command in chosen],
            )  # fmt: skip
    _fractions(figure, data.fractions)
    figure.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"}, row=1, col=1)
    figure.add_scatter(
        x=[data.left, data.right], y=[record.threshold] * 2, row=2, col=1, mode="lines", hoverinfo="skip",
        line={"color": "#222222", "width": 1.5, "dash": "dash"}, name=f"threshold {record.threshold:g}",
    )  # fmt: skip
    figure.update_yaxes(title_text="solved fraction", range=[-0.22, 1.22], tickvals=[0, 0.25, 0.5, 0.75, 1], row=1)
    figure.update_yaxes(title_text=f"score, {record.confirm_episodes} episodes", row=2)
    figure.update_xaxes(
        type="log", tickvals=[x for x, _ in data.ticks], ticktext=[name for _, name in data.ticks], tickangle=0,
        range=[np.log10(data.left), np.log10(data.right)], minor={"ticks": ""},
    )  # fmt: skip
    figure.update_xaxes(title_text=f"d, dimensions of the subspace (D = {record.D:,})", row=2)
    figure.update_layout(
        **LAYOUT,
        height=640,
        margin={"l": 70, "r": 20, "t": 85, "b": 60},  # two rows of the legend, below the buttons
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure


def _band(figure: go.Figure, band: np.ndarray) -> None:
    """Draw the posterior's mean and central 95 % band of the chance of solving; `band` as in SweepFigure."""
    x = band[:, 0].round(3).tolist()
    low, mean, high = (column.tolist() for column in band[:, 1:].round(4).T)
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], row=1, col=1, fill="toself",
        fillcolor="rgba(102,102,102,0.2)", line={"width": 0}, mode="lines", name="posterior, 95 % band",
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=mean, row=1, col=1, mode="lines", line={"color": GREY, "width": 1.5},
        name="posterior mean", hoverinfo="skip",
    )  # fmt: skip


def _fractions(figure: go.Figure, fractions: Sequence[Fraction]) -> None:
    """Draw a disc at each d, with an area in proportion to its seeds."""
    figure.add_scatter(
        x=[f.x for f in fractions],
        y=[f.solved / f.seeds for f in fractions],
        row=1,
        col=1,
        mode="markers",
        marker={
            "color": BLUE,
            "size": [4 + 3 * f.seeds**0.5 for f in fractions],
            "line": {"color": "white", "width": 1},
        },
        name="solved fraction (area: seeds)",
        hovertext=[f"d = {f.d}: {f.solved} of {f.seeds} solved" for f in fractions],
        hoverinfo="text",
    )


def _hover(trial: TrialRecord, command: str) -> str:
    how = "solved" if trial.solved else "not solved"
    first = Markup("<b>d = {}, seed {}: {}</b>").format(trial.d, trial.seed, how)
    lines = textwrap.wrap(command, 72, break_long_words=False, break_on_hyphens=False)
    return str(Markup("<br>").join([first, f"score {points(trial.score)}, {trial.env_steps:,} env steps", *lines]))


def _about(rung: Rung) -> str:
    s, answer = rung.sweep, rung.sweep.answer
    lines = [
        Markup("<b>{}</b>").format(rung.label),
        f"d_int {shown(answer.d_int)}, 95 % interval {interval(answer.ci95)}, {answer.status}",
        f"D = {s.D:,}, {answer.trials} trials, budget {s.budget:,}",
    ]
    return str(Markup("<br>").join(lines))


def _ticks(top: float, zero: bool) -> dict[str, Any]:
    """Round ticks on a log axis up to `top`, and one for 0 if `zero`."""
    ticks, labels = round_ticks(top * 1.1, zero, *((1, 2, 5) if top <= 1000 else (1,)))  # more labels would overlap
    return {
        "tickvals": ticks,
        "ticktext": labels,
        "range": [np.log10(ZERO * 0.8 if zero else 0.85), np.log10(top * 1.3)],
        "tickangle": 0,
    }
