"""Compiling by numba (https://numba.readthedocs.io), kept on disk beside the source or in the user's cache folder."""

from collections.abc import Callable
from typing import Any

import numba

# Sums keep their order and nothing is fused, so a result is the same to the bit on every CPU. An index out of range
# is not noticed, and a division by zero gives infinity or NaN.
OPTIONS: dict[str, Any] = {"error_model": "numpy"}
NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # they take a quarter of the time to compile


def jit(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call or taken from the cache.

    The cache sees a change in the file of the function and in no other: what it calls stands in the same file.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # no folder to write to
        return numba.njit(**OPTIONS)(function)


def part(function: Callable[..., Any]) -> Any:
    """A function that compiled ones call and Python does not."""
    return numba.njit(**OPTIONS | NO_WRAPPERS)(function)
