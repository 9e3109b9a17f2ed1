"""The run folder: the configuration as run, trials appended as they finish, and the result.

config.yaml     the configuration
trials.jsonl    one line per finished trial; append-only, on disk before the trial is counted
failures.jsonl  trials that broke down, if any
result.json     the answer
plot.png        score and solved fraction against d
curves.png      looks against env steps
solution.json   the solved policy of the smallest d
checkpoints/    the state of trials that are running, where the task asks for it
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rl_intdim.config.identity import differing, flat
from rl_intdim.errors import ConfigError
from rl_intdim.files import append_line, write_whole

TRIAL_KEYS = {"d", "seed", "D", "solved", "score", "env_steps"}  # what is read of every trial
FIRST = {".lock", "config.yaml.part"}  # what is there before config.yaml is


class Store:
    """One run folder, held by one process at a time. Raises ConfigError if it belongs to another run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @contextmanager
    def open(self, config: dict[str, Any]) -> Iterator["Store"]:
        """Make or resume the folder for `config` and lock it."""
        if (self.folder / "config.yaml").exists():
            self._compare(config)
        elif self.folder.exists() and any(path.name not in FIRST for path in self.folder.iterdir()):
            raise ConfigError(f"out={self.folder}: not a run folder, and not empty. Give another out=...")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock")
            lock.acquire(timeout=0)
        except Timeout:
            raise ConfigError(
                f"out={self.folder}: another process is running this sweep. Wait for it, or give another out=..."
            ) from None
        except OSError as error:
            raise ConfigError(f"out={self.folder}: cannot be made: {error.strerror}.") from None
        try:
            self._compare(config)  # again, now that nobody else can write
            write_whole(self.folder / "config.yaml", OmegaConf.to_yaml(OmegaConf.create(config)))
            for name in ("trials.jsonl", "failures.jsonl"):
                self._mend(name)
            yield self
        finally:
            lock.release()

    def _compare(self, config: dict[str, Any]) -> None:
        path = self.folder / "config.yaml"
        if not path.exists():
            return
        old = flat(read_config(self.folder))
        new = flat(config)
        if key := differing(old, new):
            was = f"with {key}={old[key]}" if key in old else f"before there was {key}"
            raise ConfigError(
                f"out={self.folder}: made {was}, and this command has {key}={new.get(key)}. "
                "Its trials cannot be mixed; give another out=..."
            )

    def _mend(self, name: str) -> None:
        """A line that was cut off by a crash goes to a file of its own, so that the next one starts clean."""
        path = self.folder / name
        data = path.read_bytes() if path.exists() else b""
        if data and not data.endswith(b"\n"):
            whole, torn = data[: data.rfind(b"\n") + 1], data[data.rfind(b"\n") + 1 :]
            append_line(self.folder / "torn.txt", torn.decode(errors="replace"))
            with path.open("r+b") as file:
                file.truncate(len(whole))

    def trials(self) -> list[dict[str, Any]]:
        """All finished trials, in the order in which they finished."""
        return trials(self.folder)

    def append(self, trial: dict[str, Any]) -> None:
        append_line(self.folder / "trials.jsonl", json.dumps(trial, allow_nan=False))

    def checkpoints(self, d: int | str, seed: int) -> Path:
        """Where a trial keeps its state while it runs."""
        return self.folder / "checkpoints" / f"d-{d}-seed-{seed}"

    def forget(self, d: int | str, seed: int) -> None:
        """Remove the state of a trial that has finished."""
        shutil.rmtree(self.checkpoints(d, seed), ignore_errors=True)

    def running(self) -> list[Path]:
        """The folders of the trials that are running, or were when the sweep was cut off."""
        return sorted(path for path in self.folder.glob("checkpoints/*") if path.is_dir())

    def append_failure(self, failure: dict[str, Any]) -> None:
        append_line(self.folder / "failures.jsonl", json.dumps(failure))

    def write_result(self, result: dict[str, Any]) -> None:
        write_whole(self.folder / "result.json", json.dumps(result, indent=2, allow_nan=False) + "\n")


def read_config(folder: Path) -> dict[str, Any]:
    """The configuration of a run folder. Raises ConfigError for what is none, and names those beside it."""
    if not (folder / "config.yaml").is_file():
        around = folder if folder.is_dir() else folder.parent
        found = sorted(str(path.parent) for path in around.glob("*/config.yaml"))
        near = f"Run folders there: {', '.join(found)}." if found else f"No run folders in {around} either."
        raise ConfigError(f"{folder}: not a run folder (no config.yaml). {near}")
    try:
        config: Any = OmegaConf.to_container(OmegaConf.load(folder / "config.yaml"))
        config["env"]["name"], config["env"]["id"], config["agent"]["name"]
    except (OSError, YAMLError, OmegaConfBaseException, UnicodeDecodeError, KeyError, TypeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise ConfigError(f"{folder / 'config.yaml'}: not a sweep's configuration: {reason}") from None
    return config


def result(folder: Path) -> dict[str, Any]:
    """The result of a run folder; {} while its sweep has not ended. Raises ConfigError for what is none."""
    path = folder / "result.json"
    if not path.exists():
        return {}
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        int(found["trials"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a sweep's result: {type(error).__name__}: {error}") from None
    return found


def trials(folder: Path) -> list[dict[str, Any]]:
    """All finished trials of a run folder, in the order in which they finished. Raises ConfigError."""
    path, found = folder / "trials.jsonl", []
    # A last line without its end is being written, or was cut off by a crash: it does not count.
    lines = path.read_text(encoding="utf-8").split("\n")[:-1] if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            trial = json.loads(line)
        except ValueError:
            trial = None
        if not isinstance(trial, dict) or not trial.keys() >= TRIAL_KEYS:
            raise ConfigError(
                f"{path}, line {number}: not a trial: {line[:40]!r}. It was not written by this program; remove it."
            )
        found.append(trial)
    return found
