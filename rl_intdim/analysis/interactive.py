"""The interactive figures of the page: the ladder of all sweeps, and the trials and posterior of one.

Everything that is shown goes through `html.escape`, since plotly reads tags in names and in hover text.
"""

import textwrap
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from rl_intdim.analysis.style import BLUE, GREY, ORANGE, spaced_ticks
from rl_intdim.config.schema import DIRECT
from rl_intdim.records.summary import interval, shown
from rl_intdim.search.posterior import posterior

STATUS = {  # colour and symbol, so that print in grey tells them apart too
    "found": (BLUE, "circle"),
    "undecided": (ORANGE, "circle-open"),
    "above_max": (GREY, "triangle-right"),
    "below_1": (GREY, "square"),
}
ZERO = 0.5  # where d = 0 stands on the log axis
LAYOUT: dict[str, Any] = {
    "template": "plotly_white",
    "font": {"family": "sans-serif", "size": 13, "color": "#222222"},
    "hoverlabel": {"align": "left", "font": {"family": "monospace", "size": 12}},
    "hovermode": "closest",
}
Trial = dict[str, Any]


def ladder(results: Sequence[dict[str, Any]], labels: Sequence[str]) -> go.Figure:
    """d_int of every sweep with its 95 % interval, on one log axis of d, the easiest on top.

    An interval without an upper end runs to d_max and ends in a triangle.
    """
    order = sorted(range(len(results)), key=lambda i: _rung(results[i]), reverse=True)
    figure, top = go.Figure(), max(max(_ends(r)[1], _place(r), 10) for r in results)
    for status, (color, symbol) in STATUS.items():
        chosen = [(y, results[i]) for y, i in enumerate(order) if results[i]["status"] == status]
        if not chosen:
            continue
        for y, r in chosen:
            low, high = _ends(r)
            figure.add_scatter(
                x=[low, high], y=[y, y], mode="lines+markers", line={"color": color, "width": 3},
                marker={"symbol": ["line-ns", "line-ns" if r["ci95"][1] is not None else "triangle-right"],
                        "size": 11, "color": color, "line": {"width": 2, "color": color}},
                showlegend=False, hoverinfo="skip",
            )  # fmt: skip
        figure.add_scatter(
            x=[_place(r) for _, r in chosen],
            y=[y for y, _ in chosen],
            mode="markers",
            marker={"color": color, "symbol": symbol, "size": 13, "line": {"color": color, "width": 2}},
            name=status,
            hovertext=[_lines(results, labels, order[y]) for y, _ in chosen],
            hoverinfo="text",
        )
        for y, r in chosen:
            figure.add_annotation(
                x=1.01, xref="paper", y=y, text=f"<b>{shown(r['d_int'])}</b> {interval(r['ci95'])}, {status}",
                showarrow=False, xanchor="left", font={"color": color if color != GREY else "#444444"},
            )  # fmt: skip
    figure.update_xaxes(
        type="log", title_text="d, dimensions of the subspace", **_ticks(top, any(_place(r) < 1 for r in results)),
    )  # fmt: skip
    figure.update_yaxes(
        tickvals=list(range(len(order))),
        ticktext=[escape(labels[i]) for i in order],
        range=[-0.6, len(order) - 0.4],
        automargin=True,
    )
    figure.update_layout(
        **LAYOUT,
        height=150 + 34 * len(order),
        margin={"l": 10, "r": 230, "t": 40, "b": 60},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0, "itemclick": False},
    )
    return figure


def sweep(result: dict[str, Any], trials: Sequence[Trial], commands: Sequence[str]) -> go.Figure:
    """The solved fraction and the scores of one sweep against d; a point a trial, with its command.

    Above: the fraction at each d, the posterior's mean and 95 % band, and the trials in a strip each for
    solved and not. Below: scores and threshold. Behind both: the interval of d_int.
    """
    tested = sorted({t["d"] for t in trials if t["d"] != DIRECT})
    top = max(*tested, 2, result["d_int"] or 0, *(bound or 0 for bound in result["ci95"]))  # all that is drawn
    jitter = np.random.default_rng(0)
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.05, row_heights=[0.55, 0.45])
    if any(d > 0 for d in tested) and result["status"] != "below_1":
        _band(figure, result, top)
    if result["status"] != "below_1":
        low, high = _ends(result)
        end = high if result["ci95"][1] is not None else top * 1.3
        for row in (1, 2):
            figure.add_vrect(
                x0=low, x1=end, row=row, col=1, exclude_empty_subplots=False, fillcolor=BLUE, opacity=0.12,
                line_width=0, layer="below", name="95 % interval of d_int", showlegend=row == 1,
            )  # fmt: skip
    if result["d_int"] is not None:
        line = {"color": BLUE, "width": 1}
        figure.add_vline(x=_place(result), line=line, row="all", col=1, exclude_empty_subplots=False)
    xs = [_at(t["d"], top) * 2 ** jitter.uniform(-0.09, 0.09) for t in trials]
    strip = jitter.uniform(-0.03, 0.03, len(trials))
    for solved, color, symbol in ((True, BLUE, "circle"), (False, ORANGE, "x")):
        chosen = [i for i, t in enumerate(trials) if bool(t["solved"]) is solved]
        for row, ys in ((1, strip + (1.13 if solved else -0.13)), (2, [t["score"] for t in trials])):
            figure.add_scatter(
                x=[xs[i] for i in chosen], y=[ys[i] for i in chosen], row=row, col=1, mode="markers",
                marker={"color": color, "symbol": symbol, "size": 7, "opacity": 0.75},
                name="trial, solved" if solved else "trial, not solved", showlegend=row == 2,
                hovertext=[_hover(trials[i], commands[i]) for i in chosen], hoverinfo="text",
                customdata=[commands[i] for i in chosen],
            )  # fmt: skip
    _fractions(figure, trials, top)
    figure.add_hline(y=0.5, line={"color": GREY, "width": 1, "dash": "dot"}, row=1, col=1)
    figure.add_scatter(
        x=[ZERO * 0.8, top * 2.6], y=[result["threshold"]] * 2, row=2, col=1, mode="lines", hoverinfo="skip",
        line={"color": "#222222", "width": 1.5, "dash": "dash"}, name=f"threshold {result['threshold']:g}",
    )  # fmt: skip
    figure.update_yaxes(title_text="solved fraction", range=[-0.22, 1.22], tickvals=[0, 0.25, 0.5, 0.75, 1], row=1)
    figure.update_yaxes(title_text=f"score, {result.get('confirm_episodes', '?')} episodes", row=2)
    shown = [*([0] if 0 in tested else []), *spaced_ticks([d for d in tested if d > 0])]
    shown += [DIRECT] if any(t["d"] == DIRECT for t in trials) else []
    figure.update_xaxes(
        type="log", tickvals=[_at(d, top) for d in shown], ticktext=[str(d) for d in shown], tickangle=0,
        range=[np.log10(ZERO * 0.8 if 0 in tested else 0.85), np.log10(top * 2.6)], minor={"ticks": ""},
    )  # fmt: skip
    figure.update_xaxes(title_text=f"d, dimensions of the subspace (D = {result['D']:,})", row=2)
    figure.update_layout(
        **LAYOUT,
        height=640,
        margin={"l": 70, "r": 20, "t": 60, "b": 60},
        legend={"orientation": "h", "y": 1, "yanchor": "bottom", "x": 0},
    )
    return figure


def _band(figure: go.Figure, result: dict[str, Any], top: int) -> None:
    """The posterior's mean and central 95 % band of the chance of solving."""
    model = posterior(result["d_max"])
    tested = {int(d): (int(n), int(k)) for d, (n, k) in result["tested"].items()}
    ds = np.geomspace(1, top, 60)
    low, mean, high = model.band(model.update(tested), list(ds)).round(4).T
    x = ds.round(3).tolist()
    figure.add_scatter(
        x=[*x, *x[::-1]], y=[*high.tolist(), *low.tolist()[::-1]], row=1, col=1, fill="toself",
        fillcolor="rgba(102,102,102,0.2)", line={"width": 0}, mode="lines", name="posterior, 95 % band",
        hoverinfo="skip",
    )  # fmt: skip
    figure.add_scatter(
        x=x, y=mean.tolist(), row=1, col=1, mode="lines", line={"color": GREY, "width": 1.5},
        name="posterior mean", hoverinfo="skip",
    )  # fmt: skip


def _fractions(figure: go.Figure, trials: Sequence[Trial], top: int) -> None:
    """A disc at each d, of area as the seeds."""
    ds: list[Any] = list(dict.fromkeys(t["d"] for t in trials))
    counts = [(sum(t["d"] == d for t in trials), sum(t["d"] == d and bool(t["solved"]) for t in trials)) for d in ds]
    figure.add_scatter(
        x=[_at(d, top) for d in ds],
        y=[k / n for n, k in counts],
        row=1,
        col=1,
        mode="markers",
        marker={
            "color": BLUE,
            "size": [4 + 3 * n**0.5 for n, _ in counts],
            "line": {"color": "white", "width": 1},
        },
        name="solved fraction (area: seeds)",
        hovertext=[f"d = {escape(str(d))}: {k} of {n} solved" for d, (n, k) in zip(ds, counts, strict=True)],
        hoverinfo="text",
    )


def _hover(trial: Trial, command: str) -> str:
    how = "solved" if trial["solved"] else "not solved"
    said = [
        f"<b>d = {escape(str(trial['d']))}, seed {escape(str(trial['seed']))}: {how}</b>",
        f"score {trial['score']:.1f}, {trial['env_steps']:,} env steps",
    ]
    lines = textwrap.wrap(command, 72, break_long_words=False, break_on_hyphens=False)
    return "<br>".join([*said, *map(escape, lines)])


def _lines(results: Sequence[dict[str, Any]], labels: Sequence[str], i: int) -> str:
    r = results[i]
    return (
        f"<b>{escape(labels[i])}</b><br>d_int {shown(r['d_int'])}, 95 % interval {interval(r['ci95'])}, {r['status']}"
        f"<br>D = {r['D']:,}, {r['trials']} trials, budget {r['budget']:,}"
    )


def _rung(r: dict[str, Any]) -> tuple[float, float]:
    return (r["d_int"] if r["d_int"] is not None else np.inf), _ends(r)[1]


def _ends(r: dict[str, Any]) -> tuple[float, float]:
    low, high = r["ci95"]
    return max(low, ZERO), r["d_max"] if high is None else max(high, ZERO)


def _place(r: dict[str, Any]) -> float:
    return r["d_max"] if r["d_int"] is None else max(float(r["d_int"]), ZERO)


def _at(d: int | str, top: int) -> float:
    return top * 2.0 if d == DIRECT else max(float(d), ZERO)


def _ticks(top: float, zero: bool) -> dict[str, Any]:
    """Round ticks on a log axis up to `top`, and 0 where it is needed."""
    steps = (1, 2, 5) if top <= 1000 else (1,)  # more would touch each other
    values = [m * 10**e for e in range(int(np.log10(top)) + 1) for m in steps if m * 10**e <= top * 1.1]
    return {
        "tickvals": [*([ZERO] if zero else []), *values],
        "ticktext": [*(["0"] if zero else []), *(f"{value:,}" for value in values)],
        "range": [np.log10(ZERO * 0.8 if zero else 0.85), np.log10(top * 1.3)],
        "tickangle": 0,
    }
