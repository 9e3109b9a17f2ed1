"""A command on a solution file, in a process of its own.

What a file from elsewhere rebuilds may spend minutes in a library that hears no signal, take all memory, or crash.
There it ends alone: this process still answers Ctrl-C and SIGTERM at once, and has the last word.
"""

import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import TypeVar

from rl_intdim import processes
from rl_intdim.config import cli
from rl_intdim.config.schema import FileCommand
from rl_intdim.errors import ConfigError, IntdimError, NotVerified, one_line
from rl_intdim.files import check_file

Config = TypeVar("Config", bound=FileCommand)


def isolated(job: Callable[[Config], object]) -> Callable[[Config], None]:
    """The job, for `cli.main`, in a process of its own; it exits with that one's status.

    Raises NotVerified if that process is killed or crashes.
    """

    def supervise(config: Config) -> None:
        if out := getattr(config, "out", None):  # answered at once, before a process imports torch
            check_file("out", Path(out))
        process = get_context("spawn").Process(target=_run, args=(job, config))
        handler = signal.signal(signal.SIGINT, signal.SIG_IGN)  # inherited: from the start only this one hears Ctrl-C
        try:
            process.start()
        finally:
            signal.signal(signal.SIGINT, handler)
        try:
            process.join()
        finally:
            process.kill()
            process.join()
        status = process.exitcode or 0
        if status < 0:
            name = signal.Signals(-status).name
            raise NotVerified(f"{config.solution}: the process that played it died ({name}): not verified.")
        if status:
            sys.exit(status)

    return supervise


def _run(job: Callable[[Config], object], config: Config) -> None:
    processes.begin()
    try:
        job(config)
    except IntdimError as error:
        cli.fail(error)
    except (MemoryError, RecursionError, SystemExit) as error:  # an environment may raise anything, at any time
        cli.fail(ConfigError(f"{config.solution}: breaks down: {type(error).__name__}: {one_line(error)}"))
