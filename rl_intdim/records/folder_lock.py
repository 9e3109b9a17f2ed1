"""One process at a time in a folder that results are written into."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from rl_intdim.errors import ConfigError

NAME = ".lock"
ASKED = 0.5  # seconds to wait for the lock, since `is_held` takes it for an instant


@contextmanager
def held(folder: Path, out: Path, busy: str) -> Iterator[None]:
    """Make the folder, which is `out` or within it, and hold its lock. Raises ConfigError: `busy`, if another process
    holds it."""
    lock = FileLock(folder / NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=ASKED)
    except Timeout:
        raise ConfigError(f"out={out}: {busy}") from None
    except OSError as error:
        raise ConfigError(f"out={out}: cannot be made: {error.strerror}.") from None
    try:
        yield
    finally:
        lock.release()


def is_held(folder: Path) -> bool:
    """Does a process hold the folder's lock?"""
    if not (folder / NAME).exists():
        return False
    try:
        with FileLock(folder / NAME).acquire(timeout=0):
            return False
    except Timeout:
        return True
    except OSError:  # another user's folder
        return False
