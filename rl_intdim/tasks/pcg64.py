"""`np.random.default_rng(seed).random(k)` for n seeds at once, to the bit.

A reset of Gymnasium seeds a new generator, which takes numpy as long as 50 compiled steps of a small task.
Seeding: M. E. O'Neill, "Developing a seed_seq alternative" (2015),
https://www.pcg-random.org/posts/developing-a-seed_seq-alternative.html, as numpy's SeedSequence has it. Generator:
O'Neill, "PCG" (2014), https://www.pcg-random.org/paper.html, of 128 bits with XSL-RR output. Numpy promises that
neither changes (NEP 19).
"""

import numpy as np

from rl_intdim.tasks.jit import jit, part

U32, U64 = np.uint32, np.uint64
MULTIPLIER = (U64(0x2360ED051FC65DA4), U64(0x4385DF649FCCF645))  # high and low half of a number of 128 bits
LOW = U64(0xFFFFFFFF)


@part
def _times(high: np.uint64, low: np.uint64) -> tuple[np.uint64, np.uint64]:
    """(high, low) times MULTIPLIER, modulo 2^128; 64-bit factors are multiplied in halves."""
    m_high, m_low = MULTIPLIER
    a, b, c, d = low >> U64(32), low & LOW, m_low >> U64(32), m_low & LOW
    middle = a * d + ((b * d) >> U64(32))
    carry = (middle & LOW) + b * c
    return high * m_low + low * m_high + a * c + (middle >> U64(32)) + (carry >> U64(32)), low * m_low


@part
def _plus(high, low, other_high, other_low):  # type: ignore[no-untyped-def]
    total = low + other_low
    return high + other_high + U64(total < low), total


@part
def _hash(value, constant, multiplier):  # type: ignore[no-untyped-def]
    """The hash of a word, and the constant for the next one."""
    following = U32(constant * multiplier)
    value = U32((value ^ constant) * following)
    return U32(value ^ (value >> U32(16))), following


@part
def _seed(seed: int, words: np.ndarray) -> None:
    """Write SeedSequence(seed).generate_state(8) to words (8,) uint32."""
    pool, constant = np.zeros(4, np.uint32), U32(0x43B0D7E5)
    for i in range(4):
        pool[i], constant = _hash(U32(seed) if i == 0 else U32(0), constant, U32(0x931E8875))
    for source in range(4):
        for target in range(4):
            if source != target:
                hashed, constant = _hash(pool[source], constant, U32(0x931E8875))
                mixed = U32(U32(0xCA01F9DD) * pool[target] - U32(0x4973F715) * hashed)
                pool[target] = mixed ^ (mixed >> U32(16))
    constant = U32(0x8B51F9DD)
    for i in range(8):
        words[i], constant = _hash(pool[i % 4], constant, U32(0x58F38DED))


@jit
def random(seeds: np.ndarray, k: int) -> np.ndarray:
    """Uniform numbers in [0, 1), (n, k) float64: one row for each seed of (n,), each below 2^32."""
    numbers, words = np.empty((len(seeds), k)), np.empty(8, np.uint32)
    for n in range(len(seeds)):
        _seed(seeds[n], words)
        state_high, state_low, inc_high, inc_low = [
            U64(words[2 * i]) | (U64(words[2 * i + 1]) << U64(32)) for i in range(4)
        ]
        inc_high, inc_low = (inc_high << U64(1)) | (inc_low >> U64(63)), (inc_low << U64(1)) | U64(1)
        high, low = _plus(state_high, state_low, inc_high, inc_low)
        high, low = _times(high, low)
        high, low = _plus(high, low, inc_high, inc_low)
        for i in range(k):
            high, low = _times(high, low)
            high, low = _plus(high, low, inc_high, inc_low)
            mixed, turn = high ^ low, high >> U64(58)
            word = (mixed >> turn) | (mixed << ((U64(64) - turn) & U64(63)))
            numbers[n, i] = (word >> U64(11)) * (1 / 9007199254740992)  # 2^53
    return numbers
