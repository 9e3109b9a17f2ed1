"""The command line: Hydra's syntax (https://hydra.cc), our messages, and exit status 2 for a user's mistake.

Every configuration that a command line asks for (several with -m) is composed and checked before the first
one runs and before torch is imported.
"""

import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import fields
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hydra import compose, initialize
from hydra import main as hydra_main
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rl_intdim.config import catalogue
from rl_intdim.config import schema as cfg
from rl_intdim.config.validation import check
from rl_intdim.errors import ConfigError, IntdimError, choices

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
INTERRUPTED = 130  # the shell's convention for Ctrl-C
# Hydra would make folders and log files of its own; the run folder is ours.
QUIET = ["hydra.output_subdir=null", "hydra.run.dir=.", "hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]


def register(folders: list[Path]) -> dict[str, list[str]]:
    """Put every catalogue file into Hydra's store as a typed node; names by group. Later folders win."""
    store, names = ConfigStore.instance(), {group: set[str]() for group in KINDS}
    names["search"], names["runner"] = set(SEARCHES), set(cfg.RUNNERS)
    for command, schema in COMMANDS.items():
        store.store(name=command, node=catalogue.schema(schema))  # type: ignore[arg-type]  # mypy: a class is Hashable
    for search, values in SEARCHES.items():
        store.store(group="search", name=search, node=catalogue.merged(cfg.Search, values, search))
    for runner in cfg.RUNNERS:
        store.store(group="runner", name=runner, node=catalogue.merged(cfg.Runner, {"name": runner}, runner))
    for folder in [catalogue.shipped("envs"), *(f / n for f in folders for n in ("env", "envs"))]:
        for path in sorted(folder.glob("*.yaml")):
            store.store(group="env", name=path.stem, node=catalogue.task_node(path))
            names["env"].add(path.stem)
    for folder in [catalogue.shipped("agents"), *(f / n for f in folders for n in ("agent", "agents"))]:
        for path in sorted(folder.glob("*.yaml")):
            node, tuned = catalogue.agent_nodes(path)
            store.store(group="agent", name=path.stem, node=node)
            names["agent"].add(path.stem)
            for task, values in tuned.items():
                store.store(group="tuned", name=f"{path.stem}-{task}", node=values)
    return {group: sorted(found) for group, found in names.items()}


def user_folders(argv: list[str]) -> tuple[list[Path], list[str]]:
    """Take --config-dir out of argv: its files are read by `register`, so they are typed as ours are."""
    folders, rest, words = [], [], iter(argv)
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("--config-dir", "-cd"):
            folder = Path(value if equals else next(words, ""))
            if not str(folder) or not folder.is_dir():
                raise ConfigError(f"--config-dir {folder}: no such folder.")
            folders.append(folder)
        else:
            rest.append(word)
    return folders, rest


def typed(node: DictConfig) -> Any:
    """The frozen dataclass of a composed configuration, checked."""
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


def check_all(name: str, words: list[str], names: dict[str, list[str]]) -> None:
    """Compose and check every configuration that `words` ask for."""
    try:
        overrides = OverridesParser.create().parse_overrides(words)
    except HydraException as error:
        raise ConfigError(str(error).split("\nSee ")[0].replace("\n", ": ")) from None
    sweeps = [
        [f"{o.get_key_element()}={v}" for v in o.sweep_string_iterator()]
        if o.is_sweep_override()
        else [str(o.input_line)]
        for o in overrides
    ]
    for combination in product(*sweeps):
        typed(_compose(name, list(combination), names))


def _compose(name: str, words: list[str], names: dict[str, list[str]]) -> DictConfig:
    for word in words:
        group, _, value = word.partition("=")
        if group in names and issubclass(COMMANDS[name], cfg.FileCommand):
            raise ConfigError(f"{word}: no such key. {choices(group, [f.name for f in fields(COMMANDS[name])])}")
        if group in names and value not in names[group]:
            raise ConfigError(f"{word}: no such {KINDS[group]}. {choices(value, names[group])}")
    try:
        return compose(name, words)
    except MissingConfigException as error:
        raise ConfigError(str(error).split("\n")[0]) from None
    except HydraException as error:
        cause = error.__cause__ or error
        if not isinstance(cause, OmegaConfBaseException):
            raise ConfigError(str(error).split("\n")[0]) from None
        good = [w for w in words if w.partition("=")[0] in names]
        word = next((w for w in words if w.lstrip("+~").partition("=")[0] == cause.full_key), cause.full_key or "")
        raise ConfigError(
            f"{word}: {catalogue.explain(cause, compose(name, good))}".replace(
                f"{word}: {cause.full_key}: ", f"{word}: "
            )
        ) from None


def load(name: str, words: list[str], folders: Sequence[Path] = ()) -> Any:
    """The checked configuration `name` as overrides change it: load("sweep", ["env=CartPole", "agent=ppo"])."""
    names = register(list(folders))
    with initialize(version_base="1.3", config_path=None):
        return typed(_compose(name, words, names))


def main(name: str, job: Callable[[Any], object]) -> None:
    """Run `job` on the configuration `name` as the command line changes it; exits, never returns a traceback
    for a mistake of the user's: 2 for a mistake, 1 for a run that failed, 130 for Ctrl-C."""
    argv = sys.argv[1:]
    try:
        folders, rest = user_folders(argv)
        names = register(folders)
        flags = {w for w in rest if w.startswith("-")}
        words = [w for w in rest if w not in flags]
        with initialize(version_base="1.3", config_path=None):
            check_all(name, words, names)
        GlobalHydra.instance().clear()
    except ConfigError as error:
        fail(error)

    @hydra_main(version_base="1.3", config_path=None, config_name=name)
    def run(node: DictConfig) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: no worker is left behind
        try:
            job(typed(node))
        except IntdimError as error:
            fail(error)
        except KeyboardInterrupt:
            kept = " Every finished trial is on disk; the same command goes on from there." if name == "sweep" else ""
            print(f"\nStopped.{kept}", file=sys.stderr)
            sys.exit(INTERRUPTED)

    with TemporaryDirectory() as scratch:  # Hydra's sweeper insists on writing a file of its own
        sys.argv[1:] = [*rest, *QUIET, f"hydra.sweep.dir={scratch}", "hydra.sweep.subdir=."]
        run()


def main_on_folders(job: Callable[[list[Path], dict[str, str]], None], doc: str, keys: Sequence[str]) -> None:
    """Run `job` on the run folders and the key=value words of the command line; exits as `main` does."""
    words = sys.argv[1:]
    if not words or words[0] in ("-h", "--help"):
        print(doc)
        return
    given = {
        word.partition("=")[0]: word.partition("=")[2] for word in words if "=" in word and not Path(word).exists()
    }
    try:
        for key, value in given.items():
            if key not in keys:
                raise ConfigError(f"{key}={value}: no such key. {choices(key, keys)} Other words are run folders.")
            if not value:
                raise ConfigError(f"{key}=: needs a value.")
        folders = [Path(word) for word in words if "=" not in word or Path(word).exists()]
        if not folders:
            raise ConfigError("no run folder is named. Give one or more, such as runs/*.")
        job(folders, given)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head`: nobody reads on, and nothing is left to say at exit
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except IntdimError as error:
        fail(error)
    except KeyboardInterrupt:
        print("\nStopped.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def fail(error: IntdimError) -> None:
    """Print one message and exit: 2 for a mistake in the configuration, 1 for a run that failed."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2 if isinstance(error, ConfigError) else 1)
