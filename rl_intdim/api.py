"""The sweep from Python: `from rl_intdim import intrinsic_dimension`, made for notebooks."""

from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rl_intdim import sweep
from rl_intdim.analysis import sweep_plots, tables
from rl_intdim.config import cli
from rl_intdim.records import run_folder, summary, trials_table

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Measured:
    """The result of a sweep, and its run folder."""

    folder: Path
    summary: dict[str, Any]  # what result.json holds

    @property
    def d_int(self) -> int | None:
        return self.summary["d_int"]

    @property
    def ci95(self) -> tuple[int, int | None]:
        low, high = self.summary["ci95"]
        return low, high

    @property
    def status(self) -> str:
        return self.summary["status"]

    @property
    def trials(self) -> "pd.DataFrame":
        """A row a trial, as `rl_intdim.export` has it."""
        return trials_table.frame([self.folder])

    def plot(self) -> "Figure":
        """Scores and solved fraction against d; a matplotlib figure."""
        return sweep_plots.draw(self.summary, run_folder.trials(self.folder))

    def __rich__(self) -> Any:
        return tables.table(self.summary)

    def __repr__(self) -> str:
        shown = "-" if self.d_int is None else self.d_int
        return (
            f"<{self.summary['env']} by {self.summary['agent']}: d_int {shown}, 95 % interval "
            f"{summary.interval(self.ci95)}, {self.status}; {self.folder}>"
        )

    def _repr_html_(self) -> str:
        console = Console(record=True, file=StringIO(), width=90)
        console.print(tables.table(self.summary))
        return console.export_html(inline_styles=True, code_format="<pre>{code}</pre>")


def intrinsic_dimension(*words: str, env: str = "CartPole", agent: str = "cma", **keys: Any) -> Measured:
    """Measure the intrinsic dimension of a task by an agent, as `python -m rl_intdim.sweep` does.

    `words` and `keys` are the command line's: intrinsic_dimension("search.max_trials=40", env="CartPole",
    workers=2). The same call resumes its run folder, or returns at once what was measured. Raises IntdimError.
    """
    config = cli.load("sweep", [f"env={env}", f"agent={agent}", *words, *(f"{k}={v}" for k, v in keys.items())])
    result = sweep.sweep(config)
    return Measured(Path(config.out), result)
