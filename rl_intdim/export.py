"""python -m rl_intdim.export: the trials of any run folders as one table, to CSV or to a pandas DataFrame.

    python -m rl_intdim.export runs/* > trials.csv
    python -m rl_intdim.export runs/CartPole-cma runs/CartPole-ppo out=trials.csv

One row a trial, of finished and of running sweeps alike. Learning curves and theta_d are left in trials.jsonl.
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import OmegaConf

from rl_intdim.cli import fail
from rl_intdim.errors import ConfigError, IntdimError
from rl_intdim.store import replace, trials

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
        check_folder(folder)
        config = OmegaConf.load(folder / "config.yaml")
        sweep = {
            "folder": str(folder),
            "env": config.env.name,
            "agent": config.agent.name,
            "projection": config.subspace.projection,
            "threshold": config.env.threshold,
            "budget": config.env.budget,
        }
        rows += [sweep | {key: trial[key] for key in COLUMNS if key in trial} for trial in trials(folder)]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"solved_at": "Int64"})


def check_folder(folder: Path) -> None:
    """Raise a ConfigError that names the run folders nearby, unless this is one."""
    if (folder / "config.yaml").is_file():
        return
    around = folder if folder.is_dir() else folder.parent
    found = sorted(str(path.parent) for path in around.glob("*/config.yaml"))
    there = f"Run folders there: {', '.join(found)}." if found else f"No run folders in {around} either."
    raise ConfigError(f"{folder}: not a run folder (no config.yaml). {there}")


def main() -> None:
    """Folders, and out=FILE for a file in place of standard output."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return
    keys = [word for word in words if "=" in word and not Path(word).exists()]
    try:
        if bad := [word for word in keys if not word.startswith("out=") or word == "out="]:
            raise ConfigError(f"{bad[0]}: no such key. Valid: out=FILE, and run folders.")
        table = frame([word for word in words if word not in keys]).to_csv(index=False)
        if keys:
            replace(Path(keys[-1].removeprefix("out=")), table)
        else:
            print(table, end="")
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: nobody reads on, and nothing is left to say at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except IntdimError as error:
        fail(error)


if __name__ == "__main__":
    main()
