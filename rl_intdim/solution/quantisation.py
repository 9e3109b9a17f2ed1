"""theta_d in few bits, and the bits that a solution takes: an upper bound on its description length."""

from dataclasses import dataclass
from math import ceil, frexp, ldexp, log2

import numpy as np

from rl_intdim.solution.solution import Solution

MANTISSA, EXPONENT = 3, 5  # bits of the scale


@dataclass(frozen=True)
class Size:
    """Where the bits go."""

    theta_d: int
    scale: int
    d: int  # in Elias's gamma code, which needs no end
    width: int  # which of the widths up to max_bits
    seed: int  # which of the seeds tried, or of those up to it if that is more: who rebuilds it must be told

    @property
    def total(self) -> int:
        return self.theta_d + self.scale + self.d + self.width + self.seed


def scale_up(x: float) -> float:
    """The smallest float of MANTISSA (1, 1 + 1/8, ...) and EXPONENT bits that is x or more, for x > 0; the
    largest there is for x beyond it."""
    steps = 2 ** (MANTISSA + 1)
    low, high = -(2 ** (EXPONENT - 1)), 2 ** (EXPONENT - 1) - 1
    fraction, exponent = frexp(max(x, ldexp(0.5, low)))  # x = fraction 2^exponent, fraction in [0.5, 1)
    return min(ldexp(ceil(fraction * steps) / steps, exponent), ldexp((steps - 1) / steps, high))


def quantise(theta_d: np.ndarray, bits: int) -> np.ndarray:
    """theta_d (d,) rounded to 2^bits levels evenly spaced from -scale to scale, none of them 0: (d,) float32.

    Half a step inside each end, so that one bit says the sign and each more halves the step.
    """
    if not theta_d.size or not np.any(theta_d):
        return theta_d.astype(np.float32)
    scale = scale_up(float(np.abs(theta_d).max()))
    step = 2 * scale / 2**bits
    level = np.clip(np.floor(theta_d / step), -(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    return ((level + 0.5) * step).astype(np.float32)


def size(found: Solution, bits: int, max_bits: int) -> Size:
    """The bits that say a solution quantised to `bits` a coordinate."""
    return Size(
        bits * len(found.theta_d),
        MANTISSA + EXPONENT,
        2 * (len(found.theta_d) + 1).bit_length() - 1,
        ceil(log2(max_bits)),
        ceil(log2(max(found.seeds_tried, found.seed + 1))),
    )
