"""Memory that a process has had it keeps, in training: no page is handed back to the system and asked for again."""

import ctypes

# Of glibc's malloc.h. By default a block of megabytes is mapped anew, and its pages zeroed, each time it is asked
# for. A batch of pictures asks for several at every step: a fifth of the time of PPO on Pong.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep() -> None:
    """Let this process keep what it frees; without glibc nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, size in ((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26)):
        mallopt(parameter, size)
