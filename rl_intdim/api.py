"""The Python interface to a sweep, for scripts and notebooks: `from rl_intdim import intrinsic_dimension`."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rl_intdim import sweep
from rl_intdim.analysis import sweep_figure, sweep_plots, tables
from rl_intdim.config import cli, compose, overrides
from rl_intdim.errors import ConfigError
from rl_intdim.records import trials_table
from rl_intdim.records.result import SweepRecord, interval, shown
from rl_intdim.records.sweep import read
from rl_intdim.runners import calling_script

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measured:
    """The result of a sweep, and its run folder."""

    folder: Path
    record: SweepRecord

    @property
    def summary(self) -> dict[str, Any]:
        """The content of result.json."""
        summary: dict[str, Any] = json.loads(self.record.to_json())
        return summary

    @property
    def d_int(self) -> int | None:
        """The median of its posterior; None if no trial has shown one."""
        return self.record.d_int

    @property
    def ci95(self) -> tuple[int, int | None]:
        """Both ends of its 95 % interval; no upper end is None."""
        return self.record.ci95

    @property
    def status(self) -> str:
        """found, below_1, above_max, undefined or undecided."""
        return self.record.status

    @property
    def trials(self) -> "pd.DataFrame":
        """One row per trial, the same table as `rl_intdim.export` writes."""
        return trials_table.frame([self.folder])

    def plot(self) -> "Figure":
        """Scores and solved fraction against d; a matplotlib figure."""
        return sweep_plots.draw(sweep_figure.figure(self.record, read(self.folder).trials))

    def __rich__(self) -> Any:
        return tables.table(self.record)

    def __repr__(self) -> str:
        return (
            f"<{self.record.env} by {self.record.agent}: d_int {shown(self.d_int)}, 95 % interval "
            f"{interval(self.ci95)}, {self.status}; {self.folder}>"
        )

    def _repr_html_(self) -> str:
        console = Console(record=True, file=StringIO(), width=90, force_jupyter=False)  # else it displays by itself
        console.print(tables.table(self.record))
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def intrinsic_dimension(
    *words: str, env: str | Mapping[str, Any] = "CartPole", agent: str | Mapping[str, Any] | None = None, **keys: Any
) -> Measured:
    """Measure the intrinsic dimension of a task by an agent, as `rl-intdim sweep` does; `agent=None` takes the agent
    that the task's file names.

    `words` are words of the command line, `--config-dir` among them. `keys` are configuration keys with Python
    values; a group's keys go in a mapping: intrinsic_dimension(env="CartPole", search={"max_trials": 40}, workers=2,
    out=Path("here")). `name` in a mapping chooses, as in env={"name": "CartPole", "budget": 10_000}; a dotted key
    goes as `**{"env.budget": 10_000}`. The same call resumes its run folder, or returns the result at once if the
    sweep has ended.

    Trials run in worker processes, so a script must call this below `if __name__ == "__main__":`; a notebook need
    not. Raises IntdimError.
    """
    given = {"env": env} | ({} if agent is None else {"agent": agent}) | keys
    folders, more = cli.user_folders(list(words))
    config = cli.load("sweep", [*overrides.words(given, compose.GROUPS), *more], folders)
    if config.runner.name == "local" and config.workers != 0 and not config.dry_run:
        calling_script.check()
    record = sweep.sweep(config)
    if record is None:
        raise ConfigError("dry_run=true: nothing was measured, so there is no result.")
    return Measured(Path(config.out), record)
