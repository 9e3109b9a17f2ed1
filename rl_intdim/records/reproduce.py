"""The train command that reruns one trial of a sweep, written from the sweep's configuration."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from rl_intdim.config import cli
from rl_intdim.config.catalogue import files, task_node
from rl_intdim.config.identity import dotted
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
LIKE = {"evolution": "cma", "gradient": "ppo"}  # an agent of each trainer


def words(config: SweepConfig, command: str = "") -> list[str]:
    """The words after `python -m rl_intdim.train` that all trials of a sweep share.

    They name the task, the agent and every value that differs from the catalogue's, such as tuned or changed settings
    and the projection that `auto` chose; `~key` takes away a setting that the sweep did not have. --config-dir is
    taken from the sweep's command. A task or an agent that the catalogue does not have is another one with all of its
    values.
    """
    folders: list[Path] = []
    options: list[str] = []
    try:
        folders, _ = cli.user_folders(shlex.split(command))
        options = cli.folder_words(folders)
    except (ConfigError, ValueError):  # the folder is gone, or the command was cut off
        pass
    env, agent, names = config.env, config.agent, cli.register(folders)

    def there(group: str, name: str) -> bool:
        return name in names[group] and (group, name) not in names.broken

    own = ["env=gym", f"env.id={literal(env.id)}", f"env.threshold={env.threshold}"]
    named = [f"env={env.name}"] if there("env", env.name) else own
    if named != own and OmegaConf.is_missing(task_node(files("envs", folders)[env.name]), "threshold"):
        named.append(own[-1])
    named.append(f"agent={agent.name if there('agent', agent.name) else LIKE[agent.trainer]}")
    known = _values(cli.load("train", named, folders))
    values = _values(config)
    changed = [
        f"{'++' if key.startswith(FREE) else ''}{key}={literal(value, key)}"
        for key, value in values.items()
        if (key not in known or known[key] != value) and value != {}
    ]
    if values["env.id"] != known["env.id"] and values["env.threshold"] == known["env.threshold"]:
        changed.append(f"env.threshold={env.threshold}")  # of another environment
    gone = [f"~{key}" for key in known if key.startswith(FREE) and key not in values]
    return [*options, *named, *changed, *gone]


def trial(shared: Sequence[str], d: int | str, seed: int | str) -> str:
    """The command of one trial, quoted for a shell; d and seed may be left open by dots."""
    return shlex.join(["python", "-m", "rl_intdim.train", *shared, f"d={d}", f"seed={seed}"])


def _values(config: Command) -> dict[str, Any]:
    """The values that a trial depends on, by dotted key."""
    every = asdict(config)
    return dotted({part: every[part] for part in PARTS})
