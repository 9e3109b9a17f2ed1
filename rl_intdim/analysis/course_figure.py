"""The report's figure of a sweep's course: learning curves, those that run in colour, and how d_int has narrowed."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from rl_intdim.analysis.interactive import LAYOUT
from rl_intdim.analysis.log_axis import ZERO, round_ticks
from rl_intdim.analysis.style import BLUE, GREY, ORANGE
from rl_intdim.search.adaptive import Answer
from rl_intdim.search.trials import TrialRecord
from rl_intdim.training.progress import TrialProgress

RUNNING = ("#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # of Okabe-Ito, beside BLUE and ORANGE of those that finished


def course(
    threshold: float,
    finished: Sequence[TrialRecord],
    running: Sequence[TrialProgress],
    answers: Sequence[Answer],
    d_max: int,
) -> go.Figure:
    """Left: look scores against env steps. Right, if there are answers, one after each round: d_int and its interval
    against the trials counted."""
    widths = [0.6, 0.4] if answers else [1.0]
    figure = make_subplots(rows=1, cols=len(widths), column_widths=widths, horizontal_spacing=0.09)
    for solved, color, name in ((True, BLUE, "finished, solved"), (False, ORANGE, "finished, not solved")):
        curves = [t.curve for t in finished if t.solved is solved]
        _lines(figure, curves, name, color=color, width=1, opacity=0.3)
    for i, now in enumerate(running):
        name = f"running: d = {now.d}, seed {now.seed}"
        _lines(figure, [now.curve], name, color=RUNNING[i % len(RUNNING)], width=3, opacity=1.0)
    figure.add_hline(
        y=threshold, row=1, col=1, exclude_empty_subplots=False, annotation_text=f"threshold {threshold:g}",
        annotation_position="bottom right", line={"color": "#222222", "width": 1, "dash": "dash"},
    )  # fmt: skip
    figure.update_xaxes(title_text="env steps of training", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title_text="look score", row=1, col=1)
    if answers:
        _narrowing(figure, answers, d_max)
    figure.update_layout(
        **LAYOUT,
        height=400,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure


def _lines(figure: go.Figure, curves: Sequence[list[list[float]]], name: str, opacity: float, **line: Any) -> None:
    """Draw curves as one trace, with gaps between them."""
    x: list[float | None] = []
    y: list[float | None] = []
    for curve in curves:
        x += [*(row[0] for row in curve), None]
        y += [*(round(row[1], 3) for row in curve), None]
    if any(value is not None for value in x):
        figure.add_scatter(
            x=x, y=y, mode="lines+markers" if len(x) == 2 else "lines", name=name, line=line, opacity=opacity,
            hoverinfo="skip", row=1, col=1,
        )  # fmt: skip


def _narrowing(figure: go.Figure, answers: Sequence[Answer], d_max: int) -> None:
    """Draw d_int with its interval after each round; an interval without an upper end runs to d_max."""
    x = [then.trials for then in answers]
    low = [max(float(then.ci95[0]), ZERO) for then in answers]
    high = [max(float(d_max if then.ci95[1] is None else then.ci95[1]), ZERO) for then in answers]
    place = [None if then.d_int is None else max(float(then.d_int), ZERO) for then in answers]
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high, *low[::-1]], row=1, col=2, fill="toself", fillcolor="rgba(0,114,178,0.15)",
        line={"color": BLUE, "width": 1}, mode="lines", name="95 % interval", hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=place, row=1, col=2, mode="lines+markers", line={"color": BLUE, "width": 2}, name="d_int",
        hovertext=[f"after {then.trials} trials: {then.d_int} {list(then.ci95)}" for then in answers],
        hoverinfo="text", marker={"size": 5},
    )  # fmt: skip
    ticks, labels = round_ticks(max(high), min(low) < 1, *((1, 2, 5) if max(high) <= 1000 else (1, 3)))
    figure.update_xaxes(title_text="trials counted", rangemode="tozero", row=1, col=2)
    figure.update_yaxes(
        title_text="d_int", type="log", row=1, col=2, minor={"ticks": ""}, gridcolor="#eeeeee", linecolor=GREY,
        tickvals=ticks, ticktext=labels,
    )  # fmt: skip
