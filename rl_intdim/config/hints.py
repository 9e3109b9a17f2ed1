"""Type hints of the schema's keys, by dotted name, to convert values before OmegaConf checks them."""

from collections.abc import Iterable
from dataclasses import is_dataclass
from typing import Any, get_args, get_origin, get_type_hints


def of(schemas: Iterable[Any], prefix: str = "") -> dict[str, Any]:
    """The type hint of every dotted key of the schemas, groups included; the first schema that has a key decides."""
    hints: dict[str, Any] = {}
    for cls in schemas:
        for name, hint in get_type_hints(cls).items():
            if name != "defaults":
                inner = of([hint], f"{prefix}{name}.") if is_dataclass(hint) else {}
                hints = {f"{prefix}{name}": hint} | inner | hints
    return hints


def free(key: str, hints: dict[str, Any]) -> bool:
    """Is the key inside a mapping that takes keys of any name?"""
    parents = [key[:i] for i, letter in enumerate(key) if letter == "."]
    return any(get_origin(hints.get(parent)) is dict for parent in parents)


def whole(hint: Any, value: Any) -> Any:
    """The value with whole numbers converted to int where the type hint, of a schema or a key, asks for int. 1e6
    becomes 1000000; 2.5 stays a float, which the schema refuses."""
    if is_dataclass(hint) and isinstance(value, dict):
        inner = get_type_hints(hint)
        return {name: whole(inner.get(name), item) for name, item in value.items()}
    if isinstance(value, list):
        item_hint = next((get_args(h)[0] for h in (hint, *get_args(hint)) if get_origin(h) is list), None)
        return [whole(item_hint, item) for item in value]
    if (hint is int or int in get_args(hint)) and isinstance(value, float | str):
        try:
            number = float(value)
        except ValueError:
            return value
        return int(number) if number.is_integer() else value
    return value


def words(hint: Any) -> str:
    """A type hint in words, None aside, as the end of "must be"."""
    names = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
    for kind in (hint, *get_args(hint)):
        if kind in names:
            return names[kind]
        if get_origin(kind) is list:
            items = {int: "whole numbers", float: "numbers"}.get(get_args(kind)[0], "values")
            return f"a list of {items} [...]"
        if get_origin(kind) is dict:
            return "a mapping {key: value}"
    return ""
