"""python -m rl_intdim.compress solution=FILE: quantise theta_d to the fewest bits that still solve the task.

A solved policy is rebuilt from its seed and the d numbers of theta_d. These are quantised to the smallest width that
still solves; every width is confirmed on fresh episodes. The bits of theta_d, its scale, d, the width and the seed
(log2 of the seeds tried, or of the seed if that is larger) are a constructive upper bound on the description length
of a solution, given the shared knowledge: this code, the environment, the task's file and the generators that draw
theta0 and P.
"""

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from rich.table import Table

from rl_intdim.config import cli
from rl_intdim.config.schema import CompressConfig
from rl_intdim.errors import NotVerified
from rl_intdim.records.result import points
from rl_intdim.solution import loading
from rl_intdim.solution.isolation import isolated
from rl_intdim.solution.quantisation import EXPONENT, MANTISSA, Size, quantise, size
from rl_intdim.solution.solution import Solution

STREAM = 2  # second entropy word of the episodes' generator, so that they differ from every trial's and play's


def compress(config: CompressConfig) -> Solution:
    """The solution at the smallest width that a confirmation finds solved; written to `out` if given.

    Raises IntdimError: NotVerified if no width does.
    """
    console = cli.console()
    solution, policy = loading.opened(Path(config.solution), config.trust, console.print)
    rng = np.random.default_rng((config.seed, STREAM))  # every width draws fresh episodes
    for bits in range(1, config.max_bits + 1):
        coded = quantise(np.array(solution.theta_d), bits)
        small = replace(solution, theta_d=coded.tolist(), bits=bits)
        with loading.named(Path(config.solution)):
            returns, reached = small.returns(config.episodes, rng)
        score = float(returns.mean())
        solves = solution.task.solved_by(score, reached)
        console.print(f"{bits:2} bits per coordinate: score {points(score):>8}{', solves' if solves else ''}")
        if solves:
            break
    else:
        raise NotVerified(
            f"{config.solution}: no width up to {config.max_bits} bits solves {solution.task.name}, "
            f"threshold {solution.task.threshold:g}."
        )
    small = replace(small, score=score)
    console.print(size_table(small, size(small, bits, config.max_bits), policy.D))
    if config.out:
        small.save(Path(config.out))
        console.print(f"Wrote {config.out}")
    return small


def size_table(small: Solution, parts: Size, D: int) -> Table:
    """The bits of each part of a solution, and in the caption what they do not count."""
    out = Table(title=f"{small.task.name} by {small.agent}: {parts.total} bits ({ceil(parts.total / 8)} bytes)")
    out.add_column("what")
    out.add_column("bits", justify="right")
    out.add_row(f"theta_d: {len(small.theta_d)} coordinates of {small.bits}", str(parts.theta_d))
    out.add_row(f"their scale: {EXPONENT} bits of exponent, {MANTISSA} of mantissa", str(parts.scale))
    out.add_row("d", str(parts.d))
    out.add_row("the width, of those allowed", str(parts.width))
    out.add_row(f"the seed, {small.seed}, found by {small.seeds_tried} trials", str(parts.seed))
    if parts.learned:
        out.add_row(f"{small.learned}, learned, as float32", f"{parts.learned:,}")
    out.add_row(f"all D = {D:,} parameters as float32, for comparison", f"{32 * D:,}")
    out.caption = (
        f"A constructive upper bound on the description length of a solution; widths up to {small.bits} were tried, "
        "each on fresh episodes. Shared knowledge, not counted: this code, the environment and its task file, and "
        "the generators that draw theta0 and P from the seed."
    )
    return out


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("compress", isolated(compress), __doc__)


if __name__ == "__main__":
    main()
