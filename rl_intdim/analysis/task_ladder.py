"""The ladder of tasks: one row per task with the smallest d_int of its agents, and the paper's rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rl_intdim.analysis import paper_figures
from rl_intdim.analysis.log_axis import ZERO, round_ticks
from rl_intdim.analysis.ranking import DECIDED, automatic, rung, status
from rl_intdim.analysis.style import BLUE, GREY, ORANGE, png
from rl_intdim.config.identity import defaults_of
from rl_intdim.config.schema import Search, Task
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import Sweep, world

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TaskRung:
    """One row. The paper's d_int90 has no interval, so low and high are None."""

    task: str
    agent: str
    hidden: str
    D: int
    d_int: int | None  # None only where no agent has one
    low: int | None
    high: int | None
    status: str
    ratio: float | None = None  # high / low that the sweep asked for, if it is not the default
    paper: bool = False
    below: dict[str, tuple[int, int]] = field(
        default_factory=dict
    )  # agent -> trials solved and run, at 0 < d < d_int

    @property
    def tried(self) -> str:
        """What was tried below d_int, by agent, as text."""
        return "; ".join(f"{agent} {solved} of {n}" for agent, (solved, n) in self.below.items())


def rungs(sweeps: Iterable[Sweep], tasks: Mapping[str, Task]) -> list[TaskRung]:
    """The sweep with the smallest d_int of each task, and the paper's rows, sorted by d_int.

    A sweep that is undecided, or that no curve of the model fits, stands for its task only where there is no other.
    `tasks` holds each task as it is meant: sweeps with another environment, scoring, threshold, budget or network, or
    with another projection than `auto` chooses, are left out. Of equal d_int, the narrower interval comes first.
    """
    own = [s for s in sweeps if s.env in tasks and is_own(s, tasks[s.env])]
    easiest: dict[str, Sweep] = {}

    def order(s: Sweep) -> tuple[bool, float, int, str]:
        low, high = s.answer.ci95
        doubtful = s.answer.status == "undecided" or not s.fits
        return doubtful, rung(s)[0], (s.D if high is None else high) - low, s.agent

    for s in sorted(own, key=order):
        if s.answer.d_int is not None:
            easiest.setdefault(s.env, s)
    ours = [_rung(s, [other for other in own if other.env == s.env]) for s in easiest.values()]
    papers = [
        TaskRung(row.task, row.agent, row.hidden, row.D, row.d_int, None, None, "", paper=True)
        for row in paper_figures.ROWS
    ]
    return sorted([*ours, *papers], key=lambda r: (r.d_int, r.paper, r.task))


def unanswered(sweeps: Iterable[Sweep], tasks: Mapping[str, Task]) -> list[TaskRung]:
    """The tasks with trials of which no sweep has a d_int, a row for each agent."""
    own = [s for s in sweeps if s.env in tasks and is_own(s, tasks[s.env])]
    answered = {s.env for s in own if s.answer.d_int is not None}
    rows = [_rung(s, [s]) for s in own if s.env not in answered]
    return sorted(rows, key=lambda r: (r.task, r.agent))


def is_own(s: Sweep, task: Task) -> bool:
    """Was this sweep made of the task as it is meant, and not of a variant?"""
    return (
        not s.learned  # what its direct run learned, and cost, is not in d_int
        and (s.world, s.threshold, s.budget) == (world(task), task.threshold, task.budget)
        and s.config.env.policy == task.policy
        and automatic(s)
    )


def _rung(s: Sweep, siblings: Sequence[Sweep]) -> TaskRung:
    """The row of a sweep; `siblings` are the sweeps of its task, it among them."""
    below: dict[str, tuple[int, int]] = {}
    end = s.D + 1 if s.answer.d_int is None else s.answer.d_int
    for other in sorted(siblings, key=lambda o: o.agent):
        cells = [cell for d, cell in other.answer.tested.items() if 0 < d < end]
        if n := sum(seeds for seeds, _ in cells):
            k, already = below.get(other.agent, (0, 0))
            below[other.agent] = (k + sum(solved for _, solved in cells), already + n)
    asked = s.config.search.ci_ratio
    ratio = None if asked == defaults_of(Search)["ci_ratio"] else asked
    return TaskRung(s.env, s.agent, s.hidden, s.D, s.answer.d_int, *s.answer.ci95, status(s), ratio, below=below)


def table(rows: Sequence[TaskRung], tasks: Mapping[str, Task]) -> "pd.DataFrame":
    """Our rows as a table, the easiest task first; the agent named is the one with the smallest d_int."""
    import pandas as pd

    return pd.DataFrame(
        [
            {
                "task": r.task,
                "d_int": shown(r.d_int),
                "95 % interval": interval((r.low, r.high)),
                "D": r.D,
                "D / d_int": f"{r.D / r.d_int:.0f}" if r.d_int else "",
                "smallest by": r.agent,
                "solved below it": r.tried,
                "threshold": tasks[r.task].threshold,
                "status": r.status if r.ratio is None else f"{r.status} (ratio {r.ratio:g})",
            }
            for r in rows
            if not r.paper
        ]
    )


def plot(rows: Sequence[TaskRung], description: str = "") -> bytes:
    """A PNG of the rows, each with its d_int, on one log axis of d, the easiest on top, with a description in its
    metadata."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FixedLocator, NullLocator

    figure = Figure(figsize=(8.5, 1.3 + 0.3 * len(rows)), layout="constrained")
    axis, right = figure.subplots(), max(max(r.d_int or 0, r.low or 0, r.high or 1) for r in rows) * 1.6
    for y, r in enumerate(rows):
        d_int, decided = r.d_int or 0, r.status in DECIDED
        if r.paper:
            axis.plot(d_int, y, "D", color=ORANGE, mfc="white", ms=6)
        else:
            low, high = max(r.low or 0, ZERO), min(r.D, 0.95 * right) if r.high is None else max(r.high, ZERO)
            axis.plot([low, high], [y, y], color=BLUE, lw=3.5, solid_capstyle="butt", alpha=0.45)
            if r.high is None:
                axis.plot(high, y, ">", color=BLUE, ms=7, alpha=0.45)
            axis.plot(max(d_int, ZERO), y, "o", color=BLUE, mfc=BLUE if decided else "white", ms=8)
        ratio = f" = 1/{r.D / d_int:,.0f}" if d_int else ""
        axis.text(
            *(1.02, y), f"{d_int:,} of {r.D:,}{ratio}", transform=axis.get_yaxis_transform(), va="center",
            fontsize=9, color=GREY if r.paper else "black",
        )  # fmt: skip
    axis.set_yticks(
        range(len(rows)), [f"{r.task} by {r.agent}" + f", {r.hidden}" * r.paper for r in rows], fontsize=9
    )
    for r, name in zip(rows, axis.get_yticklabels(), strict=True):
        name.set_color(GREY if r.paper else "black")
    axis.set_ylim(len(rows) - 0.4, -0.6)
    axis.set_xscale("log")
    ticks, labels = round_ticks(right, True, *((1, 3) if right <= 20_000 else (1,)))  # more labels would overlap
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xticks(ticks, labels, fontsize=9)
    axis.set_xlim(ZERO * 0.8, right)
    axis.set_xlabel("d_int, the numbers that are learned", fontsize=10)
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="x", alpha=0.25)
    axis.set_axisbelow(True)
    kinds = {"smallest of the agents tried, 95 % interval": axis.plot([], [], "o", color=BLUE, ms=8)[0]}
    if any(not r.paper and r.status not in DECIDED for r in rows):
        hollow = "the same, undecided" + " or misfit" * any("misfit" in r.status for r in rows)
        kinds[hollow] = axis.plot([], [], "o", color=BLUE, mfc="white", ms=8)[0]
    if any(r.paper for r in rows):
        kinds["as Li et al. report it (d_int90)"] = axis.plot([], [], "D", color=ORANGE, mfc="white", ms=6)[0]
    figure.legend(
        kinds.values(), kinds.keys(), loc="outside upper center", ncols=len(kinds), fontsize=9, frameon=False
    )
    return png(figure, description)
