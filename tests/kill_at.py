"""python kill_at.py POINT NAME WORD...: a command, killed by SIGKILL at a named point of the write path.

POINT is FILE:N:MOMENT: at the Nth write to FILE, at one of the MOMENTS.
"""

import os
import signal
import sys
from pathlib import Path

from rl_intdim import files, sweep
from rl_intdim.config import cli

MOMENTS = ("before", "half", "unsynced", "written")
POINT, *WORDS = sys.argv[1:]
FILE, N, MOMENT = POINT.split(":")
write, writes = files.write_all, []


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def deadly(file, data: bytes) -> None:
    name = Path(file.name).name.removesuffix(".part")
    writes.append(name)
    if name == FILE and writes.count(FILE) == int(N):
        if MOMENT == "before":
            die()
        if MOMENT == "half":
            file.write(data[: len(data) // 2])
            die()
        if MOMENT == "unsynced":
            file.write(data)
            die()
        write(file, data)
        die()  # of a file that is replaced whole: written, and not yet in place
    write(file, data)


files.write_all = deadly
sys.argv[1:] = WORDS
cli.main("sweep", sweep.sweep)
