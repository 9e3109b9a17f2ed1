"""Where a figure comes from: versions, machine, commit and command."""

import platform
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

PACKAGES = ("rl_intdim", "cma", "gymnasium", "mujoco", "numba", "numpy", "stable-baselines3", "torch")


@dataclass(frozen=True)
class Provenance:
    """What made the figures of a sweep."""

    versions: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    command: str = ""


def here() -> Provenance:
    """Of this process."""
    return Provenance(versions(), commit(), command())


def versions() -> dict[str, str]:
    """The versions that a result depends on, and the type of CPU."""
    found = {"python": platform.python_version(), "cpu": _cpu()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except Exception:  # a checkout that is not installed, an extra that is absent
            found[name] = "not installed"
    return found


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def commit() -> str | None:
    """The commit of this checkout, with + if what runs differs from it; None when installed from a wheel."""
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
    """The command line that is running, as it was typed."""
    words = sys.orig_argv[1:]
    if words and Path(words[0]).name == "rl-intdim":  # where it is installed is nobody's business
        return shlex.join(["rl-intdim", *words[1:]])
    return shlex.join(["python", *words])
