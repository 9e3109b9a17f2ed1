"""Configuration keys: dataclass fields that carry their help line, default and bounds."""

import math
from collections.abc import Iterator
from dataclasses import Field, dataclass, field, fields, is_dataclass
from typing import Any

from omegaconf import MISSING

from rl_intdim.errors import ConfigError, choices

LONGEST = 10_000  # characters of the longest text that a solution may hold


@dataclass(frozen=True)
class Key:
    """The help line of a key and the bounds of its value; for a list, the bounds of each item."""

    help: str
    least: float | None = None
    most: float | None = None  # a larger number can only be a slip
    positive: bool = False
    below: float | None = None
    choices: tuple[str, ...] = ()
    path: bool = False  # an import path is valid besides the choices
    line: bool = False  # must be one line of printable text

    def bounds(self) -> str:
        """What is valid, in words; "" if every value of the key's type is."""
        if self.choices:
            return ", ".join(self.choices) + (", or an import path" if self.path else "")
        if self.line:
            return f"one line of at most {LONGEST:,} characters"
        if self.positive:
            return f"above 0, up to {self.most:,}" if self.most else "a positive number"
        if self.least is None:
            return ""
        low = f"{self.least:,}"
        if self.most is not None:
            return f"from {low} to {self.most:,}"
        return f"{low} or more" if self.below is None else f"from {low} to below {self.below:,}"

    def check(self, key: str, value: Any) -> None:
        """Raise a ConfigError that names key, value and what is valid."""
        if self.choices and not (value in self.choices or (self.path and "." in value)):
            raise ConfigError(f"{key}={value}: not known. {choices(value, self.choices)}")
        if self.line and not printable(value):
            raise ConfigError(f"{key}={value[:40]!r}: must be {self.bounds()}.")
        if isinstance(value, int | float) and not self._holds(value):
            raise ConfigError(f"{key}={value}: must be {self.bounds() or 'a finite number'}.")

    def _holds(self, value: float) -> bool:
        return (
            math.isfinite(value)
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (not self.positive or value > 0)
            and (self.below is None or value < self.below)
        )


def key(help: str, default: Any = MISSING, **bounds: Any) -> Any:
    """A dataclass field that is a configuration key; without a default, the user must set it."""
    metadata = {"key": Key(help, **bounds)}
    if isinstance(default, list | dict):
        return field(default_factory=default.copy, metadata=metadata)
    return field(default=default, metadata=metadata)


def part(help: str, cls: type) -> Any:
    """A dataclass field that holds a group of keys."""
    return field(default_factory=cls, metadata={"key": Key(help)})


def of(field: Field) -> Key | None:
    """The Key of a dataclass field; None if the field has none."""
    return field.metadata.get("key")


def check(node: Any, prefix: str = "") -> None:
    """Raise a ConfigError for the first key of a configuration whose value is out of bounds."""
    for name, key, value in _values(node, prefix):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(value, list) and isinstance(item, list | dict):
                raise ConfigError(f"{name}={value}: {item} is within a list; valid: a list of plain values.")
            key.check(name, item)


def _values(node: Any, prefix: str) -> Iterator[tuple[str, Key, Any]]:
    for item in fields(node):
        name, value = f"{prefix}{item.name}", getattr(node, item.name)
        if is_dataclass(value):
            yield from _values(value, f"{name}.")
        elif isinstance(value, list) and value and is_dataclass(value[0]):
            for each in value:
                yield from _values(each, f"{name}.")
        elif value is not None and (key := of(item)):
            yield name, key, value


def printable(word: str) -> bool:
    """Is this text safe to print on a terminal, and short enough to store?"""
    return word.isprintable() and len(word) <= LONGEST
