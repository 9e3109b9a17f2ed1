"""What the fork server of the local runner imports, and nobody else: the trial, which all workers then share.

On Linux its workers also die with it, at once: one that was just starting would find its pool gone, and write a
traceback.
"""

import ctypes
import os
import signal
import sys

import rl_intdim.training.trial  # noqa: F401

PR_SET_PDEATHSIG = 1  # from linux/prctl.h
SERVER = os.getpid()


def _die_with_server() -> None:
    if os.getppid() == SERVER:  # a process that an environment forks is its own affair
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


if sys.platform == "linux":
    os.register_at_fork(after_in_child=_die_with_server)
