"""A command's configuration: composed by Hydra from schema, catalogue and words, and checked."""

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
from rl_intdim.config.identity import flat
from rl_intdim.config.validation import check
from rl_intdim.errors import ConfigError, choices

COMMANDS: dict[str, type[cfg.Command] | type[cfg.FileCommand]] = {
    "sweep": cfg.SweepConfig,
    "train": cfg.TrainConfig,
    "play": cfg.PlayConfig,
    "compress": cfg.CompressConfig,
}
KINDS = {"env": "task", "agent": "agent", "search": "search", "runner": "runner"}  # the groups, in words
SEARCHES: dict[str, dict[str, Any]] = {
    "adaptive": {},
    "grid": {"grid": 22, "seeds": 5, "full_budget": True},  # the paper's protocol for its RL figures
}

Names = dict[str, list[str]]  # of each group


@cache
def known(name: str) -> dict[str, Any]:
    """The type hint of every dotted key that a command's words may change, an agent's of either kind included."""
    kinds = [make_dataclass(kind, [("env", cfg.Task), ("agent", cls)]) for kind, cls in cfg.AGENTS.items()]
    return hints.of([COMMANDS[name], *(kinds if issubclass(COMMANDS[name], cfg.Command) else [])])


def register(folders: Sequence[Path] = ()) -> Names:
    """Put every catalogue file into Hydra's store as a typed node; names by group. Later folders win. Raises
    ConfigError for a file that does not fit."""
    agents, tasks = catalogue.files("agents", folders), catalogue.files("envs", folders)
    return _register(
        *(tuple((name, path, catalogue.stamp(path)) for name, path in f.items()) for f in (agents, tasks))
    )


@lru_cache(maxsize=1)  # of the last call, whose files the store holds
def _register(agents: tuple[tuple[str, Path, object], ...], tasks: tuple[tuple[str, Path, object], ...]) -> Names:
    nodes: list[tuple[str | None, str, Any]] = []  # group, name, node
    nodes += [(None, name, catalogue.schema(cls)) for name, cls in COMMANDS.items()]  # type: ignore[arg-type]
    nodes += [("search", name, catalogue.merged(cfg.Search, values, name)) for name, values in SEARCHES.items()]
    nodes += [("runner", name, catalogue.merged(cfg.Runner, {"name": name}, name)) for name in cfg.RUNNERS]
    for name, path, _ in agents:
        node, tuned = catalogue.agent_nodes(path)
        nodes.append(("agent", name, node))
        nodes += [("tuned", f"{name}-{task}", values) for task, values in tuned.items()]
    known = [name for name, _, _ in agents]
    for name, path, _ in tasks:
        node, suited = catalogue.read_task(path)
        if suited is not None and suited not in known:
            raise ConfigError(f"{path}: agent: {suited}: no such agent. {choices(suited, known)}")
        nodes.append(("env", name, _with_agent(node, suited)))
    store = ConfigStore.instance()
    for group, name, node in nodes:  # all of them, now that all could be read
        store.store(name=name, node=node, group=group)
    return {group: sorted(name for of, name, _ in nodes if of == group) for group in KINDS}


def _with_agent(task: DictConfig, agent: str | None) -> DictConfig:
    """The task's node, which asks Hydra for this agent unless the command line names one."""
    if agent is None:
        return task
    node = task.copy()
    with open_dict(node):
        node["defaults"] = [{"override /agent@_global_.agent": agent}]
    return node


def completed(words: Sequence[str]) -> list[str]:
    """The words, and what they change without saying so: a threshold of the user's own has no other source."""
    heads = {word.partition("=")[0].lstrip("+") for word in words}
    alone = "env.threshold" in heads and "env.threshold_source" not in heads
    return [*words, *(["env.threshold_source='the command line'"] if alone else [])]


def compose(name: str, words: Sequence[str], names: Names) -> DictConfig:
    """The configuration that `words` make, not checked yet. Raises ConfigError for what does not fit."""
    words = [overrides.with_whole_numbers(word, known(name)) for word in words]
    for word in words:
        _check_word(name, word, names)
    groups = [word for word in words if word.partition("=")[0] in names]
    for word in words:
        key = word.partition("=")[0].lstrip("+~")
        if not (key in known(name) or hints.free(key, known(name)) or key.startswith("hydra")):
            raise _unknown(word, key, hydra_compose(name, groups))
    try:
        return hydra_compose(name, list(words))
    except MissingConfigException as error:
        raise ConfigError(str(error).split("\n")[0]) from None
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__ or error
        if not isinstance(cause, OmegaConfBaseException):
            raise ConfigError(str(error).split("\n")[0]) from None
        word = next((w for w in words if w.lstrip("+~").partition("=")[0] == cause.full_key), cause.full_key or "")
        reason = catalogue.explain(cause, hydra_compose(name, groups))
        raise ConfigError(f"{word}: {reason}".replace(f"{word}: {cause.full_key}: ", f"{word}: ")) from None


def _check_word(name: str, word: str, names: Names) -> None:
    """Raise a ConfigError for what Hydra would answer with words of its own."""
    head, _, value = word.partition("=")
    key = head.lstrip("+~")
    if key in names and issubclass(COMMANDS[name], cfg.FileCommand):
        raise ConfigError(f"{word}: no such key. {choices(key, [f.name for f in fields(COMMANDS[name])])}")
    if head in names and value not in names[head]:
        raise ConfigError(f"{word}: no such {KINDS[head]}. {choices(value, names[head])}")


def _unknown(word: str, key: str, node: DictConfig) -> ConfigError:
    """The error for a key that the configuration `node` has not."""
    parent, _, last = key.rpartition(".")
    given = flat(OmegaConf.to_container(node))  # type: ignore[arg-type]
    same = [other for other in given if other.rpartition(".")[2] == key]  # seeds=3 for search.seeds=3
    if same:
        return ConfigError(f"{word}: no such key. Did you mean {same[0]}?")
    siblings = OmegaConf.select(node, parent) if parent else node
    if not isinstance(siblings, DictConfig):  # the mistake is in what stands before
        siblings, last = node, key.partition(".")[0]
    return ConfigError(f"{word}: no such key. {choices(last, map(str, siblings))}")


def typed(node: DictConfig) -> Any:
    """The frozen dataclass of a composed configuration, checked. Raises ConfigError."""
    try:
        config: Any = OmegaConf.to_object(node)
    except OmegaConfBaseException as error:
        raise ConfigError(catalogue.explain(error, node)) from None
    for key, kind in (("env", cfg.Task), ("agent", cfg.Agent)):
        value = getattr(config, key, None)
        if isinstance(config, cfg.Command) and not isinstance(value, kind):
            raise ConfigError(f"{key}={value}: not known.")
    check(config)
    return config


def load(name: str, words: Sequence[str], folders: Sequence[Path] = ()) -> Any:
    """The checked configuration `name` as overrides change it: load("sweep", ["env=CartPole", "agent=ppo"])."""
    names = register(folders)
    with initialize(version_base="1.3", config_path=None):
        return typed(compose(name, completed(words), names))
