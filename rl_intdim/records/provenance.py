"""Provenance of a sweep's figures: versions, machine, commit and command."""

import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

PACKAGES = (
    *("rl_intdim", "ale-py", "box2d", "cma", "evosax", "gymnasium", "mujoco", "numba", "numpy", "sb3-contrib"),
    *("stable-baselines3", "torch"),
)


@dataclass(frozen=True)
class Provenance:
    """The versions, commit and command that produced a sweep's figures."""

    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    command: str = ""


def here() -> Provenance:
    """The provenance of this process."""
    return Provenance(versions(), commit(), command())


def versions() -> dict[str, str]:
    """The versions that a result depends on, and the type of CPU."""
    versions = {"python": platform.python_version(), "cpu": _cpu()}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except Exception:  # a checkout that is not installed, an extra that is absent
            versions[name] = "not installed"
    return versions


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of this checkout, with + if the code or catalogue has changed since; None when installed from a
    wheel."""
    root = Path(__file__).parents[2]
    if not (root / ".git").exists():
        return None
    try:
        head = subprocess.run(
            ["git", "-C", root, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True
        )
        dirty = subprocess.run(
            ["git", "-C", root, "status", "--porcelain", "--", "rl_intdim", "agents", "envs"],
            capture_output=True,
            text=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return head.stdout.strip() + ("+" if dirty.stdout.strip() else "")


def command() -> str:
    """The command line of this process, as the user typed it."""
    words = sys.orig_argv[1:]
    if words and Path(words[0]).name == "rl-intdim":  # records do not show where it is installed
        return shlex.join(["rl-intdim", *words[1:]])
    return shlex.join(["python", *words])
