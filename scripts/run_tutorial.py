"""Execute docs/tutorial.ipynb from its first cell to its last, and keep its outputs.

python scripts/run_tutorial.py
"""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import nbformat
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).resolve().parents[1] / "docs/tutorial.ipynb"
SECONDS = 600  # of one cell, at most


def execute(folder: Path) -> Any:
    """The notebook with the outputs of a run in `folder`. Raises CellExecutionError where a cell fails."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    client = NotebookClient(notebook, timeout=SECONDS, record_timing=False, resources={"metadata": {"path": folder}})
    return client.execute()


if __name__ == "__main__":
    with TemporaryDirectory() as empty:
        done = execute(Path(empty))
    nbformat.write(done, NOTEBOOK)
