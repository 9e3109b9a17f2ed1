"""The ladder of tasks: one row per task with the smallest d_int of its agents, and the paper's rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rl_intdim.analysis.ranking import rung
from rl_intdim.analysis.style import BLUE, GREY, ORANGE, png
from rl_intdim.records.sweep import Sweep
from rl_intdim.search import paper_rule
from rl_intdim.subspace.projections import resolve

ZERO = 0.5  # place of d = 0 on the log axis


@dataclass(frozen=True)
class TaskRung:
    """One row. The paper's d_int90 has no interval, so low and high are None."""

    task: str
    agent: str
    hidden: str
    D: int
    d_int: int
    low: int | None
    high: int | None
    status: str
    paper: bool = False


def rungs(sweeps: Iterable[Sweep], hidden: Mapping[str, str]) -> list[TaskRung]:
    """The sweep with the smallest d_int of each task, and the paper's rows, sorted by d_int.

    `hidden` holds the hidden layers of each task's own network, such as 20-20. Sweeps with another network, or with
    another projection than `auto` chooses, are left out. Of equal d_int, the narrower interval comes first.
    """
    easiest: dict[str, Sweep] = {}
    for s in sorted(sweeps, key=lambda s: (rung(s)[0], (s.answer.ci95[1] or s.D) - s.answer.ci95[0], s.agent)):
        own = s.hidden == hidden.get(s.env) and s.projection in ("auto", resolve("auto", s.D, s.d_max))
        if own and s.answer.d_int is not None:
            easiest.setdefault(s.env, s)
    ours = [
        TaskRung(s.env, s.agent, s.hidden, s.D, s.answer.d_int or 0, *s.answer.ci95, s.answer.status)
        for s in easiest.values()
    ]
    papers = [
        TaskRung(row.task, row.agent, row.hidden, row.D, row.d_int, None, None, "", paper=True)
        for row in paper_rule.ROWS
    ]
    return sorted([*ours, *papers], key=lambda r: (r.d_int, r.paper, r.task))


def plot(rows: Sequence[TaskRung], description: str = "") -> bytes:
    """A PNG of the rows on one log axis of d, the easiest on top, with a description in its metadata."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(8.5, 1.3 + 0.3 * len(rows)), layout="constrained")
    axis = figure.subplots()
    for y, r in enumerate(rows):
        if r.paper:
            axis.plot(r.d_int, y, "D", color=ORANGE, mfc="white", ms=6)
        else:
            low, high = max(r.low or 0, ZERO), max(r.high or r.D, ZERO)
            axis.plot([low, high], [y, y], color=BLUE, lw=3.5, solid_capstyle="butt", alpha=0.45)
            axis.plot(max(r.d_int, ZERO), y, "o", color=BLUE, mfc="white" if r.status == "undecided" else BLUE, ms=8)
        axis.text(
            *(1.02, y), f"{r.d_int:,} of {r.D:,}", transform=axis.get_yaxis_transform(), va="center", fontsize=9,
            color=GREY if r.paper else "black",
        )  # fmt: skip
    axis.set_yticks(
        range(len(rows)), [f"{r.task} by {r.agent}" + f", {r.hidden}" * r.paper for r in rows], fontsize=9
    )
    for r, name in zip(rows, axis.get_yticklabels(), strict=True):
        name.set_color(GREY if r.paper else "black")
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xscale("log")
    axis.set_xlim(ZERO * 0.8, max(max(r.d_int, r.high or 0) for r in rows) * 1.6)
    ticks = [ZERO, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000]
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(ticks, ["0", *(f"{tick:,}" for tick in ticks[1:])], fontsize=9)
    axis.set_xlim(ZERO * 0.8, max(max(r.d_int, r.high or 0) for r in rows) * 1.6)
    axis.set_xlabel("numbers that must be learned, d_int", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.25)
    axis.set_axisbelow(True)
    kinds = [
        axis.plot([], [], "o", color=BLUE, ms=8)[0],
        axis.plot([], [], "o", color=BLUE, mfc="white", ms=8)[0],
        axis.plot([], [], "D", color=ORANGE, mfc="white", ms=6)[0],
    ]
    names = ["measured here, with its 95 % interval", "the same, undecided", "as Li et al. report it (d_int90)"]
    figure.legend(kinds, names, loc="outside upper center", ncols=3, fontsize=9, frameon=False)
    return png(figure, description)
