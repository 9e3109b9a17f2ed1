"""The Markdown pages of `compare`: all sweeps ranked, or agents compared in the same subspaces."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rl_intdim.analysis.paired import agents, pairs, shared, shares
from rl_intdim.analysis.ranking import SURE, cautions, differences, pivot, table
from rl_intdim.analysis.tables import markdown
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd


PAIRED = (
    "Trials of two agents with one seed at one d start from the same theta0 in the same subspace. `difference`: the\n"
    "share that the first solved less that of the second, with Bonett and Price's 95 % interval; p: McNemar's exact\n"
    "test; p (Holm): the same for all pairs of agents at this d of this task together."
)


def page(sweeps: Sequence[Sweep], picture: str) -> str:
    """The Markdown page: table, plot, both pivots and the verdicts."""
    every, verdicts = table(sweeps), differences(sweeps)
    every = every.assign(
        command=every.command.map(lambda text: f"`{text}`" if isinstance(text, str) and text else "")
    )
    parts = [
        "# Intrinsic dimensions measured so far\n\n"
        "Made by `python -m rl_intdim.compare` from the trials in the run folders; nothing here is typed. d_int is\n"
        "the posterior median, low to high its 95 % interval.\n",
        markdown(every),
        *(f"{line}\n" for line in cautions(sweeps)),
        f"![d_int of every sweep, and the paper's]({picture})\n",
        "## Agents side by side\n",
        markdown(pivot(sweeps, "agent")),
        "## Networks side by side\n",
        markdown(pivot(sweeps, "hidden")),
        "## Which are told apart\n",
        f"By the posteriors: lower if with probability {SURE:g} or more; {len(verdicts):,} pairs, not corrected for. "
        "Two sweeps of\none task have the same environment, threshold and budget; of two tasks the same agent, with "
        "its settings for each,\nbudget, scoring, hidden layers and way of choosing P.\n",
        markdown(verdicts),
        *(f"{line}\n" for line in shared(sweeps)),
    ]
    if len(paired := pairs(sweeps)):
        parts += [f"## In the same subspaces\n\n{PAIRED}\n", markdown(paired)]
    return "\n".join(parts)


def page_of_pairs(sweeps: Sequence[Sweep], paired: "pd.DataFrame", picture: str) -> str:
    """The Markdown page of `by=pair`: plot, table, an explanation of the columns, and the command of every sweep."""
    shown, names = {*paired["first"], *paired["second"]}, agents(sweeps)
    notes = {s.agent: s.config.agent.note for s in sweeps if s.config.agent.note and names[s.folder] in shown}
    return "\n".join(
        [
            f"# Agents in the same subspaces\n\nMade by `python -m rl_intdim.compare ... by=pair`.\n{PAIRED}\n",
            *(f"{agent}: {note}.\n" for agent, note in notes.items()),
            markdown(shares(paired)),
            f"![The difference of every pair, with its interval]({picture})\n",
            markdown(paired),
            "## Commands\n",
            *(f"    {s.provenance.command}" for s in sweeps if s.provenance.command),
            "",
        ]
    )
