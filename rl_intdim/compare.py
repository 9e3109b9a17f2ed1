"""python -m rl_intdim.compare: many sweeps side by side, from the trials in their run folders.

    python -m rl_intdim.compare runs/*                    # the difficulty table, easiest first
    python -m rl_intdim.compare runs/* by=agent           # a row a task, a column an agent
    python -m rl_intdim.compare runs/* by=hidden          # does d_int stay while D grows?
    python -m rl_intdim.compare runs/* by=pair            # agents in the very same subspaces
    python -m rl_intdim.compare runs/* out=table.csv      # or .md, with the plot beside it, or .png; with by=pair too

Sweeps are told apart by a probability from their posteriors, never by eye.
"""

from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_intdim import cli, paper
from rl_intdim.checks import one_of
from rl_intdim.errors import ConfigError
from rl_intdim.figures import BLUE, GREY, interval, png, shown
from rl_intdim.measured import Sweep, below, comparable, label, read
from rl_intdim.paired import NONE, pairs, shares
from rl_intdim.paired import plot as plot_pairs
from rl_intdim.store import write_whole

if TYPE_CHECKING:
    import pandas as pd

BY = ("env", "agent", "hidden", "pair")
PAIRED = (
    "Trials of two agents with one seed at one d start from the same theta0 in the same subspace. `difference`: the\n"
    "share that the first solved less that of the second, with Bonett and Price's 95 % interval; p: McNemar's exact\n"
    "test; p (Holm): the same for all pairs of agents at this d of this task together."
)
SURE = 0.95  # the probability from which two sweeps are called different


def table(sweeps: Sequence[Sweep], papers: bool = True) -> "pd.DataFrame":
    """The difficulty table, a row a sweep, easiest first; the paper's rows, marked, where they belong.

    `rank` is empty for sweeps of a task at different thresholds or budgets, and for the paper's rows.
    """
    import pandas as pd

    rows = []
    for s in sweeps:
        ranked = s.answer.d_int is not None and all(comparable(s, other) for other in sweeps)
        low, high = s.answer.ci95
        rows.append(
            {
                "rank": ranked,
                "task": s.env,
                "agent": s.agent,
                "P": s.projection,
                "hidden": s.hidden,
                "D": s.D,
                "d_int": s.answer.d_int,
                "low": low,
                "high": high,
                "D / d_int": round(s.D / s.answer.d_int, 1) if s.answer.d_int else None,
                "threshold": s.threshold,
                "budget": s.budget,
                "env_steps": s.env_steps,
                "trials": s.answer.trials,
                "direct": "{} of {}".format(*s.direct),
                "status": s.answer.status,
                "command": s.command,
            }
        )
    for row in paper.ROWS if papers else ():
        told = {"D / d_int": round(row["D"] / row["d_int"], 1), "status": "the paper's d_int90", "rank": False}
        rows.append(row | told)
    out = pd.DataFrame(rows)
    out = out.sort_values(["d_int", "high", "task", "agent"], na_position="last", kind="stable")
    place = out["rank"].cumsum().where(out["rank"])
    whole = ["d_int", "low", "high", "budget", "env_steps", "trials"]
    return out.assign(rank=place).astype(dict.fromkeys(["rank", *whole], "Int64")).reset_index(drop=True)


def differences(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """The probability that the first of a pair has the smaller d_int, and the verdict; a row for every two sweeps
    of one task that may be ranked, and for every two tasks, each by its easiest sweep."""
    import pandas as pd

    rows, ordered = [], sorted(sweeps, key=_place)
    easiest = {s.env: s for s in reversed(ordered)}
    for a, b in combinations(ordered, 2):
        told = a.answer.d_int is not None and b.answer.d_int is not None  # else the prior speaks, and no trial
        if told and comparable(a, b) and (a.env == b.env or (easiest[a.env] is a and easiest[b.env] is b)):
            p = below(a, b)
            verdict = (
                f"{label(a)} is lower" if p >= SURE else f"{label(b)} is lower" if p <= 1 - SURE else "not told apart"
            )
            rows.append({"first": label(a), "second": label(b), "P(first lower)": round(p, 3), "verdict": verdict})
    return pd.DataFrame(rows, columns=["first", "second", "P(first lower)", "verdict"])


def pivot(sweeps: Sequence[Sweep], by: str) -> "pd.DataFrame":
    """by=agent: a row a task (with its threshold, budget, network and P), a column an agent. by=hidden: a row a
    network, a column a task and agent, with D."""
    import pandas as pd

    rows: dict[tuple[Any, ...], dict[str, list[str]]] = {}
    for s in sorted(sweeps, key=lambda s: (s.env, s.D, s.agent)):
        if by == "agent":
            key: tuple[Any, ...] = (s.env, s.threshold, s.budget, s.hidden, s.projection)
            column = s.agent
        else:
            key = (s.hidden, s.D)
            column = f"{s.env} by {s.agent}, {s.projection}"
        rows.setdefault(key, {}).setdefault(column, []).append(cell(s))
    names = ["task", "threshold", "budget", "hidden", "P"] if by == "agent" else ["hidden", "D"]
    cells = [{column: "; ".join(found) for column, found in row.items()} for row in rows.values()]
    return pd.DataFrame(
        [dict(zip(names, key, strict=True)) | row for key, row in zip(rows, cells, strict=True)]
    ).fillna("")


def cell(s: Sweep) -> str:
    mark = "" if s.answer.status == "found" else f" {s.answer.status}"
    return f"{shown(s.answer.d_int)} {interval(s.answer.ci95)}{mark}"


def _place(s: Sweep) -> tuple[float, str]:
    return (np.inf if s.answer.d_int is None else s.answer.d_int, label(s))


def markdown(frame: "pd.DataFrame") -> str:
    """A table in Markdown; missing values are left empty."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    lines += ["| " + " | ".join(words(row)).replace("\n", " ") + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def words(row: Iterable[Any]) -> list[str]:
    """The values of a row as one would write them."""
    import pandas as pd

    def word(value: Any) -> str:
        if pd.isna(value):
            return ""
        if isinstance(value, int | np.integer):
            return f"{value:,}"
        return f"{value:g}" if isinstance(value, float) else str(value).replace("|", "\\|")

    return [word(value) for value in row]


def plot(sweeps: Sequence[Sweep]) -> bytes:
    """The sweeps on one log axis of d with their intervals, and the paper's values as marks: a PNG. One in which
    no trial has solved yet says nothing on it, and is left out."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    rows = sorted((s for s in sweeps if s.answer.d_int is not None or s.answer.status != "undecided"), key=_place)
    marks = sorted(paper.ROWS, key=lambda row: row["d_int"])
    figure = Figure(figsize=(8, 1.2 + 0.28 * (len(rows) + len(marks))), layout="constrained")
    axis = figure.subplots()
    for y, s in enumerate(rows):
        low, high = s.answer.ci95
        axis.plot([max(low, 0.5), s.D if high is None else max(high, 0.5)], [y, y], color=BLUE, lw=2)
        if s.answer.d_int is not None:
            found = s.answer.status in ("found", "below_1")
            axis.plot(max(s.answer.d_int, 0.5), y, "o", color=BLUE, mfc=BLUE if found else "white", ms=6)
        elif s.answer.status == "above_max":
            axis.plot(low, y, ">", color=BLUE, ms=6)
    for y, row in enumerate(marks, len(rows)):
        axis.plot(row["d_int"], y, "D", color=GREY, ms=5)
    names = [label(s) for s in rows] + [f"{row['task']} by {row['agent']}, {row['hidden']} (paper)" for row in marks]
    axis.set_yticks(range(len(names)), names, fontsize=8)
    axis.invert_yaxis()
    axis.set_xscale("log")
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 3)))
    axis.xaxis.set_major_formatter(StrMethodFormatter("{x:,.10g}"))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel(
        "d_int (dots: posterior median, hollow: undecided; lines: 95 % intervals, left of 1: from 0)\n"
        "(arrows: above the largest d; diamonds: d_int90 as the paper reports it)",
        fontsize=8,
    )
    axis.grid(alpha=0.25)
    return png(figure)


def page(sweeps: Sequence[Sweep], picture: str) -> str:
    """The Markdown page: table, plot, both pivots and the verdicts."""
    every, told = table(sweeps), differences(sweeps)
    every = every.assign(
        command=every.command.map(lambda text: f"`{text}`" if isinstance(text, str) and text else "")
    )
    notes = [
        f"{s.env}: sweeps in different environments, or at different thresholds or budgets, are not ranked."
        for s in {s.env: s for s in sweeps if not all(comparable(s, o) for o in sweeps)}.values()
    ]
    parts = [
        "# Intrinsic dimensions measured so far\n\n"
        "Made by `python -m rl_intdim.compare` from the trials in the run folders; nothing here is typed. d_int is\n"
        "the posterior median, low to high its 95 % interval. A task's figure is the smallest of its agents'.\n",
        markdown(every),
        *(f"{note}\n" for note in notes),
        f"![d_int of every sweep, and the paper's]({picture})\n",
        "## Agents side by side\n",
        markdown(pivot(sweeps, "agent")),
        "## Networks side by side\n",
        markdown(pivot(sweeps, "hidden")),
        "## Which are told apart\n",
        f"By the posteriors: lower if with probability {SURE:g} or more; {len(told):,} pairs, not corrected for.\n",
        markdown(told),
    ]
    if len(found := pairs(sweeps)):
        parts += [f"## In the same subspaces\n\n{PAIRED}\n", markdown(found)]
    return "\n".join(parts)


def page_of_pairs(sweeps: Sequence[Sweep], found: "pd.DataFrame", picture: str) -> str:
    """The Markdown page of `by=pair`: what the figures are, plot, table, and the command of every sweep."""
    shown = {*found["first"], *found["second"]}
    notes = {s.agent: s.note for s in sweeps if s.note and s.agent in shown}
    return "\n".join(
        [
            f"# Agents in the same subspaces\n\nMade by `python -m rl_intdim.compare ... by=pair`.\n{PAIRED}\n",
            *(f"{agent}: {note}.\n" for agent, note in notes.items()),
            markdown(shares(found)),
            f"![The difference of every pair, with its interval]({picture})\n",
            markdown(found),
            "## Commands\n",
            *(f"    {s.command}" for s in sweeps if s.command),
            "",
        ]
    )


def compare(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Print the table, or write it to `out`. Raises IntdimError."""
    by, out = keys.get("by", "env"), keys.get("out")
    one_of("by", by, BY)
    if out and Path(out).suffix not in (".csv", ".md", ".png"):
        raise ConfigError(f"out={out}: must end in .csv, .md or .png.")
    if by in ("agent", "hidden") and out and not out.endswith(".csv"):
        raise ConfigError(f"by={by}: goes with a table: none, or out=....csv; {out} holds every table, or the plot.")
    sweeps = [read(folder) for folder in folders]
    frame = table(sweeps) if by == "env" else pairs(sweeps) if by == "pair" else pivot(sweeps, by)
    if by == "pair" and frame.empty and out:
        raise ConfigError(f"out={out}: nothing to write. {NONE}")
    if by == "pair" and frame.empty:
        print(NONE)
    elif out is None and by == "pair":
        show(shares(frame), "Solved")
        show(frame, "Agents in the same subspaces")
    elif out is None:
        show(frame.drop(columns="command", errors="ignore"), f"Intrinsic dimension by {by}")
        show(differences(sweeps), "Told apart by their posteriors")
    elif out.endswith(".csv"):
        write_whole(Path(out), frame.to_csv(index=False))
    else:
        path, paired = Path(out), by == "pair"
        write_whole(path.with_suffix(".png"), plot_pairs(frame) if paired else plot(sweeps))
        if out.endswith(".md"):
            picture = path.with_suffix(".png").name
            write_whole(path, page_of_pairs(sweeps, frame, picture) if paired else page(sweeps, picture))


def show(frame: "pd.DataFrame", title: str) -> None:
    """A DataFrame as a table in the terminal."""
    from rich.console import Console
    from rich.table import Table

    out = Table(title=title, title_style="bold")
    for column in frame.columns:
        out.add_column(str(column))
    for row in frame.itertuples(index=False):
        out.add_row(*words(row))
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=200)
    console.print(out)


if __name__ == "__main__":
    cli.main_on_folders(compare, __doc__ or "", ("by", "out"))
