"""Tune one key of an agent on a task, on seeds from 1,000,000 to 1,000,999, which no result uses.

    python scripts/tune.py --key agent.sigma --values 0.1 0.2 0.4 --ds 4 8 --seeds 12 env=CartPole agent=cma

Runs every value at every d and appends each trial to docs/results/tuning/<env>-<agent>.jsonl; trials already
there, of the same configuration, are not run again. Prints solved trials, the median env steps they took, and the
median score.
"""

import argparse
import json
from pathlib import Path
from statistics import median

from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT
from rl_intdim.records.result import points
from rl_intdim.runners import TrialError
from rl_intdim.runners.local import LocalRunner
from rl_intdim.subspace.projections import resolve
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import check

FIRST_SEED = 1_000_000
FOLDER = Path(__file__).parent.parent / "docs" / "results" / "tuning"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--key", required=True, help="the key to tune, such as agent.multiplier")
    parser.add_argument("--values", nargs="+", required=True)
    parser.add_argument("--ds", nargs="+", default=["4", "8"])
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("overrides", nargs="*", help="env=... agent=... and what else is the same for all")
    args = parser.parse_args()
    name = None
    for value in args.values:
        setting = [*args.overrides, f"{args.key}={value}"]
        config = cli.load("sweep", setting)
        D = check(config.env, config.agent)
        name = name or f"{config.env.name}-{config.agent.name}.jsonl"
        path = FOLDER / name
        path.parent.mkdir(parents=True, exist_ok=True)
        rows = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        known = {row["trial"]: row for row in rows if "trial" in row}
        for word in args.ds:
            d = word if word == DIRECT else int(word)
            P = resolve(config.subspace.projection, D, D if d == DIRECT else d)
            seeds = range(FIRST_SEED, FIRST_SEED + args.seeds)
            learned = config.subspace.learned(config.env.budget)
            trials = [TrialSpec(config.env, config.agent, P, d, seed, learned=learned) for seed in seeds]
            runner = LocalRunner(args.workers)
            for trial, result in runner.run([t for t in trials if t.digest() not in known]):
                if isinstance(result, TrialError):
                    raise SystemExit(f"{trial}: {result.message}")
                record = {
                    key: getattr(result, key)
                    for key in ("d", "seed", "solved", "score", "solved_at", "env_steps", "seconds")
                }
                row = {"setting": sorted(setting), "trial": trial.digest(), **record}
                known[row["trial"]] = row
                with path.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            mine = [known[trial.digest()] for trial in trials]
            solved = sorted(r["solved_at"] for r in mine if r["solved"])
            half = sum(s <= config.env.budget / 2 for s in solved)
            print(
                f"{args.key}={value:<6} d={d!s:<6} solved {len(solved):>2}/{len(mine)} (half the budget: {half:>2});",
                f"median {median(solved) if solved else 0:>9,.0f} env steps;",
                f"median score {points(median(r['score'] for r in mine))};",
                f"{sum(r['seconds'] for r in mine) / len(mine):.1f} s a trial",
                flush=True,
            )


if __name__ == "__main__":
    main()
