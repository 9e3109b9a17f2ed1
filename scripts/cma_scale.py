"""CMA-ES's own cost a generation, full covariance against diagonal: what agent.diagonal_above is chosen by.

    python scripts/cma_scale.py --ds 100 500 1000 2000

Each (d, mode) in a process of its own, population 16, one thread. Prints the mean seconds a generation, with
the eigendecompositions that fall into so many, and what the strategy adds to the process's peak memory.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time

import numpy as np


def measure(d: int, full: bool, generations: int) -> None:
    """Print [seconds a generation, MiB] of one strategy on a function that costs nothing."""
    from rl_intdim.config.schema import EvolutionAgent
    from rl_intdim.training import strategies

    def peak() -> float:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10

    agent = EvolutionAgent(strategy="cma", diagonal_above=d if full else 0, patience=10**9)
    kind, before = strategies.load("cma"), peak()
    start = time.perf_counter()
    strategy = kind(d, 1.0, agent, np.random.default_rng(0))
    for _ in range(generations):
        population = strategy.ask()
        strategy.tell(population, -(population**2).sum(1))
    print(json.dumps([(time.perf_counter() - start) / generations, peak() - before]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ds", nargs="+", type=int, default=[100, 500, 1000, 2000])
    parser.add_argument("--generations", type=int, default=100)
    parser.add_argument("--one", choices=("full", "diagonal"), help="measure this mode in this process")
    args = parser.parse_args()
    if args.one:
        measure(args.ds[0], args.one == "full", args.generations)
        return
    for d in args.ds:
        for mode in ("full", "diagonal"):
            words = ["--one", mode, "--ds", str(d), "--generations", str(args.generations)]
            one = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
            ran = subprocess.run(
                [sys.executable, __file__, *words], capture_output=True, text=True, check=True, env=os.environ | one
            )
            seconds, size = json.loads(ran.stdout.splitlines()[-1])
            print(f"d={d:<6} {mode:<8} {1000 * seconds:>9.1f} ms a generation, {size:>7.0f} MiB", flush=True)


if __name__ == "__main__":
    main()
