"""The trials of several run folders as one pandas table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.records.reader import read_config, read_trials

if TYPE_CHECKING:  # a quarter of a second to import; mistakes are answered before
    import pandas as pd


COLUMNS = [
    *("folder", "env", "agent", "projection", "threshold", "budget"),  # of the sweep
    *("d", "D", "seed", "solved", "score", "solved_at", "env_steps", "scoring_steps", "seconds"),  # of the trial
    "subspace_steps",  # of its learned subspace
]


def frame(folders: Sequence[Path | str]) -> "pd.DataFrame":
    """The trials of the run folders, (trials, len(COLUMNS)), in the order in which they finished.

    d is a whole number or `direct`; solved_at (env steps) is missing if a trial did not solve. Raises ConfigError
    if a folder is not a run folder.
    """
    import pandas as pd

    rows = []
    for folder in map(Path, folders):
        config = read_config(folder)
        env = config.env
        sweep = (str(folder), env.name, config.agent.name, config.subspace.label, env.threshold, env.budget)
        rows += [
            (
                *sweep,
                t.d,
                t.D,
                t.seed,
                t.solved,
                t.score,
                t.solved_at,
                t.env_steps,
                t.scoring_steps,
                t.seconds,
                t.subspace_steps,
            )
            for t in read_trials(folder, config)
        ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"solved_at": "Int64"})
