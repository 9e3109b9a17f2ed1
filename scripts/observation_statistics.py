"""Measure the observations of a task under random actions, before any training, for `statistics:` in its file.

    python scripts/observation_statistics.py env=Humanoid

Prints YAML, of the observations as they come, whatever statistics the file has: mean and standard deviation of each
over 100,000 env steps of uniform random actions, to four digits, standard deviations below 0.01 raised to it: what
random actions never move would else be blown up once a policy does.
"""

import sys
from dataclasses import replace

import numpy as np
import yaml

from rl_intdim.config import cli
from rl_intdim.config.schema import Statistics
from rl_intdim.tasks import environment

STEPS, SEED, FLOOR = 100_000, 0, 0.01


def main() -> None:
    task = cli.load("sweep", sys.argv[1:]).env
    env = environment.make(replace(task, statistics=Statistics()))
    env.action_space.seed(SEED)
    obs, _ = env.reset(seed=SEED)
    seen = []
    for _ in range(STEPS):
        seen.append(obs)
        obs, _, terminated, truncated, _ = env.step(env.action_space.sample())
        if terminated or truncated:
            obs, _ = env.reset()
    env.close()
    mean, std = np.mean(seen, axis=0), np.maximum(np.std(seen, axis=0), FLOOR)
    source = f"{STEPS:,} env steps of random actions, seed {SEED}; standard deviations of {FLOOR} at least"
    found = {"source": source} | {
        name: " ".join(f"{x:.4g}" for x in of) for name, of in (("mean", mean), ("std", std))
    }
    print(yaml.safe_dump({"statistics": found}, sort_keys=False, width=110), end="")


if __name__ == "__main__":
    main()
