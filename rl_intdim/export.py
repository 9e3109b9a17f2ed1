"""python -m rl_intdim.export: write the trials of several run folders to one CSV table.

    python -m rl_intdim.export runs/* > trials.csv
    python -m rl_intdim.export runs/CartPole-cma runs/CartPole-ppo out=trials.csv

One row per trial, of finished and running sweeps. Learning curves and theta_d are only in trials.jsonl.
"""

from collections.abc import Sequence
from pathlib import Path

from rl_intdim.config import cli
from rl_intdim.files import write_whole
from rl_intdim.records.trials_table import frame


def export(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Write the table as CSV to the file `out`, or to standard output."""
    table = frame(folders).to_csv(index=False)
    if "out" in keys:
        write_whole(Path(keys["out"]), table)
    else:
        print(table, end="", flush=True)


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main_on_folders(export, __doc__ or "", ("out",))


if __name__ == "__main__":
    main()
