"""Write files and append lines, each whole or not at all; check before a run that a path can be written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from tempfile import TemporaryFile

from rl_intdim.errors import ConfigError, WriteFailure


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file whole or not at all. Raises WriteFailure."""
    part = path.with_name(path.name + ".part")
    with failing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb", buffering=0) as file:
            write_all(file, content.encode() if isinstance(content, str) else content)
        part.replace(path)


def write_all(file: FileIO, data: bytes) -> None:
    """Write all of the data, since a raw file may take only a part at a time, and sync it to disk."""
    while data:
        data = data[file.write(data) :]
    os.fsync(file.fileno())


def append_line(path: Path, line: str) -> None:
    """Append a line whole or not at all, and sync it to disk. Raises WriteFailure."""
    with failing(path), path.open("ab", buffering=0) as file:
        before = file.tell()
        try:
            write_all(file, (line + "\n").encode())
        except OSError:
            file.truncate(before)
            raise


def check_file(key: str, path: Path) -> None:
    """Raise a ConfigError that names `key` unless a file can be written there; leaves nothing behind."""
    if path.is_dir():
        raise ConfigError(f"{key}={path}: is a folder. Name a file.")
    if not path.parent.is_dir():
        raise ConfigError(f"{key}={path}: there is no folder {path.parent}. Make it, or name another.")
    _check_writable(key, path, path.parent)


def check_folder(key: str, path: Path) -> None:
    """Raise a ConfigError that names `key` unless there is, or can be made, a folder to write into; leaves nothing
    behind."""
    nearest = next(p for p in (path, *path.absolute().parents) if p.exists())
    if not nearest.is_dir():
        raise ConfigError(f"{key}={path}: {nearest} is a file. Name a folder.")
    _check_writable(key, path, nearest)


def _check_writable(key: str, path: Path, folder: Path) -> None:
    """Raise a ConfigError unless a trial write succeeds, which tests permissions, mount and quota at once."""
    try:
        with TemporaryFile(dir=folder) as file:
            file.write(b"written")
            file.flush()
    except OSError as error:
        raise ConfigError(f"{key}={path}: {folder} cannot be written to: {error.strerror}. Name another.") from None


@contextmanager
def failing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise WriteFailure(
            f"{path}: cannot be written: {error.strerror}. All that was written before is there, and the "
            "same command goes on."
        ) from None
