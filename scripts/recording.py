"""Figures that a script measured, written with what gave them."""

import json
from pathlib import Path
from typing import Any

from rl_intdim.files import write_whole
from rl_intdim.records import provenance


def record(figures: dict[str, Any], path: Path) -> None:
    """Write figures to a JSON file, with the commit, the command line and the versions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    given_by = {"commit": provenance.commit(), "command": provenance.command(), "versions": provenance.versions()}
    write_whole(path, json.dumps(figures | given_by, indent=2) + "\n")
