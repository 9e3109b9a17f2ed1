"""Limits on the memory and time that an untrusted solution file may take.

A file determines how large its policy is and how long its environment runs. Each limit is far above what the shipped
tasks need. A file beyond one is refused before anything is built, with its number and the limit; trust=true lifts all
limits.
"""

from itertools import pairwise
from math import prod
from typing import TYPE_CHECKING, Any

from rl_intdim.config.schema import Task
from rl_intdim.errors import ConfigError

if TYPE_CHECKING:  # not imported, so that a file is refused before torch loads
    from rl_intdim.tasks.network import Network

FILE_BYTES = 2**26  # a direct solution of five million parameters
TASK_VALUES = 1000  # numbers, strings, lists and mappings; each becomes a configuration node, which is slow to build
TASK_LEVELS = 10  # of nested lists and mappings
WRAPPERS, HIDDEN, CONVOLUTIONS = 20, 100, 20
PARAMETERS = 2**24  # D
PRODUCTS = 10**9  # multiplications in a forward pass on one observation
UNITS = 10**7  # numbers in a layer for one observation, padding included
P_BYTES = 2**29

TRUST = "If you trust the file, give trust=true."

KEYWORD_VALUES = 64  # values in all keyword arguments of an environment; a map is a list of strings
KEYWORD_LETTERS = 64  # characters of a string among them
KEYWORD_NUMBER = 1000  # largest absolute value of a number among them
KEYWORD_RANGES = {  # keywords that set how long a call of the environment takes, or how large an observation is
    "max_episode_steps": (1, 10**6),
    "frame_skip": (1, 100),
    "frameskip": (1, 100),
    "noop_max": (0, 1000),
    "max_num_frames_per_episode": (1, 10**6),
    "stack_num": (1, 16),
    "img_height": (1, 512),
    "img_width": (1, 512),
    "num_threads": (1, 64),
    "batch_size": (0, 0),  # ALE waits for this many games, for ever if there are fewer
}


def at_most(key: str, value: int, most: int, unit: str = "") -> None:
    """Raise a ConfigError if a value is above its bound."""
    if value > most:
        raise ConfigError(f"{key}: {value:,}{unit}, and at most {most:,} need no trust. {TRUST}")


def check_values(task: Any) -> None:
    """Raise a ConfigError if the task, as decoded from JSON, has too many values or nests too deeply."""
    at_most("task", count(task), TASK_VALUES, " values")
    at_most("task", levels(task), TASK_LEVELS, " levels")


def count(node: Any) -> int:
    """The values in a tree of lists and dictionaries, itself included."""
    return 1 + sum(map(count, children(node)))


def levels(node: Any) -> int:
    """The height of a tree of lists and dictionaries; 1 for a number or a string."""
    return 1 + max(map(levels, children(node)), default=0)


def children(node: Any) -> list[Any]:
    """The values of a list or a dictionary; an empty list for anything else."""
    return list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else []


def check_task(task: Task) -> None:
    """Raise a ConfigError for a list that is too long, or a keyword argument of the environment out of range."""
    at_most("task.wrappers", len(task.wrappers), WRAPPERS, " of them")
    at_most("task.policy.hidden", len(task.policy.hidden), HIDDEN, " layers")
    at_most("task.policy.conv", len(task.policy.conv), CONVOLUTIONS, " layers")
    at_most("task.kwargs", count(task.kwargs) - 1, KEYWORD_VALUES, " values")
    for key, value in task.kwargs.items():
        low, high = KEYWORD_RANGES.get(key, (-KEYWORD_NUMBER, KEYWORD_NUMBER))
        for leaf in leaves(value):
            if isinstance(leaf, str):
                at_most(f"task.kwargs.{key}", len(leaf), KEYWORD_LETTERS, " letters")
            elif isinstance(leaf, int | float) and not low <= leaf <= high:
                raise ConfigError(f"task.kwargs.{key}={leaf:g}: only {low:,} to {high:,} need no trust. {TRUST}")


def leaves(node: Any) -> list[Any]:
    """The numbers and strings in a tree of lists and dictionaries."""
    if isinstance(node, dict | list):
        return [leaf for child in children(node) for leaf in leaves(child)]
    return [node]


def check_network(network: "Network", P_bytes: int) -> None:
    """Raise a ConfigError if the network or P takes too much memory, or the network too long to run."""
    at_most("task.policy", network.D, PARAMETERS, " parameters")
    products, units = forward_pass(network)
    at_most("task.policy", products, PRODUCTS, " multiplications a forward pass")
    at_most("task.policy", units, UNITS, " units in a layer")
    at_most("projection", P_bytes, P_BYTES, " bytes")


def forward_pass(network: "Network") -> tuple[int, int]:
    """The multiplications of a forward pass on one observation, and the numbers in its largest layer."""
    products = sum(i * o for i, o in pairwise(network.sizes))
    units = max(network.sizes)
    if network.conv_shapes:
        _, height, width = network.picture
        for (outputs, inputs, *kernel), conv in zip(network.conv_shapes, network.spec.conv, strict=True):
            left, right, top, bottom = conv.pad
            height, width = height + top + bottom, width + left + right
            units = max(units, inputs * height * width)
            height, width = ((side - conv.kernel) // conv.stride + 1 for side in (height, width))
            products += outputs * inputs * prod(kernel) * height * width
            units = max(units, outputs * height * width)
    return products, units
