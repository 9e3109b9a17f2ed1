"""The matplotlib plots of a sweep: scores and solved fraction against d, and learning curves."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rl_intdim.analysis.style import BLUE, GREY, ORANGE
from rl_intdim.analysis.sweep_figure import SweepFigure
from rl_intdim.records.result import FLAWS, SweepRecord, interval, learned, shown
from rl_intdim.search.trials import TrialRecord

if TYPE_CHECKING:  # takes half a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(data: SweepFigure) -> "Figure":
    """Scores and solved fraction against d, with threshold, interval and posterior band, and d_int at parts of the
    budget."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    record = data.record
    figure = Figure(figsize=(7, 7), layout="constrained")  # without pyplot, so it needs no display
    scores, solved, parts = figure.subplots(3, 1, sharex=True, height_ratios=(5, 5, 1.3))
    for ok, color, marker in ((True, BLUE, "o"), (False, ORANGE, "x")):
        chosen = [p for p in data.points if p.trial.solved is ok]
        scores.scatter(
            [p.x for p in chosen],
            [p.trial.score for p in chosen],
            s=22,
            c=color,
            marker=marker,
            alpha=0.8,
            label="solved" if ok else "not solved",
        )
    scores.axhline(record.threshold, color=GREY, ls="--", lw=1, label=f"threshold {record.threshold:g}")
    scores.set_ylabel(f"score (mean of {record.confirm_episodes} fresh episodes)")
    scores.legend(loc="best", fontsize=8, framealpha=0.9)
    scores.set_title(
        f"{record.env} by {record.agent}{learned(record)}: d_int = {shown(record.d_int)},"
        f" 95 % interval {interval(record.ci95)} ({record.status})",
        fontsize=10,
    )
    for axis in (scores, solved, parts):
        if data.span:
            axis.axvspan(data.span.low, data.span.high, color=BLUE, alpha=0.12, lw=0, label=data.span.name)
        axis.grid(alpha=0.25)
    if data.band is not None:
        ds, low, mean, high = data.band.T
        solved.fill_between(ds, low, high, color=GREY, alpha=0.2, lw=0, label="posterior, 95 % band")
        solved.plot(ds, mean, color=GREY, lw=1, label="posterior mean")
    for f in data.fractions:
        solved.scatter(f.x, f.solved / f.seeds, s=12 + 4 * f.seeds, c=BLUE, edgecolors="white", lw=0.5, zorder=3)
    solved.axhline(0.5, color=GREY, ls=":", lw=1)
    solved.set_ylim(-0.05, 1.05)
    solved.set_ylabel("solved fraction (area: seeds)")
    if flaws := [text for flaw, text in FLAWS.items() if flaw in record.flaws]:
        solved.text(0.5, 1.02, "; ".join(flaws), transform=solved.transAxes, ha="center", color=ORANGE, fontsize=9)
    if solved.get_legend_handles_labels()[0]:
        solved.legend(loc="best", fontsize=8, framealpha=0.9)
    for row, part in enumerate(data.parts):
        if part:
            parts.plot([part.low, part.high], [row, row], color=BLUE, lw=2)
        if part and not part.bounded:
            parts.plot(part.high, row, ">", color=BLUE, ms=5)
        if part and part.place is not None:
            parts.plot(part.place, row, "o", color=BLUE, ms=5)
    parts.set_yticks(range(len(data.parts)), [f"{part} of the budget" for part in record.by_budget], fontsize=8)
    parts.set_ylim(-0.6, len(data.parts) - 0.4)
    parts.set_title("d_int and its interval, had the trials been stopped earlier", fontsize=9)
    parts.set_xlabel(f"d, dimensions of the subspace (D = {record.D:,})")
    parts.set_xscale("log")
    parts.set_xlim(data.left, data.right)
    parts.xaxis.set_major_locator(FixedLocator([x for x, _ in data.ticks]))
    parts.xaxis.set_minor_locator(NullLocator())
    parts.set_xticklabels([name for _, name in data.ticks], fontsize=8)
    return figure


def curves(record: SweepRecord, trials: Sequence[TrialRecord]) -> "Figure":
    """Learning curves: every trial's look scores against env steps, direct runs dashed. If the task has a goal, a
    second panel shows the goal's number."""
    from matplotlib.figure import Figure

    panels = [(1, record.threshold, "threshold", "look: mean return\nof the deterministic policy")]
    if goal := record.goal:
        panels.append((3, goal.least, "goal", f"look: mean {goal.info}\nat the end of an episode"))
    figure = Figure(figsize=(7, 4 + 2.5 * (len(panels) - 1)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    tested = sorted({int(t.d) for t in trials if not t.direct})
    shades = dict(zip(tested, np.linspace(1, 0.25, len(tested))[::-1], strict=True))  # alpha; 1 for a single d
    for axis, (column, line, name, label) in zip(axes, panels, strict=True):
        _looks(axis, column, trials, shades)
        axis.axhline(line, color=GREY, ls=":", lw=1, label=f"{name} {line:g}")
        axis.set_ylabel(label, fontsize=9)
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8)
    axes[-1].set_xlabel("env steps of training")
    axes[0].set_title(
        f"{record.env} by {record.agent}{learned(record)}: learning curves (a dot: solved there)", fontsize=10
    )
    return figure


def _looks(axis: "Axes", column: int, trials: Sequence[TrialRecord], shades: dict[int, float]) -> None:
    """Plot a column of every trial's looks against env steps."""
    named = set()
    for t in sorted(trials, key=lambda t: -1 if t.direct else int(t.d)):
        x, y = [row[0] for row in t.curve], [row[column] for row in t.curve]
        color, name = (ORANGE, "direct") if t.direct else (BLUE, f"d = {t.d:,}")
        new = name not in named and (t.direct or len(shades) <= 8)
        named.add(name)
        axis.plot(
            *(x, y, "--" if t.direct else "-"),
            color=color,
            alpha=0.9 if t.direct else shades[int(t.d)],
            lw=1.2,
            label=name if new else None,
        )
        if t.solved_at is not None and (y_solved := dict(zip(x, y, strict=True)).get(t.solved_at)) is not None:
            axis.plot(t.solved_at, y_solved, "o", ms=5, color=color, zorder=3)
