"""The trials of any run folders as one table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.records.run_folder import read_config, trials

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
