"""Set-up of a child process: it ignores Ctrl-C and ends with its parent."""

import multiprocessing
import os
import signal
import threading


def begin() -> None:
    """Leave Ctrl-C, which reaches the whole process group, to the parent process, and end when the parent does, since
    nobody is left to use the result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns when the parent has ended
        os._exit(1)
