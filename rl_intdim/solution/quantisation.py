"""Quantisation of theta_d, and the bits that a solution takes: an upper bound on its description length."""

from dataclasses import dataclass
from math import ceil, frexp, ldexp, log2

import numpy as np

from rl_intdim.solution.solution import Solution

MANTISSA, EXPONENT = 3, 5  # bits of the scale


@dataclass(frozen=True)
class Size:
    """The bits of each part of a solution."""

    theta_d: int
    scale: int
    d: int  # in Elias's gamma code, which marks its own end
    width: int  # which of the widths up to max_bits
    seed: int  # which of the seeds tried, or of all seeds up to it if they are more
    learned: int = 0  # theta0 and the basis as float32, if they were learned: no seed draws them

    @property
    def total(self) -> int:
        return self.theta_d + self.scale + self.d + self.width + self.seed + self.learned


def scale_up(x: float) -> float:
    """The smallest float with MANTISSA (1, 1 + 1/8, ...) and EXPONENT bits that is at least x, for x > 0; the largest
    such float if x is beyond it."""
    steps = 2 ** (MANTISSA + 1)
    low, high = -(2 ** (EXPONENT - 1)), 2 ** (EXPONENT - 1) - 1
    fraction, exponent = frexp(max(x, ldexp(0.5, low)))  # x = fraction 2^exponent, fraction in [0.5, 1)
    return min(ldexp(ceil(fraction * steps) / steps, exponent), ldexp((steps - 1) / steps, high))


def quantise(theta_d: np.ndarray, bits: int) -> np.ndarray:
    """theta_d (d,) rounded to 2^bits evenly spaced levels between -scale and scale, none of them 0: (d,) float32.

    The outer levels lie half a step inside the ends, so one bit gives the sign and each further bit halves the step.
    """
    if not theta_d.size or not np.any(theta_d):
        return theta_d.astype(np.float32)
    scale = scale_up(float(np.abs(theta_d).max()))
    step = 2 * scale / 2**bits
    level = np.clip(np.floor(theta_d / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return ((level + 0.5) * step).astype(np.float32)


def size(solution: Solution, bits: int, max_bits: int) -> Size:
    """The bits of a solution quantised to `bits` per coordinate."""
    return Size(
        bits * len(solution.theta_d),
        MANTISSA + EXPONENT,
        2 * (len(solution.theta_d) + 1).bit_length() - 1,
        ceil(log2(max_bits)),
        ceil(log2(max(solution.seeds_tried, solution.seed + 1))),
        32 * (len(solution.theta0 or []) + sum(map(len, solution.basis or []))),
    )
