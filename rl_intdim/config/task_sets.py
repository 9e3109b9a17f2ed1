"""Sets of tasks by name: those of the catalogue that have a threshold, all of them or the small ones."""

from collections.abc import Sequence
from pathlib import Path

from omegaconf import OmegaConf

from rl_intdim.config import catalogue
from rl_intdim.errors import ConfigError, choices

SETS = {
    "small": "the tasks whose trials take seconds or minutes: those without `checkpoint` in their file",
    "all": "every task of the catalogue",
}


def tasks(words: str, folders: Sequence[Path] = ()) -> tuple[list[str], dict[str, str]]:
    """The tasks that `words` name, a set or names with commas between them; and those of the set that have no
    threshold, each with its file's reason. Raises ConfigError for a name that is neither."""
    files = {name: path for name, path in catalogue.files("envs", folders).items() if name != "gym"}
    if words not in SETS:
        chosen = words.split(",")
        for name in chosen:
            if name not in files:
                raise ConfigError(f"tasks={words}: {name!r} is no task, and no set. {choices(name, [*SETS, *files])}")
        return list(dict.fromkeys(chosen)), {}
    nodes = {name: catalogue.task_node(path) for name, path in files.items()}
    nodes = {name: node for name, node in nodes.items() if words == "all" or node.checkpoint is None}
    without = {name: node.threshold_source for name, node in nodes.items() if OmegaConf.is_missing(node, "threshold")}
    return sorted(nodes.keys() - without.keys()), without
