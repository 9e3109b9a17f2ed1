"""Tables: a sweep's result and DataFrames, for the terminal and as Markdown."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.table import Table
from rich.text import Text

from rl_intdim.records.result import SweepRecord, learned, rows

if TYPE_CHECKING:
    import pandas as pd


def table(record: SweepRecord) -> Table:
    """The result of one sweep, one row per figure."""
    out = Table(
        title=Text(f"Intrinsic dimension of {record.env} by {record.agent}{learned(record)}"),
        show_header=False,
        title_style="bold",
    )
    out.add_column(style="cyan")
    out.add_column()
    for name, text in rows(record).items():
        out.add_row(name, Text(text))  # a source or a note may hold brackets
    for warning in record.warnings:
        out.add_row("note", Text(warning, style="yellow"))
    return out


def markdown(frame: "pd.DataFrame") -> str:
    """A DataFrame as a Markdown table; missing values are left empty."""
    lines = ["| " + " | ".join(frame.columns) + " |", "|" + " --- |" * len(frame.columns)]
    lines += ["| " + " | ".join(words(row)).replace("\n", " ") + " |" for row in frame.itertuples(index=False)]
    return "\n".join(lines) + "\n"


def words(row: Iterable[Any]) -> list[str]:
    """The values of a row as text: thousands separated, missing values empty."""
    import pandas as pd

    def word(value: Any) -> str:
        if pd.isna(value):
            return ""
        if isinstance(value, int | np.integer):
            return f"{value:,}"
        return f"{value:g}" if isinstance(value, float) else str(value).replace("|", "\\|")

    return [word(value) for value in row]


def show(frame: "pd.DataFrame", title: str) -> None:
    """Print a DataFrame as a table in the terminal."""
    from rich.console import Console

    out = Table(title=title, title_style="bold")
    for column in frame.columns:
        out.add_column(str(column))
    for row in frame.itertuples(index=False):
        out.add_row(*map(Text, words(row)))
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=200)
    console.print(out)
