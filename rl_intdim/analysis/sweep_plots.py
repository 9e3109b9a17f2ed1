"""What a finished sweep looks like: the table in the terminal and the plot."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_intdim.analysis.style import BLUE, GREY, ORANGE, spaced_ticks
from rl_intdim.config.schema import DIRECT
from rl_intdim.records.summary import FLAWS, interval, shown
from rl_intdim.search.posterior import posterior

if TYPE_CHECKING:  # half a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def draw(result: dict[str, Any], trials: Sequence[dict[str, Any]]) -> "Figure":
    """Scores of the trials and the solved fraction against d, with threshold, interval and posterior band, and
    d_int at parts of the budget."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    searched = [t for t in trials if t["d"] != DIRECT]
    direct = [t for t in trials if t["d"] == DIRECT]
    tested = sorted({t["d"] for t in searched})
    top_d = max([*tested, 2])
    x0, x_direct = 0.5, top_d * max(2, top_d**0.12)  # where d = 0 and direct stand on the log axis
    jitter = np.random.default_rng(0)

    def place(d: int | str, spread: float = 0.0) -> float:
        x = x_direct if d == DIRECT else max(float(d), x0)
        return x * 2 ** jitter.uniform(-spread, spread)

    figure = Figure(figsize=(7, 7), layout="constrained")  # of no window system, so it draws anywhere
    scores, solved, parts = figure.subplots(3, 1, sharex=True, height_ratios=(5, 5, 1.3))
    for ok, color, marker in ((True, BLUE, "o"), (False, ORANGE, "x")):
        chosen = [t for t in [*searched, *direct] if t["solved"] is ok]
        scores.scatter(
            [place(t["d"], 0.07) for t in chosen],
            [t["score"] for t in chosen],
            s=22,
            c=color,
            marker=marker,
            alpha=0.8,
            label="solved" if ok else "not solved",
        )
    scores.axhline(result["threshold"], color=GREY, ls="--", lw=1, label=f"threshold {result['threshold']:g}")
    scores.set_ylabel(f"score (mean of {result['confirm_episodes']} fresh episodes)")
    scores.legend(loc="best", fontsize=8, framealpha=0.9)
    scores.set_title(
        f"{result['env']} by {result['agent']}: d_int = {shown(result['d_int'])},"
        f" 95 % interval {interval(result['ci95'])} ({result['status']})",
        fontsize=10,
    )

    low, high = result["ci95"]
    for axis in (scores, solved, parts):
        if result["status"] != "below_1":
            axis.axvspan(
                max(low, x0),
                high if high is not None else top_d * 1.3,
                color=BLUE,
                alpha=0.12,
                lw=0,
                label="95 % interval of d_int",
            )
        axis.grid(alpha=0.25)
    counts = {int(d): (n, k) for d, (n, k) in result["tested"].items()}
    fractions: dict[Any, tuple[int, int]] = dict(counts)
    if any(d > 0 for d in tested) and result["status"] != "below_1":
        ds = np.geomspace(1, top_d, 80)
        model = posterior(result["d_max"])
        band = model.band(model.update(counts), list(ds))
        solved.fill_between(ds, band[:, 0], band[:, 2], color=GREY, alpha=0.2, lw=0, label="posterior, 95 % band")
        solved.plot(ds, band[:, 1], color=GREY, lw=1, label="posterior mean")
    if direct:
        fractions[DIRECT] = (len(direct), sum(t["solved"] for t in direct))
    for d, (n, k) in fractions.items():
        solved.scatter(place(d), k / n, s=12 + 4 * n, c=BLUE, edgecolors="white", lw=0.5, zorder=3)
    solved.axhline(0.5, color=GREY, ls=":", lw=1)
    solved.set_ylim(-0.05, 1.05)
    solved.set_ylabel("solved fraction (area: seeds)")
    if flaws := [text for flaw, text in FLAWS.items() if flaw in result["flaws"]]:
        solved.text(0.5, 1.02, "; ".join(flaws), transform=solved.transAxes, ha="center", color=ORANGE, fontsize=9)
    if solved.get_legend_handles_labels()[0]:
        solved.legend(loc="best", fontsize=8, framealpha=0.9)
    for row, then in enumerate(result["by_budget"].values()):
        if then["status"] == "below_1":
            continue
        low, high = then["ci95"]
        parts.plot([max(low, x0), top_d * 1.3 if high is None else high], [row, row], color=BLUE, lw=2)
        if then["d_int"] is not None:
            parts.plot(max(then["d_int"], x0), row, "o", color=BLUE, ms=5)
    parts.set_yticks(range(3), [f"{part} of the budget" for part in result["by_budget"]], fontsize=8)
    parts.set_ylim(-0.6, 2.6)
    parts.set_title("d_int and its interval, had the trials been stopped earlier", fontsize=9)
    parts.set_xlabel(f"d, dimensions of the subspace (D = {result['D']:,})")
    parts.set_xscale("log")
    ticks = spaced_ticks([d for d in tested if d > 0])
    ticks = ([0] if 0 in tested else []) + ticks + ([DIRECT] if direct else [])
    parts.xaxis.set_major_locator(FixedLocator([place(d) for d in ticks]))
    parts.xaxis.set_minor_locator(NullLocator())
    parts.set_xticklabels([str(d) for d in ticks], fontsize=8)
    return figure


def curves(result: dict[str, Any], trials: Sequence[dict[str, Any]]) -> "Figure":
    """Learning curves: the look score of every trial against its env steps, direct runs dashed; below it what the
    task's goal names, where it has one."""
    from matplotlib.figure import Figure

    goal = result.get("goal")
    panels = [(1, result["threshold"], "threshold", "look: mean return\nof the deterministic policy")]
    if goal:
        panels.append((3, goal["least"], "goal", f"look: mean {goal['info']}\nat the end of an episode"))
    figure = Figure(figsize=(7, 4 + 2.5 * (len(panels) - 1)), layout="constrained")
    axes = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
    tested = sorted({t["d"] for t in trials if t["d"] != DIRECT})
    shades = dict(zip(tested, np.linspace(1, 0.25, len(tested))[::-1], strict=True))  # one alone: 1
    for axis, (column, line, name, label) in zip(axes, panels, strict=True):
        _looks(axis, column, trials, shades)
        axis.axhline(line, color=GREY, ls=":", lw=1, label=f"{name} {line:g}")
        axis.set_ylabel(label, fontsize=9)
        axis.grid(alpha=0.25)
        axis.legend(fontsize=8)
    axes[-1].set_xlabel("env steps of training")
    axes[0].set_title(f"{result['env']} by {result['agent']}: learning curves (a dot: solved there)", fontsize=10)
    return figure


def _looks(axis: "Axes", column: int, trials: Sequence[dict[str, Any]], shades: dict[int, float]) -> None:
    """A column of every trial's looks against env steps."""
    named = set()
    for t in sorted(trials, key=lambda t: -1 if t["d"] == DIRECT else t["d"]):
        direct = t["d"] == DIRECT
        x, y = [row[0] for row in t["curve"]], [row[column] for row in t["curve"]]
        name = "direct" if direct else f"d = {t['d']:,}"
        new = name not in named and (direct or len(shades) <= 8)
        named.add(name)
        axis.plot(
            *(x, y, "--" if direct else "-"),
            color=ORANGE if direct else BLUE,
            alpha=0.9 if direct else shades[t["d"]],
            lw=1.2,
            label=name if new else None,
        )
        if (y_solved := dict(zip(x, y, strict=True)).get(t["solved_at"])) is not None:
            axis.plot(t["solved_at"], y_solved, "o", ms=5, color=ORANGE if direct else BLUE, zorder=3)
