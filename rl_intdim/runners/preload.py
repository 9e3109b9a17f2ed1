"""What the fork server of the local runner imports, and nobody else: the trial, which all workers then share.

On Linux its workers also die with it. Otherwise they would go on with trials that the next server's workers take up.
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
