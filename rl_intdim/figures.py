"""What a finished sweep looks like: the table in the terminal and the plot."""

from collections.abc import Sequence
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table

from rl_intdim.config import DIRECT
from rl_intdim.posterior import posterior

if TYPE_CHECKING:  # half a second to import
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

BLUE, ORANGE, GREY = "#0072B2", "#D55E00", "#666666"  # Okabe-Ito: told apart without colour vision
MEANING = {
    "found": "the interval is as narrow as asked for",
    "below_1": "theta0 alone, with nothing learned, solves the task with chance 1/2 or more",
    "above_max": "no d up to the largest tried solves with chance 1/2",
    "undecided": "the interval is wider than asked for",
}
FLAWS = {"falling": "success falls off again above d_int", "misfit": "no curve of the model fits these trials"}


def interval(ci95: Sequence[int | None]) -> str:
    low, high = ("?" if bound is None else bound for bound in ci95)
    return f"[{low}, {high}]"


def shown(d_int: int | None) -> str:
    """A d_int as written; a dash stands for none."""
    return "-" if d_int is None else f"{d_int}"


def rows(result: dict[str, Any]) -> dict[str, str]:
    """The figures of one sweep in words, name -> text. Results of older versions lack some keys."""
    d_int, D, source = result["d_int"], result["D"], result.get("threshold_source")
    by = f"; stopped by {result['stopped_by']}" if result.get("stopped_by") else ""
    out = {
        "d_int": f"{shown(d_int)}, 95 % interval {interval(result['ci95'])}",
        "status": f"{result['status']}: {MEANING[result['status']]}{by}",
        "threshold": f"{result['threshold']:g}" + (f" ({source})" if source else ""),
        "D": f"{D:,}" + (f", D / d_int = {D / d_int:.0f}" if d_int else ""),
        "direct": "{} of {} solved".format(*result["direct"]),
        "budget": f"{result['budget']:,} env steps a trial",
        "trials": f"{result['trials']} in {result['seconds']:.0f} s of computing",
        "env steps": f"{result['env_steps']:,} of training, {result['scoring_steps']:,} of scoring",
        "less budget": "; ".join(
            f"{part}: {shown(row['d_int'])} {interval(row['ci95'])}" for part, row in result["by_budget"].items()
        ),
    }
    if rule := result.get("d90_paper"):
        out["d_int90"] = f"{shown(rule['d_int90'])} {interval(rule['ci95'])} by the paper's rule ({rule['method']})"
    return out


def table(result: dict[str, Any]) -> Table:
    """The result of one sweep, a row a figure."""
    out = Table(
        title=f"Intrinsic dimension of {result['env']} by {result['agent']}",
        show_header=False,
        title_style="bold",
    )
    out.add_column(style="cyan")
    out.add_column()
    for name, text in rows(result).items():
        out.add_row(name, text)
    for warning in result["warnings"]:
        out.add_row("note", f"[yellow]{warning}[/yellow]")
    return out


def png(figure: "Figure") -> bytes:
    """A figure as the bytes of a PNG."""
    picture = BytesIO()
    figure.savefig(picture, dpi=150)
    return picture.getvalue()


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


def spaced_ticks(ds: list[int], letters: int = 72) -> list[Any]:
    """Ticks far enough apart on a log axis to be read, of which so many letters fill it; the largest d always."""
    kept: list[Any] = []
    for d in sorted(ds, reverse=True):
        if not kept or kept[-1] / d >= max(ds) ** (max(len(str(kept[-1])) + 1.2, 4) / letters):
            kept.append(d)
    return kept[::-1]
