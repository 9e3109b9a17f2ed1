"""Overrides in Hydra's syntax, the words of a command line: parse them and write them.

https://hydra.cc/docs/advanced/override_grammar/basic
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import HydraException

from rl_intdim.config.hints import whole
from rl_intdim.errors import ConfigError

PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")  # needs no quotes
SPECIAL = {"null", "true", "false", "inf", "nan"}  # Hydra reads these as values, not as strings
EXPONENT = re.compile(r"[+-]?\d[\d_]*(\.\d*)?e\+?\d+", re.IGNORECASE)


def literal(value: Any, key: str = "") -> str:
    """A Python value in Hydra's syntax, in single quotes where it needs them. Raises a ConfigError that names `key`
    for a value that no configuration can hold."""
    if hasattr(value, "tolist"):  # numpy's
        value = value.tolist()
    if value is None or isinstance(value, bool):
        return str({None: "null", True: "true", False: "false"}[value])
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, PurePath):
        value = str(value)
    if isinstance(value, str):
        if PLAIN.fullmatch(value) and value.lower() not in SPECIAL:
            return value
        # A run of \ before a quote is doubled, and so is one at the end, before the closing quote.
        return "'" + re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", value)) + "'"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}: {literal(item, key)}" for name, item in value.items()) + "}"
    if isinstance(value, Iterable):
        return "[" + ",".join(literal(item, key) for item in value) + "]"
    raise ConfigError(
        f"{key}={value!r}: a {type(value).__name__} cannot be a value; valid: numbers, words, None, True, False, "
        "paths, and lists and mappings of them."
    )


def words(values: Mapping[str, Any], groups: Iterable[str]) -> list[str]:
    """Python values as key=value words. A mapping for one of the `groups` becomes one word per key; its `name`
    chooses the configuration that the other keys change."""
    out = []
    for key, value in values.items():
        if key in groups and isinstance(value, Mapping):
            out += [f"{key}={literal(value['name'], key)}"] if "name" in value else []
            out += [
                f"{key}.{name}={literal(item, f'{key}.{name}')}" for name, item in value.items() if name != "name"
            ]
        else:
            out.append(f"{key}={literal(value, key)}")
    return out


def parse(word: str) -> Override:
    """One word, parsed. Raises a ConfigError that shows how to quote it."""
    hydra = GlobalHydra.instance()
    loader = hydra.config_loader() if hydra.is_initialized() else None
    try:
        return OverridesParser.create(config_loader=loader).parse_override(word)
    except HydraException:
        key, equals, value = word.partition("=")
        if not equals:
            raise ConfigError(f"{word}: expected key=value.") from None
        quoted = value.replace("\\", "\\\\").replace('"', '\\"')
        raise ConfigError(
            f"{word}: the value does not parse. One with blanks, commas or any of ~#()[]{{}}:='\" is quoted, for the "
            f"shell too: '{key}=\"{quoted}\"'"
        ) from None


def alternatives(override: Override) -> list[str]:
    """One word per value of a word with several, such as agent=cma,ppo; the word itself if it has one value, and
    nothing for an interval, from which Hydra's sweeper draws."""
    if not override.is_sweep_override():
        return [str(override.input_line)]
    if isinstance(override.value(), IntervalSweep):
        return []
    return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]


def with_whole_numbers(word: str, hints: Mapping[str, Any]) -> str:
    """The word with 1e6 written as 1000000, if its key takes a whole number or any value."""
    head, equals, text = word.partition("=")
    hint = hints.get(head.lstrip("+"))
    if not equals or head.startswith("hydra"):
        return word
    if hint is None or hint is Any:  # a key of an algorithm or an environment, which may reject a float
        return f"{head}={int(float(text))}" if EXPONENT.fullmatch(text) and float(text).is_integer() else word
    value = parse(word).value()
    changed = whole(hint, value) if isinstance(value, float | list) else value
    return word if repr(changed) == repr(value) else f"{head}={literal(changed)}"


def for_sweeper(override: Override, values: list[str]) -> str:
    """The word for Hydra's sweeper. The sweeper first composes the words with one value alone, with the default task
    and agent, which may lack the key; so every word is written as a choice, even a choice of one."""
    key = override.get_key_element()
    if override.is_delete() or not values or key.startswith("hydra") or "$" in str(override.input_line):
        return str(override.input_line)
    return f"{key}=choice({','.join(value.partition('=')[2] for value in values)})"
