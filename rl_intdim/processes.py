"""What a process does first that another one started."""

import multiprocessing
import os
import signal
import threading


def begin() -> None:
    """Leave Ctrl-C, which reaches the whole process group, to the process that started this one, and end with it:
    without it there is nobody to decide or to hear the result."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()  # returns when the process that asked for this one is gone
        os._exit(1)
