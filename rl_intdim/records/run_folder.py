"""The run folder: the configuration as run, trials appended as they finish, and the result.

config.yaml     the command, and the configuration
trials.jsonl    one line per finished trial, appended and on disk before the trial counts
sessions.jsonl  what they were made with: versions, type of CPU, commit and code
failures.jsonl  trials that broke down, if any
result.json     the answer
plot.png        score and solved fraction against d
curves.png      looks against env steps
solution.json   the solved policy of the smallest d
subspaces/      the learned subspaces of solved trials, if subspaces are learned
checkpoints/    of the trials that run: their progress, and their state where the task asks for it
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path

from omegaconf import OmegaConf

from rl_intdim.config.identity import completed, described, differing, dotted, first_seed
from rl_intdim.config.schema import SweepConfig
from rl_intdim.errors import ConfigError
from rl_intdim.files import append_line, write_whole
from rl_intdim.records import folder_lock, learned_subspaces, sessions
from rl_intdim.records.provenance import command
from rl_intdim.records.reader import read_config, read_trials, read_values
from rl_intdim.records.result import SweepRecord
from rl_intdim.search.trials import TrialRecord

FIRST = {folder_lock.NAME, "config.yaml.part"}  # files that exist before config.yaml does


def seeded(config: SweepConfig) -> SweepConfig:
    """The configuration with its first seed. If the user named none, it is the run folder's, or else drawn from the
    configuration. Raises ConfigError."""
    if config.search.seed is not None:
        return config
    folder = Path(config.out)
    kept = read_config(folder).search.seed if (folder / "config.yaml").exists() else None
    seed = first_seed(dotted(asdict(config))) if kept is None else kept
    return replace(config, search=replace(config.search, seed=seed))


def trial_folders(folder: Path) -> list[Path]:
    """The folders of a run folder's trials that run, or ran when the sweep was cut off."""
    return sorted(path for path in folder.glob("checkpoints/*") if path.is_dir())


class Store:
    """One run folder, locked by one process at a time. Raises ConfigError if it belongs to another run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self, config: SweepConfig) -> Iterator["Store"]:
        """Create or resume the folder for `config`, and lock it."""
        if (self.folder / "config.yaml").exists():
            self.compare(config)
        elif self.folder.exists() and any(path.name not in FIRST for path in self.folder.iterdir()):
            raise ConfigError(f"out={self.folder}: not a run folder, and not empty. Give another out=...")
        busy = "another process is running this sweep. Wait for it, or give another out=..."
        with folder_lock.held(self.folder, self.folder, busy):
            try:
                self.compare(config)  # again, now that no other process can write
                words = command().replace("\n", " ")
                text = f"# {words}\n{OmegaConf.to_yaml(OmegaConf.create(asdict(config)))}"
                write_whole(self.folder / "config.yaml", text)
                for name in ("trials.jsonl", "failures.jsonl", sessions.NAME):
                    self._mend(name)
                sessions.begin(self.folder, config)
                (self.folder / "checkpoints").mkdir(exist_ok=True)
                self._forget_running()
                yield self
            finally:
                self._forget_running()
                with suppress(OSError):  # not there, or not empty
                    (self.folder / "checkpoints").rmdir()

    def compare(self, config: SweepConfig) -> None:
        """Raise a ConfigError if the folder belongs to another run."""
        path = self.folder / "config.yaml"
        if not path.exists():
            return
        written, new = dotted(read_values(self.folder)), dotted(asdict(config))
        old = completed(written, new)
        if key := differing(old, new):
            was = f"with {described(old, key)}"
            if key in old and key not in written:
                was = f"before there was {key}, which counts as {old[key]}"
            raise ConfigError(
                f"out={self.folder}: made {was}, and this command has {described(new, key)}. "
                "Its trials cannot be mixed; give another out=..."
            )

    def _mend(self, name: str) -> None:
        """Move a last line that a crash cut off to torn.txt, so that the next line starts on its own."""
        path = self.folder / name
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            whole, torn = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
            append_line(self.folder / "torn.txt", torn.decode(errors="replace"))
            with path.open("r+b") as file:
                file.truncate(len(whole))

    def trials(self, config: SweepConfig, D: int) -> list[TrialRecord]:
        """All finished trials, in the order in which they finished. Raises ConfigError for a line that is not a
        trial of this task, which has D parameters."""
        return read_trials(self.folder, config, D)

    def append(self, trial: TrialRecord) -> None:
        learned_subspaces.write(self.folder, trial)  # first, so that no line lacks its file
        append_line(self.folder / "trials.jsonl", json.dumps(trial.line(), allow_nan=False))

    def checkpoints(self, d: int | str, seed: int) -> Path:
        """The folder where a trial keeps its state while it runs."""
        return self.folder / "checkpoints" / f"d-{d}-seed-{seed}"

    def forget(self, d: int | str, seed: int) -> None:
        """Remove the state of a trial that has finished."""
        shutil.rmtree(self.checkpoints(d, seed), ignore_errors=True)

    def _forget_running(self) -> None:
        """Remove what trials that were cut off told, and their folders if they hold no state."""
        for folder in trial_folders(self.folder):
            with suppress(OSError):
                for name in ("progress.json", "said.txt"):
                    (folder / name).unlink(missing_ok=True)
                folder.rmdir()

    def append_failure(self, d: int | str, seed: int, attempt: int, message: str, traceback: str) -> None:
        failure = {"d": d, "seed": seed, "attempt": attempt, "message": message, "traceback": traceback}
        append_line(self.folder / "failures.jsonl", json.dumps(failure))

    def write_result(self, result: SweepRecord) -> None:
        write_whole(self.folder / "result.json", result.to_json() + "\n")
