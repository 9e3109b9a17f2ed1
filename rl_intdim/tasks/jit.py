"""Compile functions by numba (https://numba.readthedocs.io), cached beside the source or in the user's folder."""

from collections.abc import Callable
from typing import Any

import numba

# Without fastmath, sums keep their order and nothing is fused, so results are the same to the bit on every CPU.
# Indices are not checked, and a division by zero gives infinity or NaN.
OPTIONS: dict[str, Any] = {"error_model": "numpy"}
NO_WRAPPERS = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}  # wrappers take a quarter of the compile time


def jit(function: Callable[..., Any]) -> Any:
    """The function, compiled at its first call or taken from the cache.

    The cache notices changes only in the function's own file, so everything that it calls must stand in that file.
    """
    try:
        return numba.njit(cache=True, **OPTIONS)(function)
    except RuntimeError:  # numba found no writable cache folder
        return numba.njit(**OPTIONS)(function)


def part(function: Callable[..., Any]) -> Any:
    """A compiled function that only compiled functions call, never Python."""
    return numba.njit(**OPTIONS | NO_WRAPPERS)(function)
