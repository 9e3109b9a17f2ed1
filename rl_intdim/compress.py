"""python -m rl_intdim.compress solution=FILE: how few bits of theta_d still solve?

A solved policy is rebuilt from its seed and d numbers; each is quantised to as few bits as still solve, every width
confirmed on fresh episodes. Bits of the numbers, of their scale, of the width and of the seed, this last as log2 of
the seeds tried, are a constructive upper bound on the description length of a solution, given what is shared:
this code, the environment, the task's file and the generators that draw theta0 and P.
"""

from dataclasses import replace
from math import ceil
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from rl_intdim.config import cli
from rl_intdim.config.schema import CompressConfig
from rl_intdim.errors import NotVerified
from rl_intdim.files import check_file
from rl_intdim.solution import loading
from rl_intdim.solution.isolation import isolated
from rl_intdim.solution.quantisation import EXPONENT, MANTISSA, Size, quantise, size
from rl_intdim.solution.solution import Solution

STREAM = 2  # of the generator that episodes are drawn from: no trial has it, and play has another


def compress(config: CompressConfig) -> Solution:
    """The solution at the smallest width whose confirmation reaches the threshold; written to `out` if given.

    Raises IntdimError: NotVerified if no width does.
    """
    console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)  # names are the file's own
    if config.out:  # before minutes of episodes, not after
        check_file("out", Path(config.out))
    found = loading.load(Path(config.solution), config.trust)
    if others := found.unlike_catalogue():
        console.print(f"Note: this file's task is not the catalogue's: {'; '.join(others)}.")
    with loading.named(Path(config.solution)):
        policy, _ = found.policy()
    rng = np.random.default_rng((config.seed, STREAM))  # every width has episodes of its own
    for bits in range(1, config.max_bits + 1):
        coded = quantise(np.array(found.theta_d), bits)
        small = replace(found, theta_d=coded.tolist(), bits=bits)
        with loading.named(Path(config.solution)):
            returns, reached = small.returns(config.episodes, rng)
        score = float(returns.mean())
        solves = found.task.solved_by(score, reached)
        console.print(f"{bits:2} bits a coordinate: score {score:8.1f}{', solves' if solves else ''}")
        if solves:
            break
    else:
        raise NotVerified(
            f"{config.solution}: no width up to {config.max_bits} bits solves {found.task.name}, "
            f"threshold {found.task.threshold:g}."
        )
    small = replace(small, score=score)
    console.print(report(small, size(small, bits, config.max_bits), policy.D))
    if config.out:
        small.save(Path(config.out))
        console.print(f"Wrote {config.out}")
    return small


def report(small: Solution, told: Size, D: int) -> Table:
    """Where the bits go, and what they leave out."""
    out = Table(title=f"{small.task.name} by {small.agent}: {told.total} bits ({ceil(told.total / 8)} bytes)")
    out.add_column("what")
    out.add_column("bits", justify="right")
    out.add_row(f"theta_d: {len(small.theta_d)} coordinates of {small.bits}", str(told.theta_d))
    out.add_row(f"their scale: {EXPONENT} bits of exponent, {MANTISSA} of mantissa", str(told.scale))
    out.add_row("d", str(told.d))
    out.add_row("the width, of those allowed", str(told.width))
    out.add_row(f"the seed, {small.seed}: one of {small.seeds_tried} tried", str(told.seed))
    out.add_row(f"all D = {D:,} parameters as float32, for comparison", f"{32 * D:,}")
    out.caption = (
        f"A constructive upper bound on the description length of a solution; {small.bits} widths were tried, each "
        "on fresh episodes. Shared knowledge, not counted: this code, the environment and its task file, and the "
        "generators that draw theta0 and P from the seed."
    )
    return out


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("compress", isolated(compress), __doc__)


if __name__ == "__main__":
    main()
