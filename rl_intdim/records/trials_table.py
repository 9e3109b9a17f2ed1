"""The trials of several run folders as one pandas table."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rl_intdim.errors import NotBegun
from rl_intdim.records.sweep import read

if TYPE_CHECKING:  # a quarter of a second to import; mistakes are answered before
    import pandas as pd


COLUMNS = [
    *("folder", "env", "agent", "projection", "threshold", "budget"),  # of the sweep
    *("d", "D", "seed", "solved", "score", "solved_at", "env_steps", "scoring_steps", "seconds"),  # of the trial
    "device",  # where it trained, or "" if that was not kept
    "subspace_steps",  # of its learned subspace
    "counted",  # is it in the sweep's answer?
]


def frame(folders: Sequence[Path | str]) -> "pd.DataFrame":
    """The trials of the run folders, (trials, len(COLUMNS)), in the order in which they finished.

    d is a whole number or `direct`; solved_at (env steps) is missing if a trial did not solve. `counted` is False for
    trials of an unfinished round, since the first of them to finish are the quick ones, which solved, and for trials
    after the result. Raises ConfigError if a folder is not a run folder.
    """
    import pandas as pd

    rows = []
    for folder in map(Path, folders):
        try:
            s = read(folder)
        except NotBegun:
            continue
        sweep = (str(folder), s.env, s.agent, s.projection, s.threshold, s.budget)
        counted = {(t.d, t.seed) for t in s.trials}
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
                t.device,
                t.subspace_steps,
                (t.d, t.seed) in counted,
            )
            for t in s.finished
        ]
    return pd.DataFrame(rows, columns=COLUMNS).astype({"solved_at": "Int64"})
