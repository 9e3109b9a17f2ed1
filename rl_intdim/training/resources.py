"""Set up a process to run trials: its threads, its device, and how it keeps memory."""

import ctypes

import torch
from threadpoolctl import threadpool_limits

from rl_intdim.errors import ConfigError, choices
from rl_intdim.tasks.network import Network

# From glibc's malloc.h. By default every allocation of megabytes maps new pages, which are zeroed. A batch of images
# allocates several at every step, which takes a fifth of the time of PPO on Pong.
M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_THRESHOLD = -1, -2, -3


def keep_memory() -> None:
    """Let this process keep the memory that it frees, so that the system need not map its pages again. Does nothing
    without glibc."""
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError, TypeError):
        return
    for parameter, size in ((M_MMAP_THRESHOLD, 2**30), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26)):
        mallopt(parameter, size)


def settle(threads: int) -> None:
    """Set up this process for trials with this number of threads."""
    torch.set_num_threads(threads)
    threadpool_limits(threads)  # numpy's BLAS too, since concurrent trials would compete for cores
    keep_memory()


def device(name: str, policy: Network) -> torch.device:
    """The device of a trial; auto: cuda for images, where the work is large, if there is one. Raises ConfigError."""
    if name == "auto":
        name = "cuda" if policy.conv_shapes and torch.cuda.is_available() else "cpu"
    check_device(name)
    return torch.device(name)


def device_name(device: torch.device) -> str:
    """cpu, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def check_device(name: str) -> None:
    """Raise ConfigError if this machine does not have the device `name`: auto, cpu, cuda or cuda:N."""
    if not name.startswith("cuda"):
        return
    if not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch {torch.__version__} finds no CUDA device here; valid: auto, cpu.")
    valid = ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if name not in valid:
        raise ConfigError(f"device={name}: not here. {choices(name, ['auto', 'cpu', *valid])}")
