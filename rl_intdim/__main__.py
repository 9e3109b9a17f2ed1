"""rl-intdim COMMAND ..., or python -m rl_intdim COMMAND ...: every command of the package, and its catalogue."""

import os
import sys
import textwrap
from importlib import import_module
from pathlib import Path

from rl_intdim import __version__
from rl_intdim.errors import ConfigError, choices

COMMANDS = {
    "sweep": "measure the intrinsic dimension of one task by one agent",
    "train": "run one trial at one d",
    "atlas": "measure the undecided sweeps of a set of tasks within the hours given",
    "compare": "compare sweeps, from the trials in their run folders",
    "report": "write sweeps, finished or running, to one HTML page that opens without a network",
    "export": "write the trials of several run folders to one CSV table",
    "play": "rebuild a solution, verify its score on fresh episodes, and watch it",
    "compress": "quantise theta_d to the fewest bits that still solve the task",
    "tasks": "list the tasks of the catalogue",
    "agents": "list the agents of the catalogue",
}
COMPLETED = ("sweep", "train", "play", "compress")  # those whose words are Hydra's
USAGE = "Usage: rl-intdim COMMAND ...\n\n{commands}\n\nrl-intdim COMMAND --help says more; --version the version.\n"


def main() -> None:
    """Run the command that sys.argv names."""
    name, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if name in ("--help", "-h"):
        print(USAGE.format(commands="\n".join(f"  {name:<10}{about}" for name, about in COMMANDS.items())), end="")
    elif name == "--version":
        print(f"rl_intdim {__version__}")
    elif name in ("-sc", "--shell-completion"):
        complete(rest)
    elif name in ("tasks", "agents"):
        catalogue(name, rest)
    elif name in COMMANDS:
        sys.argv[:] = [f"rl-intdim {name}", *rest]
        import_module(f"rl_intdim.{name}").main()
    else:
        print(f"error: {name}: no such command. {choices(name, COMMANDS)}", file=sys.stderr)
        sys.exit(2)


def complete(words: list[str]) -> None:
    """Hydra's shell completion, which knows no subcommands: it asks `rl-intdim -sc query=SHELL` about COMP_LINE."""
    name, line = "sweep", os.environ.get("COMP_LINE", "").split(maxsplit=2)
    if words and words[0].startswith("query="):
        if len(line) < 2 or (len(line) == 2 and not os.environ["COMP_LINE"].endswith(" ")):
            print(" ".join(COMMANDS))
            return
        name = line[1]
        if name not in COMPLETED:
            return
        os.environ["COMP_LINE"] = f"{line[0]} {' '.join(line[2:])}"
    sys.argv[:] = ["rl-intdim", "-sc", *words]
    import_module(f"rl_intdim.{name}").main()


def catalogue(name: str, words: list[str]) -> None:
    """Print the tasks or agents of the catalogue, those of --config-dir included, and what each is for."""
    from rl_intdim.config import cli
    from rl_intdim.config.catalogue import about, files

    with cli.piped(), cli.exiting():
        folders, rest = cli.user_folders(words)
        if {"--help", "-h"} & set(rest):
            print(f"Usage: rl-intdim {name} [--config-dir FOLDER]\n\n{COMMANDS[name]}")
            return
        if rest:
            raise ConfigError(f"{rest[0]}: rl-intdim {name} takes no word but --config-dir FOLDER.")
        paths: dict[str, Path] = files({"tasks": "envs", "agents": "agents"}[name], folders)
        for stem, path in sorted(paths.items()):
            print(stem)
            print(textwrap.fill(about(path), 80, initial_indent="    ", subsequent_indent="    "))


if __name__ == "__main__":
    main()
