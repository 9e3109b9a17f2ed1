"""rl-intdim COMMAND ..., or python -m rl_intdim COMMAND ...: every command of the package, and its catalogue."""

import sys
import textwrap
from importlib import import_module
from pathlib import Path

from rl_intdim import __version__
from rl_intdim.errors import ConfigError, choices

COMMANDS = {
    "sweep": "the intrinsic dimension of one task by one agent",
    "train": "one trial at one d",
    "compare": "many sweeps side by side, from the trials in their run folders",
    "report": "finished sweeps as one HTML page that opens without a network",
    "export": "the trials of any run folders as one table",
    "play": "rebuild a solution, verify its score on fresh episodes, and watch it",
    "compress": "how few bits of theta_d still solve?",
    "tasks": "the tasks of the catalogue",
    "agents": "the agents of the catalogue",
}
USAGE = "Usage: rl-intdim COMMAND ...\n\n{commands}\n\nrl-intdim COMMAND --help says more; --version the version.\n"


def main() -> None:
    """Run the command that the command line names."""
    name, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("--help", [])
    if name in ("--help", "-h"):
        print(USAGE.format(commands="\n".join(f"  {name:<10}{about}" for name, about in COMMANDS.items())), end="")
    elif name == "--version":
        print(f"rl_intdim {__version__}")
    elif name in ("tasks", "agents"):
        catalogue(name, rest)
    elif name in COMMANDS:
        sys.argv[:] = [f"rl-intdim {name}", *rest]
        import_module(f"rl_intdim.{name}").main()
    else:
        print(f"error: {name}: no such command. {choices(name, COMMANDS)}", file=sys.stderr)
        sys.exit(2)


def catalogue(kind: str, words: list[str]) -> None:
    """List the files of the catalogue, those of --config-dir included, with what each is for."""
    from rl_intdim.config import cli
    from rl_intdim.config.catalogue import about, files

    with cli.exiting():
        folders, rest = cli.user_folders(words)
        if rest:
            raise ConfigError(f"{rest[0]}: rl-intdim {kind} takes no word but --config-dir FOLDER.")
        found: dict[str, Path] = files({"tasks": "envs", "agents": "agents"}[kind], folders)
        for name, path in sorted(found.items()):
            print(name)
            print(textwrap.fill(about(path), 80, initial_indent="    ", subsequent_indent="    "))


if __name__ == "__main__":
    main()
