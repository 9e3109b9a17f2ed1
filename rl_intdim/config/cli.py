"""The command line: Hydra's syntax (https://hydra.cc), our messages, and exit status 2 for a user's mistake.

Every configuration that a command line asks for (several with -m) is composed and checked before the first
one runs and before torch is imported.
"""

import argparse
import errno
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NoReturn

from hydra import initialize
from hydra import main as hydra_main
from omegaconf import DictConfig
from rich.console import Console

from rl_intdim import __version__
from rl_intdim.config import overrides
from rl_intdim.config import schema as cfg
from rl_intdim.config.compose import (
    COMMANDS,
    GROUPS,
    Names,
    compose,
    key_hints,
    load,
    register,
    several,
    typed,
    with_implied,
)
from rl_intdim.errors import ConfigError, IntdimError, choices
from rl_intdim.files import check_file

__all__ = ["load", "main", "main_on_folders", "main_on_words", "register", "user_folders"]

INTERRUPTED = 130  # the shell's convention for Ctrl-C
FULL = {errno.ENOSPC, errno.EDQUOT}
# Hydra would make folders and log files of its own; the run folder is ours.
QUIET = ["hydra.output_subdir=null", "hydra.run.dir=.", "hydra/job_logging=disabled", "hydra/hydra_logging=disabled"]


class _Options(argparse.ArgumentParser):
    """Hydra's options, those that make sense here; a mistake raises a ConfigError."""

    def __init__(self) -> None:
        super().__init__(add_help=False, allow_abbrev=False)
        for names in (("--help", "-h"), ("--version",), ("--hydra-help",), ("--resolve",), ("--run", "-r")):
            self.add_argument(*names, action="store_true")
        self.add_argument("--multirun", "-m", action="store_true")
        self.add_argument("--shell-completion", "-sc", action="store_true")
        self.add_argument("--cfg", "-c", choices=["job", "hydra", "all"])
        self.add_argument("--package", "-p")
        self.add_argument("--info", "-i", nargs="?", const="all")
        self.add_argument("words", nargs="*")

    def error(self, message: str) -> NoReturn:
        raise ConfigError(message.removeprefix("argument ").rstrip(".") + ". --help lists what there is.")

    def parse(self, argv: Sequence[str]) -> argparse.Namespace:
        options = self.parse_intermixed_args(argv)
        # The options as they were typed, for Hydra, which expects the words after them.
        options.given = [word for word in argv if word not in options.words]
        return options


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """Go on without output when a reader such as `| head` stops reading; rich would end the program."""
        silence()


def console() -> Console:
    """The console of a command. Brackets and colons are text: names, reasons and folders are the user's own."""
    return _Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


def folder_words(folders: Sequence[Path]) -> list[str]:
    """The words by which a command is given these folders: what `user_folders` reads."""
    return [word for folder in folders for word in ("--config-dir", str(folder))]


def user_folders(argv: list[str]) -> tuple[list[Path], list[str]]:
    """The --config-dir folders of argv, and the other words. `register` reads the folders, so that their files are
    typed as ours are."""
    folders, rest, words = [], [], iter(argv)
    for word in words:
        option, equals, value = word.partition("=")
        if option in ("--config-dir", "-cd"):
            value = value if equals else next(words, "")
            if not value or not Path(value).is_dir():
                raise ConfigError(f"{option} {value}".rstrip() + ": no such folder. Give --config-dir FOLDER.")
            folders.append(Path(value))
        else:
            rest.append(word)
    return folders, rest


def checked(name: str, words: Sequence[str], names: Names, multirun: bool) -> list[str]:
    """Compose and check every configuration that `words` ask for; returns the words that Hydra composes anew."""
    sweeps, out = [], []
    for word, following in zip(words, [*words, ""][1:], strict=True):
        _check_form(name, word, following, names)
    for word in with_implied(words):
        override = overrides.parse(word)
        values = overrides.alternatives(override)
        if override.is_sweep_override() and not multirun:
            raise ConfigError(several(name, word))
        values = [overrides.with_whole_numbers(value, key_hints(name)) for value in values]
        if values:
            sweeps.append(values)
        out.append(overrides.for_sweeper(override, values) if multirun else values[0])
    folders: set[str] = set()
    for combination in product(*sweeps):
        config = typed(compose(name, combination, names))
        if config.out in folders and not getattr(config, "dry_run", False):
            raise ConfigError(f"out={config.out}: two of these runs have it. Give one with a key in it that differs.")
        folders |= {config.out} - {None}
    return out


def _check_form(name: str, word: str, following: str, names: Names) -> None:
    """Raise a ConfigError that shows the right form, for a word that is not key=value."""
    if "=" in word or word.startswith("~"):
        return
    if word.startswith("-"):
        raise ConfigError(f"{word}: no such option. --help lists what there is.")
    group = next((group for group in names if word in names[group]), None)
    if issubclass(COMMANDS[name], cfg.FileCommand) and word not in key_hints(name):
        right = f"solution={shlex.quote(word)}"
    elif group:
        right = f"{group}={word}"
    elif word in GROUPS and following not in names[word]:
        right = f"{word}=... with one of {', '.join(names[word])}."
    elif following and "=" not in following:
        right = f"{word}={following}"
    else:
        right = f"{word}={'true' if key_hints(name).get(word) is bool else '...'}"
    raise ConfigError(f"{word}: expected key=value. Write {right}")


@contextmanager
def exiting(name: str = "") -> Iterator[None]:
    """Turn errors into exit statuses: 2 for a user's mistake, 1 for a failed run, 130 for Ctrl-C."""
    try:
        yield
    except IntdimError as error:
        fail(error)
    except OSError as error:
        if error.filename is None and error.errno not in FULL:
            raise
        # Our own files are named.
        fail(ConfigError(f"{error.filename or 'standard output, or a file without a name'}: {error.strerror}."))
    except KeyboardInterrupt:
        runs = name == "sweep" and "dry_run=true" not in sys.argv
        kept = " Every finished trial is on disk; the same command goes on from there." if runs else ""
        print(f"\nStopped.{kept}", file=sys.stderr)
        sys.exit(INTERRUPTED)


@contextmanager
def piped() -> Iterator[None]:
    """Print to a reader that may stop reading, such as `| head`; what it does not read is dropped."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        silence()


def silence() -> None:
    """Drop what is printed from now on, and at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main(name: str, job: Callable[[Any], object], doc: str | None = None) -> None:
    """Run `job` on the configuration `name`, changed by the command line. A user's mistake exits with a message and
    no traceback. Of several runs (-m), one that fails keeps no other from its turn, and decides the exit status."""
    failed: list[int] = []
    with exiting(name):
        folders, rest = user_folders(sys.argv[1:])
        options = _Options().parse(rest)
        if options.version:
            print(f"rl_intdim {__version__}")
            return
        names, words = register(folders), options.words
        if options.help:
            show_help(name, doc or "", words, names)
            return
        if not (options.shell_completion or options.hydra_help):
            with initialize(version_base="1.3", config_path=None):
                words = checked(name, words, names, options.multirun)

    @hydra_main(version_base="1.3", config_path=None, config_name=name)
    def run(node: DictConfig) -> None:
        try:
            with exiting(name):
                job(typed(node))
        except SystemExit as stop:
            if not options.multirun or stop.code == INTERRUPTED:
                raise
            failed.append(int(stop.code or 0))

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that no worker is left behind
    with exiting(name), TemporaryDirectory() as scratch:  # Hydra's sweeper insists on writing a file of its own
        sys.argv[1:] = [*options.given, *words, *QUIET, f"hydra.sweep.dir={scratch}", "hydra.sweep.subdir=."]
        run()
    if any(failed):
        sys.exit(max(failed))


def show_help(name: str, doc: str, words: Sequence[str], names: Names) -> None:
    """Print a command's help, with the values that `words` set."""
    from rl_intdim.config import help

    with initialize(version_base="1.3", config_path=None):
        node = compose(name, words, names)
    about = doc.partition("\n\n")[0].partition(": ")[2]
    with piped():
        print(help.page(name, about[:1].upper() + about[1:], node, names))


def main_on_folders(job: Callable[[list[Path], dict[str, str]], None], doc: str, keys: Sequence[str]) -> None:
    """Run `job` on the run folders and the key=value words of the command line; exits as `main` does."""
    words = sys.argv[1:]
    if {"-h", "--help"} & set(words):
        with piped():
            print(doc)
        return
    if words[:1] == ["--version"]:
        print(f"rl_intdim {__version__}")
        return
    with piped(), exiting():
        given = {
            word.partition("=")[0]: word.partition("=")[2]
            for word in words
            if "=" in word and not Path(word).exists()
        }
        for key, value in given.items():
            if key not in keys:
                raise ConfigError(f"{key}={value}: no such key. {choices(key, keys)} Other words are run folders.")
            if not value:
                raise ConfigError(f"{key}=: needs a value.")
        paths = [Path(word) for word in words if "=" not in word or Path(word).exists()]
        # runs/* names what the atlas leaves there too: a picture, a table and a page.
        folders = [path for path in paths if not path.is_file()] or paths
        folders = [path for i, path in enumerate(folders) if path.resolve() not in map(Path.resolve, folders[:i])]
        if not folders:
            raise ConfigError("no run folder is named. Give one or more, such as runs/*; --help says more.")
        if "out" in given:  # checked before the folders are read and drawn, which takes a while
            check_file("out", Path(given["out"]))
        job(folders, given)


def main_on_words(
    job: Callable[[dict[str, str], list[str], list[Path]], None], doc: str, keys: Sequence[str]
) -> None:
    """Run `job` on the values of `keys`, the other key=value words of the command line, which are a sweep's, and the
    folders of --config-dir; exits as `main` does."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # like Ctrl-C, so that no worker is left behind
    with exiting("sweep"):
        folders, words = user_folders(sys.argv[1:])
        if {"-h", "--help"} & set(words):
            with piped():
                print(doc)
            return
        if "--version" in words:
            print(f"rl_intdim {__version__}")
            return
        names = register(folders)
        given = {}
        for word, following in zip(words, [*words, ""][1:], strict=True):
            key, _, value = word.partition("=")
            if key in keys and not value:
                raise ConfigError(f"{word}: expected key=value. Write {key}=...")
            if key in keys:
                given[key] = value
            else:
                _check_form("sweep", word, following, names)
        job(given, [word for word in words if word.partition("=")[0] not in keys], folders)


def fail(error: IntdimError) -> NoReturn:
    """Print one message and exit: 2 for a mistake in the configuration, 1 for a run that failed."""
    print(f"error: {error}", file=sys.stderr)
    sys.exit(2 if isinstance(error, ConfigError) else 1)
