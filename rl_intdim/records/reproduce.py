"""The train command that reruns one trial of a sweep, written from the sweep's configuration."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rl_intdim.config import cli
from rl_intdim.config.identity import flat
from rl_intdim.config.overrides import literal
from rl_intdim.config.schema import Command, SweepConfig
from rl_intdim.errors import ConfigError

PARTS = ("env", "agent", "subspace", "threads", "device")  # what a trial depends on, of a sweep's configuration
FREE = (
    "env.kwargs.",
    "agent.settings.",
    "agent.critic.",
    "agent.policy_kwargs.",
)  # mappings that take keys of any name


def words(config: SweepConfig, command: str = "") -> list[str]:
    """The words after `python -m rl_intdim.train` that all trials of a sweep share.

    They name the task, the agent and every value that differs from the catalogue's, such as tuned or changed settings
    and the projection that `auto` chose. --config-dir is taken from the sweep's command. If the catalogue no longer
    has the task or the agent, the words give every value.
    """
    folders: list[Path] = []
    options: list[str] = []
    try:
        folders, _ = cli.user_folders(shlex.split(command))
        options = cli.folder_words(folders)
    except (ConfigError, ValueError):  # the folder is gone, or the command was cut off
        pass
    env = config.env
    named = [f"env={env.name}", f"agent={config.agent.name}"]
    if env.name not in cli.register(folders)["env"] and env.name == env.id:  # any Gymnasium id
        named = ["env=gym", named[1], f"env.id={literal(env.id)}", f"env.threshold={env.threshold}"]
    try:
        train = cli.load("train", named, folders)
        known = _values(train)
    except ConfigError:
        known = {"env.name": env.name, "agent.name": config.agent.name}  # env= and agent= set the names
    changed = [
        f"{'++' if key.startswith(FREE) else ''}{key}={literal(value, key)}"
        for key, value in _values(config).items()
        if (key not in known or known[key] != value) and value != {}
    ]
    return [*options, *named, *changed]


def trial(shared: Sequence[str], d: int | str, seed: int | str) -> str:
    """The command of one trial, quoted for a shell; d and seed may be left open by dots."""
    return shlex.join(["python", "-m", "rl_intdim.train", *shared, f"d={d}", f"seed={seed}"])


def _values(config: Command) -> dict[str, Any]:
    """The values that a trial depends on, by dotted key."""
    every = asdict(config)
    return flat({part: every[part] for part in PARTS})
