"""The only reader of run folders: configuration, trials and result, typed and checked. Errors name file and line.

Keys that older records lack get their field's default; keys that this version does not know are ignored.
"""

from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
from omegaconf import MISSING, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from rl_intdim.config.identity import BEFORE
from rl_intdim.config.schema import AGENTS, SweepConfig, Task
from rl_intdim.errors import ConfigError, choices, one_line
from rl_intdim.records.result import STATUSES, SweepRecord
from rl_intdim.search.trials import Job, TrialRecord


def read_values(folder: Path) -> dict[str, Any]:
    """The configuration of a run folder, with the keys and values as written. Raises a ConfigError if it is not a
    run folder, which names the run folders beside it."""
    path = folder / "config.yaml"
    if not path.is_file():
        around = folder if folder.is_dir() else folder.parent
        others = sorted(str(path.parent) for path in around.glob("*/config.yaml"))
        near = f"Run folders there: {', '.join(others)}." if others else f"No run folders in {around} either."
        raise ConfigError(f"{folder}: not a run folder (no config.yaml). {near}")
    try:
        values: Any = OmegaConf.to_container(OmegaConf.load(path))
        values["env"]["name"], values["env"]["id"], values["agent"]["name"]
    except (OSError, YAMLError, OmegaConfBaseException, UnicodeDecodeError, KeyError, TypeError) as error:
        raise ConfigError(f"{path}: not a sweep's configuration: {one_line(error)}") from None
    return values


def read_config(folder: Path) -> SweepConfig:
    """The configuration of a run folder. Raises ConfigError if it is not one, or a value has the wrong type."""
    values, path = read_values(folder), folder / "config.yaml"
    trainer = values["agent"].get("trainer")
    if trainer not in AGENTS:
        raise ConfigError(f"{path}: agent.trainer: {trainer!r} is no trainer. {choices(trainer, AGENTS)}")
    agent = BEFORE.get(values["agent"].get("strategy"), {}) | values["agent"]
    config = replace(
        _converted(values, SweepConfig, path),
        env=_converted(values["env"], Task, path, "env."),
        agent=_converted(agent, AGENTS[trainer], path, "agent."),
    )
    for key, value in (("env.budget", config.env.budget), ("search.round", config.search.round)):
        if value < 1:
            raise ConfigError(f"{path}: {key}: {value}: must be at least 1.")
    return config


def read_command(folder: Path) -> str:
    """The command that runs, or last ran, the sweep of a run folder; "" in a folder from before it was kept."""
    first, _, _ = (folder / "config.yaml").read_text(encoding="utf-8").partition("\n")
    return first.removeprefix("# ") if first.startswith("# ") else ""


def _converted(values: dict[str, Any], cls: type, path: Path, prefix: str = "") -> Any:
    try:
        made: Any = msgspec.convert(values, cls)
    except msgspec.ValidationError as error:
        raise ConfigError(f"{path}: {prefix}{_reason(error)}.") from None
    for f in fields(cls):
        if f.default == MISSING and getattr(made, f.name) == MISSING:
            raise ConfigError(f"{path}: {prefix}{f.name}: missing.")
    return made


def read_trials(folder: Path, config: SweepConfig, D: int | None = None) -> list[TrialRecord]:
    """All finished trials of a run folder, in the order in which they finished. Raises a ConfigError that names the
    line if it is not a trial that this program writes. All trials must have the same D, equal to `D` if given."""
    path = folder / "trials.jsonl"
    try:
        # A last line without a newline is still being written, or was cut off by a crash: it does not count.
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    trials: list[TrialRecord] = []
    seen: dict[Job, int] = {}
    for number, line in enumerate(lines, 1):
        try:
            trial = _decoder(TrialRecord).decode(line.decode())
            wrong = _wrong(trial, bool(config.env.goal.info))
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            wrong = _reason(error)
        if not wrong and trials and trials[0].D != trial.D:
            wrong = f"D: {trial.D}, and the trials before have {trials[0].D}"
        if not wrong and D not in (None, trial.D):
            raise ConfigError(
                f"{path}: made with D = {trial.D:,}, and the task's policy has {D:,} parameters now: its environment "
                "or network has changed since. Give another out=..."
            )
        if not wrong and (twin := seen.setdefault((trial.d, trial.seed), number)) != number:
            wrong = f"d={trial.d} seed={trial.seed} is already in line {twin}"
        if wrong:
            raise ConfigError(
                f"{path}, line {number}: not a trial: {wrong}: {line[:40].decode(errors='replace')!r}. "
                "It was not written by this program; remove it."
            )
        trials.append(trial)
    return trials


def _wrong(t: TrialRecord, goal: bool) -> str:
    """What is inconsistent in a trial's record, or "". With a goal, looks and confirmations have one more number."""
    size = len(t.theta_d) if t.theta_d is not None else None  # None: not kept
    counts = {"seed": t.seed, "env_steps": t.env_steps, "scoring_steps": t.scoring_steps, "seconds": t.seconds}
    if t.D < 1 or not (t.direct or (isinstance(t.d, int) and 0 <= t.d <= t.D)):
        return f"d: {t.d!r} is neither a whole number from 0 to D = {t.D} nor direct"
    for key, value in counts.items():
        if value < 0:
            return f"{key}: {value} is below 0"
    if t.solved is (t.solved_at is None) or not 0 <= (t.solved_at or 0) <= t.env_steps:
        return f"solved_at: {t.solved_at}, with solved {t.solved} and env_steps {t.env_steps}"
    if size not in ((None, 0, t.D) if t.direct else (None, t.d)):
        return f"theta_d: {size} numbers, and d is {t.d}"
    for key, rows, width in (("curve", t.curve, 3 + goal), ("confirmations", t.confirmations, 2 + goal)):
        if any(len(row) != width for row in rows):
            return f"{key}: rows of {width} numbers are expected"
    return ""


def read_result(folder: Path) -> SweepRecord | None:
    """The result of a run folder; None if its sweep has not ended. Raises ConfigError if the file is not a result."""
    path = folder / "result.json"
    if not path.exists():
        return None
    try:
        record: SweepRecord = _decoder(SweepRecord).decode(path.read_bytes().decode())
        if record.status not in STATUSES:
            raise msgspec.ValidationError(f"{record.status!r} is none of {', '.join(STATUSES)} - at `$.status`")
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path}: not a sweep's result: {_reason(error)}. Remove it: the sweep's command writes it again."
        ) from None
    return record


@cache
def _decoder(cls: type) -> Any:
    return msgspec.json.Decoder(cls)


def _reason(error: Exception) -> str:
    """A decoding error with the key first: solved: expected bool, got str."""
    what, _, key = one_line(error).partition(" - at `$")
    what = what.replace("`", "")
    return f"{key.strip('.`')}: {what[0].lower()}{what[1:]}" if key.strip(".`") else what
