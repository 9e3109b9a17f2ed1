"""The catalogue: YAML files of tasks and agents, ours and the user's, read into the typed schema."""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields, is_dataclass
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

import yaml
from omegaconf import DictConfig, ListConfig, OmegaConf
from omegaconf.errors import ConfigKeyError, MissingMandatoryValue, OmegaConfBaseException, ValidationError

from rl_intdim.config import hints, keys
from rl_intdim.config.schema import AGENTS, Task
from rl_intdim.errors import ConfigError, choices, one_line


def shipped(catalogue: str) -> Path:
    """The folder of the shipped envs or agents: in the package when installed, beside it in a checkout."""
    package = Path(__file__).parents[1]
    inside, beside = package / "data" / catalogue, package.parent / catalogue
    return inside if inside.is_dir() or not (package.parent / "pyproject.toml").is_file() else beside


def files(catalogue: str, folders: Sequence[Path] = ()) -> dict[str, Path]:
    """The YAML files of a catalogue, envs or agents, by name: the shipped ones and those in the user's folders. Of
    two files of one name, the later folder's wins. A user's folder may be called env or envs, agent or agents."""
    user = [folder / name for folder in folders for name in (catalogue.removesuffix("s"), catalogue)]
    return {path.stem: path for folder in (shipped(catalogue), *user) for path in sorted(folder.glob("*.yaml"))}


def about(path: Path) -> str:
    """The comment at the head of a catalogue file, which says what it is for."""
    words = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if not line.startswith("#"):
            break
        words.append(line.strip("# "))
    return " ".join(words)


Node = TypeVar("Node")


def stamp(path: Path) -> object:
    """A value that changes when the file changes; None if there is no file."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return path.absolute(), stat.st_mtime_ns, stat.st_size


def once(read: Callable[[Path], Node]) -> Callable[[Path], Node]:
    """Read each file once per process, and again when it has changed. Callers share the result and must not write to
    it; merging copies it."""
    cached = lru_cache(maxsize=1000)(lambda path, stamp: read(path))
    return wraps(read)(lambda path: cached(path, stamp(path)))


@cache
def schema(cls: type) -> DictConfig:
    """A typed OmegaConf node of a frozen dataclass, into which values can be merged; its dicts accept new keys.

    Callers share the node and must not write to it; merging copies it.
    """
    return _thaw(OmegaConf.structured(cls))


def _thaw(node: Any) -> Any:
    OmegaConf.set_readonly(node, None)
    if isinstance(node, DictConfig) and not node._is_none():
        if OmegaConf.get_type(node) is dict:
            OmegaConf.set_struct(node, False)
        for key in node:
            child = node._get_node(key)
            if isinstance(child, (DictConfig, ListConfig)) and not (child._is_none() or child._is_missing()):
                _thaw(child)
    return node


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML mapping from a file, or a ConfigError that names file and line. OmegaConf's YAML reads 3e-4 as a number
    and refuses a key that is given twice."""
    try:
        data: Any = OmegaConf.to_container(OmegaConf.load(path))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}, line {mark.line + 1}, column {mark.column + 1}" if mark else str(path)
        raise ConfigError(f"{where}: not valid YAML: {error.problem or error}") from None
    except OmegaConfBaseException as error:
        raise ConfigError(f"{path}: {explain(error)}") from None
    except (yaml.YAMLError, UnicodeDecodeError, OSError) as error:
        raise ConfigError(f"{path}: cannot be read: {one_line(error)}") from None
    if not isinstance(data, dict):
        raise ConfigError(f"{path}: expected `key: value` lines, got {type(data).__name__}.")
    return data


def merged(cls: type, values: dict[str, Any], where: object) -> DictConfig:
    """`values` in the schema `cls`. Raises a ConfigError that names `where` for a key or type that does not fit."""
    try:
        return OmegaConf.merge(schema(cls), hints.whole(cls, values))  # type: ignore[return-value]
    except OmegaConfBaseException as error:
        raise ConfigError(f"{where}: {explain(error, schema(cls))}") from None


def _named(path: Path) -> dict[str, Any]:
    """The mapping of a catalogue file, with its name: the file's own, unless it follows another key's value."""
    data = {"name": path.stem} | read_yaml(path)
    if str(data["name"]) != path.stem and "${" not in str(data["name"]):
        raise ConfigError(f"{path}: name: {data['name']!r}: must be the file's own, {path.stem}; leave it out.")
    return data


@once
def read_task(path: Path) -> tuple[DictConfig, str | None]:
    """The typed node of one file in envs/, and the agent that suits the task (`agent:` in the file, or None).

    The agent is not part of the task; it only sets the command line's default.
    """
    data = _named(path)
    agent = data.pop("agent", None)
    return merged(Task, data, path), agent


def task_node(path: Path) -> DictConfig:
    """The typed node of one file in envs/."""
    return read_task(path)[0]


@once
def agent_nodes(path: Path) -> tuple[DictConfig, dict[str, dict[str, Any]]]:
    """The typed node of one file in agents/, and its tuned settings by task (`tasks:` in the file)."""
    data = _named(path)
    tuned = data.pop("tasks", None) or {}
    trainer = data.get("trainer")
    if not isinstance(trainer, str) or trainer not in AGENTS:
        raise ConfigError(f"{path}: trainer: {trainer!r} is no trainer. {choices(trainer, AGENTS)}")
    node = merged(AGENTS[trainer], data, path)
    if not isinstance(tuned, dict):
        raise ConfigError(f"{path}: tasks: expected a mapping of task names to settings, got {tuned!r}.")
    for task, values in tuned.items():
        if not isinstance(values, dict):
            raise ConfigError(f"{path}: tasks.{task}: expected `key: value` lines, got {values!r}.")
        merged(AGENTS[trainer], data | values, f"{path}: tasks.{task}")
    return node, {task: hints.whole(AGENTS[trainer], values) for task, values in tuned.items()}


def explain(error: Exception, root: DictConfig | None = None) -> str:
    """An OmegaConf error as one line for the user: the key, the value and what is valid."""
    key = getattr(error, "full_key", None) or str(getattr(error, "key", "") or "")
    if isinstance(error, ValidationError) and root is not None and (valid := _valid(str(key), root)):
        return f"{key}: must be {valid}."
    text = str(getattr(error, "msg", None) or error).split("\n")[0]
    if isinstance(error, (ConfigKeyError, AttributeError)) and root is not None and key:
        *parents, last = str(key).split(".")
        node: Any = OmegaConf.select(root, ".".join(parents)) if parents else root
        if isinstance(node, DictConfig):
            return f"{key}: no such key. {choices(last, [str(k) for k in node])}"
    _, missing, source = text.partition("Missing mandatory value: ")  # while resolving ${source}
    if isinstance(error, MissingMandatoryValue) or missing:
        return f"{source or key}: missing, and it has no default. Give {source or key}=..."
    return f"{key}: {text}" if key and not text.startswith(str(key)) else text


def _valid(key: str, root: DictConfig) -> str:
    """What is valid for a dotted key of `root`, in words; "" if its schema is not known."""
    *parents, last = re.sub(r"\[\d+\]", "", key).split(".")  # search.ds, of search.ds[0]
    node: Any = OmegaConf.select(root, ".".join(parents)) if parents else root
    cls = OmegaConf.get_type(node) if isinstance(node, DictConfig) else None
    field = next((f for f in fields(cls) if f.name == last), None) if is_dataclass(cls) else None
    if field is None:
        return ""
    hint, found = get_type_hints(cls)[last], keys.of(field)
    words, bounds = hints.words(hint), found.bounds() if found else ""
    if "number" in words and "number" in bounds:
        valid = bounds
    else:
        valid = f"{words}, {bounds}" if bounds[:1].isdigit() else f"{words} {bounds}".strip()
    return f"{valid}, or null" if type(None) in get_args(hint) and words else valid
