"""The subspaces that solved trials learned, beside the trials: a file each, since no seed draws them again."""

import io
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from rl_intdim.errors import ConfigError
from rl_intdim.files import write_whole
from rl_intdim.search.trials import Job, TrialRecord

FOLDER = "subspaces"


def path(folder: Path, job: Job) -> Path:
    """The file of a trial's subspace in a run folder."""
    return folder / FOLDER / f"d-{job[0]}-seed-{job[1]}.npz"


def write(folder: Path, trial: TrialRecord) -> None:
    """Write what a trial learned of its subspace, if it did and solved. Raises WriteFailure."""
    learned = {"theta0": trial.theta0, "basis": trial.basis}
    arrays = {name: np.array(numbers, np.float32) for name, numbers in learned.items() if numbers is not None}
    if not arrays or not trial.solved:
        return
    data = io.BytesIO()
    np.savez_compressed(data, **arrays)  # type: ignore[arg-type]
    write_whole(path(folder, (trial.d, trial.seed)), data.getvalue())


def read(folder: Path, job: Job) -> dict[str, Any]:
    """theta0 (D,) and basis (d, D), each if it was learned. Raises ConfigError if the file is not there, or not one
    of this program's."""
    try:
        with np.load(io.BytesIO(path(folder, job).read_bytes())) as arrays:
            return {name: arrays[name].tolist() for name in ("theta0", "basis") if name in arrays}
    except (OSError, EOFError, ValueError, BadZipFile) as error:
        raise ConfigError(f"{path(folder, job)}: not the learned subspace of a trial: {error}") from None
