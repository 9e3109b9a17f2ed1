"""A command's configuration: Hydra composes it from the schema, the catalogue and the command line's words."""

import re
from collections.abc import Sequence
from dataclasses import fields, make_dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize
from hydra.core.config_store import ConfigStore
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from rl_intdim.config import catalogue, hints, overrides
from rl_intdim.config import schema as cfg
from rl_intdim.config.identity import dotted
from rl_intdim.config.validation import check
from rl_intdim.errors import ConfigError, choices

COMMANDS: dict[str, type[cfg.Command] | type[cfg.FileCommand]] = {
    "sweep": cfg.SweepConfig,
    "train": cfg.TrainConfig,
    "play": cfg.PlayConfig,
    "compress": cfg.CompressConfig,
}
# A name as part of a file's: of ALE/Pong-v5, or module:Id.
OmegaConf.register_new_resolver("filename", lambda name: re.sub("[/:]", "-", name), replace=True)
GROUPS = {"env": "task", "agent": "agent", "search": "search", "runner": "runner"}  # Hydra's group -> what it holds
SEARCHES: dict[str, dict[str, Any]] = {
    "adaptive": {},
    "grid": {"grid": 22, "seeds": 5, "full_budget": True},  # the paper's protocol for its RL figures
}


class Names(dict[str, list[str]]):
    """The names of each group's configurations, those of files that do not fit the schema included. `broken`: the
    error of each such file, by group and name, which concerns only who asks for it."""

    broken: dict[tuple[str, str], ConfigError]


@cache
def key_hints(name: str) -> dict[str, Any]:
    """The type hint of every dotted key that a command's words may change, those of both agent classes included."""
    agents = [make_dataclass(trainer, [("env", cfg.Task), ("agent", cls)]) for trainer, cls in cfg.AGENTS.items()]
    return hints.of([COMMANDS[name], *(agents if issubclass(COMMANDS[name], cfg.Command) else [])])


def register(folders: Sequence[Path] = ()) -> Names:
    """Put every catalogue file that fits the schema into Hydra's store as a typed node, and return the names. Later
    folders win."""
    agents, tasks = catalogue.files("agents", folders), catalogue.files("envs", folders)
    return _register(
        *(tuple((name, path, catalogue.stamp(path)) for name, path in f.items()) for f in (agents, tasks))
    )


@lru_cache(maxsize=1)  # only the last call's, since Hydra's store holds its files
def _register(agents: tuple[tuple[str, Path, object], ...], tasks: tuple[tuple[str, Path, object], ...]) -> Names:
    nodes: list[tuple[str | None, str, Any]] = []  # group, name, node
    nodes += [(None, name, catalogue.schema(cls)) for name, cls in COMMANDS.items()]  # type: ignore[arg-type]
    nodes += [("search", name, catalogue.merged(cfg.Search, values, name)) for name, values in SEARCHES.items()]
    nodes += [("runner", name, catalogue.merged(cfg.Runner, {"name": name}, name)) for name in cfg.RUNNERS]
    broken: dict[tuple[str, str], ConfigError] = {}
    for name, path, _ in agents:
        try:
            node, tuned = catalogue.agent_nodes(path)
            for task in tuned.keys() - {name for name, *_ in tasks}:
                raise ConfigError(
                    f"{path}: tasks: {task}: no such task. {choices(task, [name for name, *_ in tasks])}"
                )
        except ConfigError as error:
            broken["agent", name] = error
            continue
        nodes.append(("agent", name, node))
        nodes += [("tuned", f"{name}-{task}", values) for task, values in tuned.items()]
    agent_names = [name for name, _, _ in agents]
    for name, path, _ in tasks:
        try:
            node, suited = catalogue.read_task(path)
            if suited is not None and suited not in agent_names:
                raise ConfigError(f"{path}: agent: {suited}: no such agent. {choices(suited, agent_names)}")
        except ConfigError as error:
            broken["env", name] = error
            continue
        nodes.append(("env", name, _with_agent(node, suited)))
    store = ConfigStore.instance()
    for old in (*GROUPS, "tuned"):
        store.repo.pop(old, None)  # of files that were there before, and are broken or gone
    for group, name, node in nodes:
        store.store(name=name, node=node, group=group)
    everything = [*((group, name) for group, name, _ in nodes), *broken]
    names = Names({group: sorted(name for of, name in everything if of == group) for group in GROUPS})
    names.broken = broken
    return names


def _with_agent(task: DictConfig, agent: str | None) -> DictConfig:
    """The task's node, with this agent as its default unless the command line names one."""
    if agent is None:
        return task
    node = task.copy()
    with open_dict(node):
        node["defaults"] = [{"override /agent@_global_.agent": agent}]
    return node


def with_implied(words: Sequence[str]) -> list[str]:
    """The words, and those that they imply: a threshold from the command line has the command line as its source."""
    heads = {word.partition("=")[0].lstrip("+") for word in words}
    alone = "env.threshold" in heads and "env.threshold_source" not in heads
    return [*words, *(["env.threshold_source='the command line'"] if alone else [])]


def compose(name: str, words: Sequence[str], names: Names) -> DictConfig:
    """The configuration that `words` ask for, not checked yet. Raises ConfigError for a word that does not fit."""
    words = [overrides.with_whole_numbers(word, key_hints(name)) for word in words]
    for word in words:
        _check_word(name, word, names)
    groups = [word for word in words if word.partition("=")[0] in names]
    try:
        for word in words:
            key = word.partition("=")[0].lstrip("+~")
            if not (key in key_hints(name) or hints.free(key, key_hints(name)) or key.startswith("hydra")):
                raise _unknown(word, key, hydra_compose(name, groups))
        heads = {word.partition("=")[0].lstrip("+"): word for word in words}
        node = hydra_compose(name, list(words))
        if "env.id" in heads and "env.threshold" not in heads:
            _check_id(heads["env.id"], hydra_compose(name, groups).env, node.env)
        return node
    except MissingConfigException as error:
        group, _, stem = str(error.missing_cfg_file).rpartition("/")
        raise names.broken.get((group, stem)) or ConfigError(str(error).split("\n")[0]) from None
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ or error
        if not isinstance(cause, OmegaConfBaseException):
            raise ConfigError(str(error).split("\n")[0]) from None
        word = next((w for w in words if w.lstrip("+~").partition("=")[0] == cause.full_key), cause.full_key or "")
        reason = catalogue.explain(cause, hydra_compose(name, groups))
        raise ConfigError(f"{word}: {reason}".replace(f"{word}: {cause.full_key}: ", f"{word}: ")) from None


def _check_id(word: str, file: DictConfig, env: DictConfig) -> None:
    """Raise a ConfigError if a task keeps its file's threshold with another environment."""
    missing = OmegaConf.is_missing(file, "id") or OmegaConf.is_missing(file, "threshold")
    if not missing and file.id != env.id:
        raise ConfigError(
            f"{word}: the threshold {file.threshold:g} of {file.name} is for {file.id}. Give env.threshold=... too, "
            f"or env=gym {word} env.threshold=..."
        )


def _check_word(name: str, word: str, names: Names) -> None:
    """Raise a ConfigError for mistakes that Hydra would report in a longer message of its own."""
    head, _, value = word.partition("=")
    key = head.lstrip("+~")
    if key in names and issubclass(COMMANDS[name], cfg.FileCommand):
        raise ConfigError(f"{word}: no such key. {choices(key, [f.name for f in fields(COMMANDS[name])])}")
    if key == "hydra.job.chdir":  # of several, each would run in a temporary folder, which is removed
        raise ConfigError(
            f"{word}: a command stays in the folder where it is started; valid: out=..., for its files."
        )
    if head in names and value not in names[head]:
        raise ConfigError(f"{word}: no such {GROUPS[head]}. {choices(value, names[head])}")
    for group in ("env", "agent"):
        taken = [name for name in names[group] if (group, name) not in names.broken]
        if key == f"{group}.name" and (named := overrides.parse(word).value()) in taken:
            raise ConfigError(
                f"{word}: a {GROUPS[group]} of the catalogue has this name. To take it: {group}={named}"
            )


def _unknown(word: str, key: str, node: DictConfig) -> ConfigError:
    """The error for a key that is not in the configuration `node`."""
    parent, _, last = key.rpartition(".")
    given = dotted(OmegaConf.to_container(node))  # type: ignore[arg-type]
    same = [other for other in given if other.rpartition(".")[2] == key]  # seeds=3 for search.seeds=3
    if same:
        return ConfigError(f"{word}: no such key. Did you mean {same[0]}?")
    siblings = OmegaConf.select(node, parent) if parent else node
    if not isinstance(siblings, DictConfig):  # the mistake is in the key's first part
        siblings, last = node, key.partition(".")[0]
    return ConfigError(f"{word}: no such key. {choices(last, map(str, siblings))}")


def typed(node: DictConfig) -> Any:
    """A composed configuration as its frozen dataclass, checked. Raises ConfigError."""
    _check_threshold(node)
    try:
        config: Any = OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise ConfigError(catalogue.explain(error, node)) from None
    for key, cls in (("env", cfg.Task), ("agent", cfg.Agent)):
        value = getattr(config, key, None)
        if isinstance(config, cfg.Command) and not isinstance(value, cls):
            raise ConfigError(f"{key}={value}: not known.")
    check(config)
    return config


def _check_threshold(node: DictConfig) -> None:
    """Raise a ConfigError that says what it is, or how to measure it, for a task that has no threshold yet."""
    env, agent = node.get("env"), node.get("agent")
    if env is None or not OmegaConf.is_missing(env, "threshold"):
        return
    if env._get_node("name")._is_interpolation():  # env=gym, which has no env.id of its own either
        if OmegaConf.is_missing(env, "id"):
            return
        raise ConfigError(
            "env.threshold: missing. Give env.threshold=..., the mean return that counts as solved. For a task with "
            "a file of its own, scripts/threshold.py measures one."
        )
    reason = f" ({env.threshold_source})" if env.threshold_source else ""
    raise ConfigError(
        f"env.threshold: the file of {env.name} has none{reason}. Give env.threshold=..., or measure it: "
        f"python scripts/threshold.py env={env.name} agent={agent.name}"
    )


def load(name: str, words: Sequence[str], folders: Sequence[Path] = ()) -> Any:
    """The configuration `name` with overrides, checked: load("sweep", ["env=CartPole", "agent=ppo"])."""
    names, words = register(folders), with_implied(words)
    for word in words:
        if overrides.parse(word).is_sweep_override():
            raise ConfigError(several(name, word))
    with initialize(version_base="1.3", config_path=None):
        return typed(compose(name, words, names))


def several(name: str, word: str) -> str:
    """The message for a word that gives a key several values where one is asked for."""
    key, _, text = word.partition("=")
    if "list" in str(key_hints(name).get(key)):
        return f"{word}: several values for a list. Write '{key}=[{text}]', or give -m for a run with each."
    return (
        f"{word}: several values. Give -m for a run with each; one value with a comma is quoted: '{key}=\"{text}\"'"
    )
