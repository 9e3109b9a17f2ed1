"""What a process needs that runs trials: its threads, its device, and memory that it keeps."""

import ctypes

import torch
from threadpoolctl import threadpool_limits

from rl_intdim.errors import ConfigError, choices
from rl_intdim.tasks.network import Network

# Of glibc's malloc.h. By default a block of megabytes is mapped anew, and its pages zeroed, each time it is asked
# for. A batch of pictures asks for several at every step: a fifth of the time of PPO on Pong.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep_memory() -> None:
    """Let this process keep what it frees, so that no page is handed back to the system and asked for again; without
    glibc nothing changes."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, size in ((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26)):
        mallopt(parameter, size)


def settle(threads: int) -> None:
    """Make this process one that runs trials of so many threads."""
    torch.set_num_threads(threads)
    threadpool_limits(threads)  # numpy's BLAS too: trials side by side would wait for each other's threads
    keep_memory()


def device(name: str, policy: Network) -> torch.device:
    """The device of a trial; auto: cuda for images, where the work is large, if there is one. Raises ConfigError."""
    if name == "auto":
        name = "cuda" if policy.conv_shapes and torch.cuda.is_available() else "cpu"
    check_device(name)
    return torch.device(name)


def check_device(name: str) -> None:
    """Raise ConfigError if this machine does not have the device `name`: auto, cpu, cuda or cuda:N."""
    if not name.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch {torch.__version__} finds no CUDA device here; valid: auto, cpu.")
    valid = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name not in valid:
        raise ConfigError(f"device={name}: not here. {choices(name, ['auto', 'cpu', *valid])}")
