"""The exceptions of this package, all under one base, and the words that help a user out of them."""

from collections.abc import Iterable
from difflib import get_close_matches


class IntdimError(Exception):
    """Base of all errors raised on purpose by rl_intdim."""


class ConfigError(IntdimError):
    """The user's configuration cannot be run. The message says where, what value, and what is valid."""


class WriteFailure(IntdimError):
    """Something could not be written: a full disk, a folder that went away. What was on disk before, still is."""


class NotVerified(IntdimError):
    """A solution does not reach its threshold on fresh episodes."""


class TrialFailure(IntdimError):
    """A trial broke down (NaN, a tensor moved outside the subspace, ...). It is never counted as unsolved."""


class RenderFailure(IntdimError):
    """A policy cannot be shown as pictures here: no OpenGL, or an environment that draws none."""


def choices(value: object, valid: Iterable[str]) -> str:
    """Name the valid values, nearest to `value` first, for the end of a message."""
    names = sorted(valid)
    near = get_close_matches(str(value), names, n=3, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Valid: {', '.join(near + [name for name in names if name not in near])}."


def one_line(error: BaseException, longest: int = 200) -> str:
    """What an error says, its type where it says nothing, in one line of at most so many characters."""
    text = " ".join(str(error).split())[:longest]
    return f"no key {text}" if isinstance(error, KeyError) else text or type(error).__name__
