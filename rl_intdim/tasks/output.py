"""What an environment warns of or prints, told to the user once.

A simulator may warn or print at every env step of every trial, which would bury a sweep's progress. `hearing` passes
each such message on as one line, a warning with its file and line number; `Once` drops what was told before. What
other code writes goes where it went.
"""

import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console

MOST = 20  # messages told; a simulator that says more than this says it in its own log
LONGEST = 300  # characters of a message
ESCAPES = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")  # colours, such as those of Gymnasium's warnings

# Files whose functions call an environment: what is written below one of them on the stack is the environment's.
BORDER = frozenset(
    str(Path(__file__).with_name(name)) for name in ("border.py", "environment.py", "vector.py", "atari.py")
)

Tell = Callable[[str], None]
_tells: list[Tell] = []  # of the blocks of `hearing` that are open, the innermost last


class Once:
    """Passes each message on once, and MOST at most. Messages that differ only in numbers are the same one, so that a
    reward printed at every env step is told once."""

    def __init__(self, tell: Tell) -> None:
        self.tell, self.told = tell, set[str]()

    def __call__(self, message: str) -> None:
        kind = re.sub(r"[\d.+-]+(e[+-]?\d+)?", "0", message)
        if kind in self.told or len(self.told) > MOST:
            return
        self.told.add(kind)
        self.tell(message if len(self.told) <= MOST else "the environment says more, which is not shown.")


def notes(console: Console) -> Once:
    """Prints each message once, as a line of its own."""
    return Once(lambda message: console.print(f"Note: {message}", markup=False))


@contextmanager
def hearing(tell: Tell, quiet: bool = False) -> Iterator[None]:
    """Within the block, what an environment prints or warns of goes to `tell`, as one line without its newline.

    quiet: drop the warnings of libraries outside the environment, which are no news in a sweep's every trial.
    Warnings keep the user's filters.
    """
    streams, shown = (sys.stdout, sys.stderr), warnings.showwarning

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *rest: Any) -> None:
        if _tells and _in_environment():
            words = " ".join(ESCAPES.sub("", str(message)).split())[:LONGEST]
            _pass_on(f"the environment warns: {category.__name__}: {words} ({Path(filename).name}, line {lineno})")
        elif not quiet:
            shown(message, category, filename, lineno, *rest)

    _tells.append(tell)
    sys.stdout, sys.stderr = _Stream(streams[0]), _Stream(streams[1])
    warnings.showwarning = show  # type: ignore[assignment]
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, _Stream):
                stream.finish()
        sys.stdout, sys.stderr = streams
        warnings.showwarning = shown
        _tells.pop()


class _Stream:
    """A text stream that tells what an environment writes, line by line, and hands on everything else.

    It asks for whom to tell at every line, since an environment's logger may keep the stream for later trials.
    """

    def __init__(self, stream: Any) -> None:
        self._stream, self._line = stream, ""

    def write(self, text: str) -> int:
        if not (_tells and _in_environment()):
            return int(self._stream.write(text) or 0)
        *lines, self._line = re.split(r"[\r\n]", self._line + text)
        for line in lines if len(self._line) < LONGEST else [*lines, self._line]:
            _tell_line(line)
        self._line = self._line if len(self._line) < LONGEST else ""
        return len(text)

    def writelines(self, lines: Any) -> None:
        for line in lines:
            self.write(line)

    def finish(self) -> None:
        """Tell a last line that has no end."""
        _tell_line(self._line)
        self._line = ""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def note(message: str) -> None:
    """Tell something of this program's own about a trial, if anybody hears."""
    if _tells:
        _pass_on(message)


def _tell_line(line: str) -> None:
    words = "".join(letter for letter in ESCAPES.sub("", line) if letter.isprintable() or letter == "\t").strip()
    if words:
        _pass_on(f"the environment prints: {words[:LONGEST]}")


def _pass_on(message: str) -> None:
    tells = _tells.copy()
    _tells.clear()  # meanwhile, since what `tell` writes is written below the environment on the stack
    try:
        tells[-1](message)
    finally:
        _tells.extend(tells)


def _in_environment() -> bool:
    """Is one of this thread's calls a call of an environment?"""
    frame: Any = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_filename in BORDER:
            return True
        frame = frame.f_back
    return False
