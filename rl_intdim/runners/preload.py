"""What the fork server of the local runner imports, and nobody else: the trial, which all workers then share.

On Linux its workers also die with it, at once. One that is just starting when the sweep is stopped, or its server
dies, finds its pool gone; it ends without a word, since its runner has said what happened.
"""

import ctypes
import os
import signal
import sys
from types import TracebackType

import rl_intdim.training.trial  # noqa: F401

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
SERVER = os.getpid()
forker = SERVER


def _note_forker() -> None:
    global forker
    forker = os.getpid()


def _die_with_server() -> None:
    if forker != SERVER:  # a process that an environment forks is its own affair
        return
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != SERVER:  # it died before the system was told to watch it
        os.kill(os.getpid(), signal.SIGKILL)


def _say(kind: type[BaseException], error: BaseException, where: TracebackType | None) -> None:
    """The fork server's hook for what a process raises before its own work begins."""
    if not isinstance(
        error, FileNotFoundError | ConnectionError | EOFError
    ):  # semaphores and pipes of a pool that is gone
        sys.__excepthook__(kind, error, where)


sys.excepthook = _say
if sys.platform == "linux":
    os.register_at_fork(before=_note_forker, after_in_child=_die_with_server)
