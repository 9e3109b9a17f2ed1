"""The command that runs one trial of a sweep again, from the sweep's configuration."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rl_intdim.config import cli
from rl_intdim.config.identity import flat
from rl_intdim.config.schema import Command, SweepConfig
from rl_intdim.errors import ConfigError

PARTS = ("env", "agent", "subspace", "threads")  # of a sweep's configuration: what a trial depends on
FREE = (
    "env.kwargs.",
    "agent.settings.",
    "agent.critic.",
    "agent.policy_kwargs.",
)  # mappings that take keys of any name


def words(config: SweepConfig, command: str = "") -> list[str]:
    """The words after `python -m rl_intdim.train` that all trials of a sweep share.

    They name the task and the agent, and then each value that the catalogue gives otherwise, so that tuned or
    changed settings and the projection found by `auto` come along. A --config-dir is taken from the sweep's
    command; where the catalogue at hand no longer has the task or agent, every value is named.
    """
    folders: list[Path] = []
    options: list[str] = []
    try:
        folders, _ = cli.user_folders(shlex.split(command))
        options = [word for folder in folders for word in ("--config-dir", str(folder))]
    except (ConfigError, ValueError):  # a folder that is gone, a command cut off
        pass
    env = config.env
    named = [f"env={env.name}", f"agent={config.agent.name}"]
    if env.name not in cli.register(folders)["env"] and env.name == env.id:  # any Gymnasium id
        named = ["env=gym", named[1], f"env.id={_value(env.id)}", f"env.threshold={env.threshold}"]
    try:
        train = cli.load("train", named, folders)
        known = _values(train)
    except ConfigError:
        known = {"env.name": env.name, "agent.name": config.agent.name}  # name comes with the file
    changed = [
        f"{'++' if key.startswith(FREE) else ''}{key}={_value(value)}"
        for key, value in _values(config).items()
        if (key not in known or known[key] != value) and value != {}
    ]
    return [*options, *named, *changed]


def trial(shared: Sequence[str], d: int | str, seed: int) -> str:
    """The command of one trial, to paste into a shell."""
    return shlex.join(["python", "-m", "rl_intdim.train", *shared, f"d={d}", f"seed={seed}"])


def _values(config: Command) -> dict[str, Any]:
    """All that a trial depends on, by dotted key."""
    every = asdict(config)
    return flat({part: every[part] for part in PARTS})


def _value(value: Any) -> str:
    """A value in Hydra's syntax, which quotes with either sign and takes \\ before a quote within."""
    if isinstance(value, str) and not value.replace("_", "").replace("-", "").replace(".", "").isalnum():
        return "'" + value.replace("\\'", "\\\\'").replace("'", "\\'") + "'"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "[" + ",".join(map(_value, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}: {_value(item)}" for key, item in value.items()) + "}"
    return json.dumps(value)
