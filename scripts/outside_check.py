"""An outside check of the interval: psignifit, the psychophysicists' library, on the same trials.

    python scripts/outside_check.py > docs/results/psignifit.md

Schuett, Harmeling, Macke and Wichmann, Vision Research 2016, https://doi.org/10.1016/j.visres.2016.02.002: a logistic
with lapses and beta-binomial overdispersion, its parameters' posterior on a grid. It knows neither a level below 1/2
nor a fall, and its prior of the place is its own. Needs rl_intdim[dev].
"""

from math import ceil
from pathlib import Path

import numpy as np
import psignifit

from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import read

RECORDS = Path(__file__).parent.parent / "docs" / "results"
NAMES = (
    *("Acrobot-cma", "Acrobot-openai_es", "CartPole-cma", "CartPole-cma-hidden-8-8", "CartPole-cma-hidden-64-64"),
    *("CartPole-ppo", "CartPole-random", "CartPole200-dqn", "InvertedPendulum-openai_es", "MountainCar-cma"),
)


def theirs(tested: dict[int, tuple[int, int]], d_max: int) -> tuple[float, float, float]:
    """The d at which psignifit's curve is halfway up: estimate, and the ends of its 95 % interval. But for lapses it
    crosses 1/2 there, of which the library gives a worst case rather than an interval."""
    data = np.array([[np.log2(d), k, n] for d, (n, k) in tested.items() if d > 0])
    result = psignifit.psignifit(
        data,
        experiment_type="yes/no",
        sigmoid="logistic",
        fixed_parameters={"gamma": 0.0},  # theta0 alone is another question
        stimulus_range=(-1.0, float(np.log2(2 * d_max))),
    )
    place, ends = result.threshold(0.5, unscaled=True, return_ci=True)
    return tuple(float(2**x) for x in (place, *ends["0.95"]))  # type: ignore[return-value]


def main() -> None:
    print("# Ten records by psignifit\n")
    print("Made by `python scripts/outside_check.py`: halfway up the rise by psignifit, and d_int by ours.")
    print("Theirs is a place on the real line; d_int is the next whole number, in brackets.\n")
    print("| record | trials | psignifit | ours |\n| --- | --- | --- | --- |")
    for name in NAMES:
        sweep = read(RECORDS / name)
        found = theirs(sweep.answer.tested, sweep.d_max)
        d_int, low, high = (ceil(max(x, 1) - 1e-9) for x in found)
        said = "{:.1f} [{:.1f}, {:.1f}]".format(*found) + f" ({d_int} [{low}, {high}])"
        ours = f"{shown(sweep.answer.d_int)} {interval(sweep.answer.ci95)}"
        print(f"| {name} | {sweep.answer.trials} | {said} | {ours} |", flush=True)


if __name__ == "__main__":
    main()
