"""The exceptions of this package, all under one base, and helpers that write their messages."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from sysconfig import get_path
from traceback import FrameSummary, extract_tb

OURS = Path(__file__).parent


class IntdimError(Exception):
    """Base of all errors raised on purpose by rl_intdim."""


class ConfigError(IntdimError):
    """The user's configuration cannot run. The message gives the place, the value and what is valid."""


class NotBegun(ConfigError):
    """No trial of a sweep has finished yet."""


class WriteFailure(IntdimError):
    """A file could not be written, for example because the disk is full. Files written before are intact."""


class NotVerified(IntdimError):
    """A solution does not reach its threshold on fresh episodes."""


class TrialFailure(IntdimError):
    """A trial broke down (NaN, a tensor moved outside the subspace, ...). It is never counted as unsolved."""


class RenderFailure(IntdimError):
    """A policy cannot be rendered: OpenGL is missing, or the environment does not render."""


def choices(value: object, valid: Iterable[str]) -> str:
    """The valid values, nearest to `value` first, as the end of a message."""
    names = sorted(valid)
    near = get_close_matches(str(value), names, n=3, cutoff=0.5)
    hint = f"Did you mean {near[0]}? " if near else ""
    return f"{hint}Valid: {', '.join(near + [name for name in names if name not in near])}."


def raised(error: BaseException) -> str:
    """An error of other people's code in one line: type, message, and the file, line and function that raised it, or
    the last of the user's own code if the traceback has any."""
    where = own_frames(error)[-1:]
    at = f" ({Path(where[0].filename).name}, line {where[0].lineno}, in {where[0].name})" if where else ""
    message = one_line(error)
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}){at}."
    return f"{name}{'' if message == name else f': {message}'}{at}"


def own_frames(error: BaseException, most: int = 5) -> list[FrameSummary]:
    """The last frames of a traceback outside this package and installed libraries, outermost first; if there are
    none, the last of all frames."""
    while isinstance(error, IntdimError) and error.__cause__ is not None:
        error = error.__cause__
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if not Path(frame.filename).is_relative_to(OURS) and not _installed(frame)]
    return (own or frames)[-most:]


def _installed(frame: FrameSummary) -> bool:
    return "site-packages" in frame.filename or frame.filename.startswith(get_path("stdlib"))


def one_line(error: BaseException, longest: int = 200, named: bool = False) -> str:
    """An error's text in one line of at most `longest` characters; after its type if `named`, and the type alone if
    it has no text.

    For errors of other code, whose text may be anything: a KeyError's is only a key, a library's hundreds of lines.
    """
    text = " ".join(str(error).split())[:longest]
    if named and text:
        return f"{type(error).__name__}: {text}"
    return f"no key {text}" if isinstance(error, KeyError) else text or type(error).__name__
