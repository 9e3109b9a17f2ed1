"""The bounds of a configuration key, as they stand beside its field."""

from dataclasses import dataclass, fields, is_dataclass

import pytest

from rl_intdim.config import keys
from rl_intdim.config.compose import COMMANDS
from rl_intdim.config.keys import LONGEST, key, part
from rl_intdim.config.schema import AGENTS, Conv, Task
from rl_intdim.errors import ConfigError


@dataclass(frozen=True)
class Inner:
    share: float = key("a share", 0.5, least=0, below=1)
    rate: float = key("a rate", 1.0, positive=True)
    hours: float = key("hours", 1.0, positive=True, most=10_000)


@dataclass(frozen=True)
class Outer:
    count: int = key("a count", 1, least=1, most=1000)
    sizes: list[int] = key("sizes", [1], least=1)
    word: str = key("a word", "a", choices=("a", "b"))
    place: str = key("a place", "a", choices=("a", "b"), path=True)
    note: str = key("a note", "", line=True)
    limit: int | None = key("a limit", None, least=1)
    free: float = key("any number", 0.0)
    inner: Inner = part("more", Inner)
    more: list[Inner] = key("even more", [])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"count": 0}, "x.count=0: must be from 1 to 1,000."),
        ({"count": 1001}, "x.count=1001: must be from 1 to 1,000."),
        ({"sizes": [2, 0]}, "x.sizes=0: must be 1 or more."),
        ({"word": "c"}, "x.word=c: not known. Valid: a, b."),
        ({"place": "c"}, "x.place=c: not known. Valid: a, b."),
        ({"note": "two\nlines"}, r"x.note='two\nlines': must be one line of at most 10,000 characters."),
        ({"note": "a" * (LONGEST + 1)}, "must be one line of at most 10,000 characters."),
        ({"limit": 0}, "x.limit=0: must be 1 or more."),
        ({"free": float("nan")}, "x.free=nan: must be a finite number."),
        ({"inner": Inner(share=1.0)}, "x.inner.share=1.0: must be from 0 to below 1."),
        ({"inner": Inner(rate=0.0)}, "x.inner.rate=0.0: must be a positive number."),
        ({"inner": Inner(rate=float("inf"))}, "x.inner.rate=inf: must be a positive number."),
        ({"inner": Inner(hours=10_001)}, "x.inner.hours=10001: must be above 0, up to 10,000."),
        ({"more": [Inner(), Inner(share=-1)]}, "x.more.share=-1: must be from 0 to below 1."),
    ],
)
def test_a_value_out_of_bounds_is_named_with_its_key(changes, says):
    with pytest.raises(ConfigError) as caught:
        keys.check(Outer(**changes), "x.")
    assert says in str(caught.value)


def test_the_bounds_themselves_are_valid():
    keys.check(Outer())
    keys.check(Outer(count=1000, place="mine.Projection", limit=1, inner=Inner(share=0), note="a" * LONGEST))


def schemas(cls):
    """A schema and those of its parts."""
    yield cls
    for item in fields(cls):
        part = item.default_factory
        if is_dataclass(part):
            yield from schemas(part)


@pytest.mark.parametrize("cls", [*COMMANDS.values(), *AGENTS.values(), Task, Conv])
def test_every_key_has_a_line_of_help(cls):
    for schema in schemas(cls):
        for item in fields(schema):
            key = keys.of(item)
            assert item.name == "defaults" or (key and len(key.help) > 5), item.name


@pytest.mark.parametrize("cls", [*COMMANDS.values(), *AGENTS.values(), Task, Conv])
def test_every_default_is_valid(cls):
    for schema in schemas(cls):
        for item in fields(schema):
            if (key := keys.of(item)) and isinstance(item.default, int | float | str) and item.default != "???":
                key.check(item.name, item.default)
