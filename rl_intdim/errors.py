"""The exceptions of this package, all under one base, and the words that help a user out of them."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from sysconfig import get_path
from traceback import FrameSummary, extract_tb

OURS = Path(__file__).parent


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


def raised(error: BaseException) -> str:
    """What somebody else's code raised, in one line: type, message, and the file, line and function it was raised in,
    those of the user's own code where the traceback has some."""
    where = own_frames(error)[-1:]
    at = f" ({Path(where[0].filename).name}, line {where[0].lineno}, in {where[0].name})" if where else ""
    said = one_line(error)
    name = type(error).__name__
    if isinstance(error, SystemExit):
        return f"sys.exit({error.code!r}){at}."
    return f"{name}{'' if said == name else f': {said}'}{at}"


def own_frames(error: BaseException, most: int = 5) -> list[FrameSummary]:
    """The last frames of a traceback that are neither this package's nor an installed library's, outermost first; the
    last of all where there are none."""
    while isinstance(error, IntdimError) and error.__cause__ is not None:
        error = error.__cause__
    frames = [frame for frame in extract_tb(error.__traceback__) if not frame.filename.startswith("<")]
    own = [frame for frame in frames if not Path(frame.filename).is_relative_to(OURS) and not _installed(frame)]
    return (own or frames)[-most:]


def _installed(frame: FrameSummary) -> bool:
    return "site-packages" in frame.filename or frame.filename.startswith(get_path("stdlib"))


def one_line(error: BaseException, longest: int = 200, named: bool = False) -> str:
    """What an error says, in one line of at most so many characters; after its type if `named`, and the type alone
    where it says nothing.

    For errors of others, whose text may be anything: a KeyError says a key alone, a library hundreds of lines.
    """
    text = " ".join(str(error).split())[:longest]
    if named and text:
        return f"{type(error).__name__}: {text}"
    return f"no key {text}" if isinstance(error, KeyError) else text or type(error).__name__
