"""Run a command on a solution file in a separate process.

A file from elsewhere can make a library run for minutes without handling signals, exhaust memory, or crash. In its
own process it fails alone, while this process still answers Ctrl-C and SIGTERM at once and reports the outcome.
"""

import signal
import sys
from collections.abc import Callable
from multiprocessing import get_context
from typing import TypeVar

from rl_intdim import child_process
from rl_intdim.config import cli
from rl_intdim.config.schema import FileCommand
from rl_intdim.errors import ConfigError, IntdimError, NotVerified, one_line

Config = TypeVar("Config", bound=FileCommand)


def isolated(job: Callable[[Config], object]) -> Callable[[Config], None]:
    """The job for `cli.main`, run in a child process; exits with the child's status.

    Raises NotVerified if the child is killed or crashes.
    """

    def supervise(config: Config) -> None:
        process = get_context("spawn").Process(target=_run, args=(job, config))
        with child_process.ctrl_c_held():
            process.start()
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
    from rl_intdim.tasks.output import Once, hearing

    child_process.begin()
    try:
        with hearing(Once(lambda message: print(f"Note: {message}"))):
            job(config)
    except IntdimError as error:
        cli.fail(error)
    except (MemoryError, RecursionError, SystemExit) as error:  # an environment may raise anything, at any time
        cli.fail(ConfigError(f"{config.solution}: breaks down: {type(error).__name__}: {one_line(error)}"))
