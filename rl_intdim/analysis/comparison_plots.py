"""The plots that compare sweeps: the ladder of d_int, and the paired differences of agents."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rl_intdim.analysis import paper_figures
from rl_intdim.analysis.ladder import ladder
from rl_intdim.analysis.paired import ALPHA, TASK
from rl_intdim.analysis.ranking import DECIDED, labels, status
from rl_intdim.analysis.style import BLUE, GREY, png
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd


def plot_ladder(sweeps: Sequence[Sweep]) -> bytes:
    """A PNG of d_int with its interval for every sweep, and the paper's values as marks, on one log axis of d. An
    undecided sweep without a d_int is left out."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    shown = [s for s in sweeps if s.answer.d_int is not None or s.answer.status != "undecided"]
    names = labels({s.folder: s.config for s in shown})
    rungs = ladder(shown, [names[s.folder] for s in shown])
    marks = sorted(paper_figures.ROWS, key=lambda row: row.d_int)
    figure = Figure(figsize=(8, 1.2 + 0.28 * (len(rungs) + len(marks))), layout="constrained")
    axis = figure.subplots()
    for y, r in enumerate(rungs):
        answer = r.sweep.answer
        axis.plot([r.low, r.high], [y, y], color=BLUE, lw=2)
        if not r.bounded:
            axis.plot(r.high, y, ">", color=BLUE, ms=5)
        decided = status(r.sweep) in DECIDED
        if r.place is not None and answer.status != "above_max":
            symbol = "x" if answer.status == "undefined" else "o"
            axis.plot(r.place, y, symbol, color=BLUE, mfc=BLUE if decided else "white", ms=6)
    for y, row in enumerate(marks, len(rungs)):
        axis.plot(row.d_int, y, "D", color=GREY, ms=5)
    rows = [r.label for r in rungs] + [f"{row.task} by {row.agent}, {row.hidden} (paper)" for row in marks]
    axis.set_yticks(range(len(rows)), rows, fontsize=8)
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel(
        "d_int (dots: posterior median, hollow: undecided or not fitted by the model;\n"
        "lines: 95 % intervals, left of 1: from 0; arrows: no upper end;\n"
        "crosses: the chance stays below 1/2; diamonds: d_int90 as the paper reports it)",
        fontsize=8,
    )
    axis.grid(alpha=0.25)
    return png(figure)


def plot_pairs(frame: "pd.DataFrame") -> bytes:
    """A PNG of the difference of every pair of agents with its interval; filled dots where p by Holm <= 0.05."""
    from matplotlib.figure import Figure

    frame = frame[frame["d"] != "all"].sort_values([*TASK, "d"], kind="stable")
    figure = Figure(figsize=(8, 1.2 + 0.26 * len(frame)), layout="constrained")
    axis = figure.subplots()
    for y, row in enumerate(frame.itertuples(index=False)):
        row = dict(zip(frame.columns, row, strict=True))
        axis.plot([row["low"], row["high"]], [y, y], color=BLUE, lw=2)
        axis.plot(row["difference"], y, "o", color=BLUE, mfc=BLUE if row["p (Holm)"] <= ALPHA else "white", ms=6)
    names = (
        frame["task"]
        + " "
        + frame["network"]
        + ", d = "
        + frame["d"].astype(str)
        + ": "
        + frame["first"]
        + " less "
        + frame["second"]
    )
    axis.set_yticks(range(len(frame)), names.to_list(), fontsize=8)
    axis.invert_yaxis()
    axis.axvline(0, color=GREY, lw=1)
    axis.set_xlim(-1.02, 1.02)
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel("difference of the shares solved, 95 % interval\n(filled: p by Holm at most 0.05)", fontsize=8)
    axis.grid(axis="x", alpha=0.25)
    return png(figure)
