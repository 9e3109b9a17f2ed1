"""python -m rl_intdim.export: the trials of any run folders as one table, to CSV or to a pandas DataFrame.

    python -m rl_intdim.export runs/* > trials.csv
    python -m rl_intdim.export runs/CartPole-cma runs/CartPole-ppo out=trials.csv

One row a trial, of finished and of running sweeps alike. Learning curves and theta_d are left in trials.jsonl.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim import cli
from rl_intdim.store import read_config, trials, write_whole

if TYPE_CHECKING:  # a quarter of a second to import; mistakes are answered before
    import pandas as pd

COLUMNS = [
    *("folder", "env", "agent", "projection", "threshold", "budget"),  # of the sweep
    *("d", "D", "seed", "solved", "score", "solved_at", "env_steps", "scoring_steps", "seconds"),  # of the trial
]


def frame(folders: Sequence[Path | str]) -> "pd.DataFrame":
    """The trials of the run folders, (trials, len(COLUMNS)), in the order in which they finished.

    d is a whole number or `direct`; solved_at (env steps) is missing where a trial did not solve. Raises
    ConfigError for what is no run folder.
    """
    import pandas as pd

    rows = []
    for folder in map(Path, folders):
        config = read_config(folder)
        env = config["env"]
        sweep = {
            "folder": str(folder),
            "env": env["name"],
            "agent": config["agent"]["name"],
            "projection": config["subspace"]["projection"],
            "threshold": env["threshold"],
            "budget": env["budget"],
        }
        rows += [sweep | {key: trial[key] for key in COLUMNS if key in trial} for trial in trials(folder)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"solved_at": "Int64"})


def export(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Write the table as CSV to the file `out`, or to standard output."""
    table = frame(folders).to_csv(index=False)
    if "out" in keys:
        write_whole(Path(keys["out"]), table)
    else:
        print(table, end="", flush=True)


if __name__ == "__main__":
    cli.main_on_folders(export, __doc__ or "", ("out",))
