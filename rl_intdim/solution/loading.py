"""Read a solution file, which may come from anybody: loading it imports, runs and opens nothing that it names.

Unless the user trusts the file, import paths in it are refused, since rebuilding the policy would run their code, and
so are values beyond `limits`, which would exhaust the machine's memory or time.
"""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from rl_intdim.config.catalogue import merged
from rl_intdim.config.keys import LONGEST, printable
from rl_intdim.config.likeness import unlike_catalogue
from rl_intdim.config.schema import DIRECT, LEARNED_BASES, PROJECTIONS, Task
from rl_intdim.config.validation import check_task
from rl_intdim.errors import ConfigError, choices, one_line
from rl_intdim.solution import limits
from rl_intdim.solution.solution import FORMAT, Solution

if TYPE_CHECKING:  # torch takes seconds to import; a bad file is refused before
    from rl_intdim.tasks.network import Network

# Without the wrappers that open a window or keep every frame; they do not change what a policy sees.
WRAPPER = re.compile(r"gymnasium\.wrappers\.(?!HumanRendering|Render|RecordVideo)[A-Z]\w*")
# Keyword arguments of an environment are numbers, and words for a mode or a map. A word has no dot, slash or colon;
# a keyword whose name suggests a file, a module, another environment or a window is refused, whatever its value.
WORD = re.compile(r"[\w-]*")
OPENS = re.compile(r"file|path|dir|module|model|entry|env_|spec|render")


def load(path: Path, trust: bool = False) -> Solution:
    """Read a solution file. Raises ConfigError if it is not one, or if it is not trusted and names code to import or
    exceeds a limit."""
    try:
        if not trust:
            limits.at_most(f"{path}", path.stat().st_size, limits.FILE_BYTES, " bytes")
        data: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
        _check_words(data, trust)
        if not isinstance(data, dict) or data.pop("format", None) != FORMAT:
            raise ConfigError(f"{path}: not a solution file of this version ({FORMAT!r}).")
        if not trust:
            with named(path):
                limits.check_values(data.get("task"))
        task: Any = OmegaConf.to_object(merged(Task, data.pop("task"), path))
        solution = Solution(task=task, trusted=trust, **data)
        _check_types(solution)
        solution = replace(solution, theta_d=np.array(solution.theta_d, np.float32).tolist())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}.") from None
    except (
        UnicodeDecodeError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        RecursionError,
        OmegaConfBaseException,
    ) as error:
        raise ConfigError(f"{path}: not a solution file: {one_line(error)}") from None
    with named(path):
        check_task(solution.task)
        if not trust:
            limits.check_task(solution.task)
            _check_names(solution)
    return solution


def opened(path: Path, trust: bool, say: Callable[[str], None]) -> tuple[Solution, "Network"]:
    """A solution file and its policy's network. `say` is called with a note if its task is not the catalogue's.
    Raises ConfigError, as `load` does, and if the network cannot be made."""
    solution = load(path, trust)
    if others := unlike_catalogue(solution.task):
        say(f"Note: this file's task is not the catalogue's: {'; '.join(others)}.")
    with named(path):
        return solution, solution.policy()[0]


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Prefix a ConfigError with the file's name, in one line."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {one_line(error, 500)}") from None


def _check_words(node: Any, trust: bool) -> None:
    """Raise a ValueError for text that OmegaConf or, in a file that is not trusted, a terminal would act on, and for
    numbers beyond float64."""
    if isinstance(node, dict | list):
        for child in [*node, *node.values()] if isinstance(node, dict) else node:
            _check_words(child, trust)
    elif isinstance(node, str):
        if "${" in node:  # checked here, after JSON's escapes are decoded
            raise ValueError("it holds ${...}, which a configuration would look up; a solution needs none.")
        if not trust and not printable(node):
            raise ValueError(
                f"{node[:40]!r}: words must be printable, and of at most {LONGEST:,} characters, unless trust=true."
            )
    elif isinstance(node, int | float) and not abs(node) <= sys.float_info.max:
        raise ValueError("a number is too large.")


def _check_types(s: Solution) -> None:
    """Raise a ValueError for a value of the wrong type, or out of range."""
    for key, value, low, high in (("seed", s.seed, 0, 2**31 - 1), ("seeds_tried", s.seeds_tried, 1, 10**9)):
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{key}={value!r}: must be a whole number from {low} to {high}.")
    if s.d != DIRECT and (type(s.d) is not int or s.d < 0):
        raise ValueError(f"d={s.d!r}: must be a whole number, or {DIRECT!r}.")
    if not all(isinstance(x, str) for x in (s.agent, s.projection)):
        raise ValueError("agent and projection must be words.")
    known = (*PROJECTIONS, *LEARNED_BASES)
    if "." not in s.projection and s.projection not in known:
        raise ValueError(f"projection={s.projection}: not known. {choices(s.projection, known)}")
    if s.bits is not None and (type(s.bits) is not int or not 1 <= s.bits <= 32):
        raise ValueError(f"bits={s.bits!r}: must be from 1 to 32.")
    numbers = [s.score, *s.theta_d] if isinstance(s.theta_d, list) else [None]
    if not _in_range(numbers):
        raise ValueError("score and theta_d must be numbers of float32's range.")
    _check_learned(s)
    steps = s.task.kwargs.get("max_episode_steps")
    if steps is not None and (type(steps) is not int or steps < 1):  # -1 would mean an endless episode
        raise ValueError(f"max_episode_steps={steps!r}: must be a whole number from 1.")
    if s.d != DIRECT and len(s.theta_d) != s.d:
        raise ValueError(f"theta_d: {len(s.theta_d)} numbers for d={s.d}.")


def _in_range(numbers: list[Any]) -> bool:
    return all(type(x) in (int, float) and abs(x) < 3e38 for x in numbers)


def _check_learned(s: Solution) -> None:
    """Raise a ValueError for a learned subspace of the wrong type, or one that does not fit theta_d."""
    if (s.projection in LEARNED_BASES and s.d not in (0, DIRECT)) != (s.basis is not None):
        raise ValueError(f"basis: goes with projection={' or '.join(LEARNED_BASES)}, and there is {s.projection}.")
    if s.basis is not None and (not isinstance(s.basis, list) or len(s.basis) != s.d):
        raise ValueError(f"basis: needs a column for each of d={s.d}.")
    for key, row in [("theta0", s.theta0), *(("basis", column) for column in s.basis or [])]:
        if row is not None and not (isinstance(row, list) and row and _in_range(row)):
            raise ValueError(f"{key} must be numbers of float32's range.")


def _check_names(s: Solution) -> None:
    """Raise a ConfigError for a name that would be imported or opened when the policy is rebuilt."""
    named = {
        "projection": [] if s.projection in (*PROJECTIONS, *LEARNED_BASES) else [s.projection],
        "task.id": [s.task.id] if ":" in s.task.id else [],  # Gymnasium imports the module before the colon
        "task.wrappers": [name for name in s.task.wrappers if not WRAPPER.fullmatch(name)],
        "task.kwargs": [
            f"{key}={value}" for key, value in s.task.kwargs.items() if OPENS.search(key) or not _plain(value)
        ],
    }
    for key, values in named.items():
        if values:
            words = ", ".join(map(str, values))
            raise ConfigError(f"{key} names {words[:200]}, which would be imported or opened. {limits.TRUST}")


def _plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(_plain(x) for x in value)
    return (
        value is None
        or isinstance(value, bool | int | float)
        or bool(isinstance(value, str) and WORD.fullmatch(value))
    )


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is not a valid number in a solution.")
