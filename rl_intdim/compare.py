"""python -m rl_intdim.compare: compare sweeps, from the trials in their run folders.

    python -m rl_intdim.compare runs/*                    # the difficulty table, easiest first
    python -m rl_intdim.compare runs/* by=agent           # one row per task, one column per agent
    python -m rl_intdim.compare runs/* by=hidden          # does d_int stay the same while D grows?
    python -m rl_intdim.compare runs/* by=projection      # and from one projection to another?
    python -m rl_intdim.compare runs/* by=pair            # agents in the same subspaces
    python -m rl_intdim.compare runs/* out=table.csv      # or .md, with the plot beside it, or .png; with by=pair too

A verdict on two sweeps is the probability, from their posteriors, that one has the smaller d_int.
"""

from collections.abc import Sequence
from pathlib import Path

from rl_intdim.analysis.comparison_page import page, page_of_pairs
from rl_intdim.analysis.comparison_plots import plot_ladder, plot_pairs
from rl_intdim.analysis.paired import NONE, pairs, shared, shares
from rl_intdim.analysis.ranking import cautions, differences, pivot, table
from rl_intdim.analysis.tables import show
from rl_intdim.config import cli
from rl_intdim.config.validation import one_of
from rl_intdim.errors import ConfigError, NotBegun
from rl_intdim.files import write_whole
from rl_intdim.records.sweep import read

BY = ("env", "agent", "hidden", "projection", "pair")


def compare(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Print the table, or write it to `out`. Raises IntdimError."""
    by, out = keys.get("by", "env"), keys.get("out")
    one_of("by", by, BY)
    if out and Path(out).suffix not in (".csv", ".md", ".png"):
        raise ConfigError(f"out={out}: must end in .csv, .md or .png.")
    if by in ("agent", "hidden", "projection") and out and not out.endswith(".csv"):
        raise ConfigError(f"by={by}: goes with a table: none, or out=....csv; {out} holds every table, or the plot.")
    sweeps, waiting = [], []
    for folder in folders:
        try:
            sweeps.append(read(folder))
        except NotBegun as error:
            waiting.append(str(error))
    if not sweeps:
        raise ConfigError(waiting[0])
    for line in waiting:
        print(f"left out: {line}")
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
        for line in cautions(sweeps):
            print(line)
        show(differences(sweeps), "Told apart by their posteriors")
        for line in shared(sweeps):
            print(line)
    elif out.endswith(".csv"):
        write_whole(Path(out), frame.to_csv(index=False))
    else:
        path, paired = Path(out), by == "pair"
        write_whole(path.with_suffix(".png"), plot_pairs(frame) if paired else plot_ladder(sweeps))
        if out.endswith(".md"):
            picture = path.with_suffix(".png").name
            write_whole(path, page_of_pairs(sweeps, frame, picture) if paired else page(sweeps, picture))


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main_on_folders(compare, __doc__ or "", ("by", "out"))


if __name__ == "__main__":
    main()
