"""What looks that end early cost and save: the production scoring protocol on simulated policies.

    python scripts/simulate_looks.py     # writes docs/results/calibration/looks.json

A look ends after half of its episodes if it is hopeless (training/evaluator.py). Each simulated trial is judged twice
on the same episodes, once with every look played in full. Its true mean return rises towards a level drawn between
70 % and 120 % of the threshold, with a random walk on the way, so about as many trials solve as do not.
Four kinds of returns, of at most 500 and a threshold of 475 where they have a ceiling:

    normal     standard deviation 60, no ceiling
    falls      the env steps until a pole falls at a constant rate, cut at 500
    two ways   500 or 100, such as a policy that depends on where it starts
    rare       500 or 0, such as a goal that is reached or not

A false confirmation is a trial that is solved by a policy whose true mean is below the threshold.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from statistics import mean
from typing import Any

import numpy as np
import torch
from recording import record

from rl_intdim.config import cli
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import environment, rollout
from rl_intdim.training import evaluator
from rl_intdim.training.evaluator import Evaluator, Score

OUT = Path(__file__).parent.parent / "docs" / "results" / "calibration" / "looks.json"
TOP, THRESHOLD = 500.0, 475.0
RATES = np.geomspace(1, 1e7, 4000)  # mean env steps until a fall, and what is left of them after the cut
CUT = RATES * -np.expm1(-TOP / RATES)

KINDS: dict[str, Callable[[float, np.random.Generator, int], np.ndarray]] = {
    "normal": lambda m, rng, n: m + 60 * rng.standard_normal(n),
    "falls": lambda m, rng, n: np.minimum(rng.exponential(np.interp(m, CUT, RATES), n), TOP),
    "two ways": lambda m, rng, n: np.where(rng.random(n) < (m - 100) / 400, TOP, 100.0),
    "rare": lambda m, rng, n: np.where(rng.random(n) < m / TOP, TOP, 0.0),
}


class Simulated(Evaluator):
    """Scores the policy theta_d = [i] as one of true mean self.means[i]."""

    means: np.ndarray
    now = 0.0

    def _score(self, theta_d: torch.Tensor, *rest: Any) -> Score:
        Simulated.now = float(self.means[int(theta_d[0])])
        return super()._score(theta_d, *rest)


def path(kind: str, looks: int, rng: np.random.Generator) -> np.ndarray:
    """True means at the looks."""
    level, speed = THRESHOLD * rng.uniform(0.7, 1.2), rng.uniform(1, 20)
    walk = 0.03 * THRESHOLD * np.cumsum(rng.standard_normal(looks)) / np.sqrt(np.arange(1, looks + 1))
    rising = level * -np.expm1(-np.arange(1, looks + 1) / speed) + walk
    return np.clip(rising, 101 if kind == "two ways" else 1, np.inf if kind == "normal" else TOP)


def trial(kind: str, seed: int, task: Any, policy: Any, subspace: Subspace) -> dict[str, Any]:
    """One trial's outcome as the evaluator has it."""
    rng = np.random.default_rng((seed, 1))
    looks, confirms = np.random.SeedSequence(seed).spawn(2)
    judge = Simulated(task, policy, subspace, looks, confirms)
    judge.means = path(kind, task.scoring.looks, rng)
    for i in range(task.scoring.looks):
        if judge.look(i + 1, torch.tensor([float(i)])):
            break
    best = judge.close()
    true = float(judge.means[int(best.theta_d[0])])
    return {
        "solved": judge.solved,
        "solved_at": judge.solved_at,
        "false": judge.solved and true < THRESHOLD,
        "true": true,
        "episodes": judge.scoring_steps,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=2000, help="of each kind of returns and size of a look")
    args = parser.parse_args()
    hopeless = evaluator.hopeless
    rows = []
    for size in (20, 10):
        words = ["env=CartPole", "env.policy.hidden=[]", f"env.scoring.look_episodes={size}"]
        task = cli.load("sweep", words).env
        policy = environment.policy(task)
        subspace = Subspace(policy.theta0(np.random.default_rng(0)), 1, "countsketch", 0)
        for kind, draw in KINDS.items():

            def episodes(envs: Any, *given: Any, draw: Any = draw) -> tuple[np.ndarray, np.ndarray]:
                n = envs.num_envs
                return draw(Simulated.now, np.random.default_rng(given[-1]), n), np.ones(n, dtype=int)

            rollout.episodes = episodes  # type: ignore[assignment]
            pairs = []
            for seed in range(args.trials):
                pair = []
                for rule in (lambda *_: False, hopeless):
                    evaluator.hopeless = rule
                    pair.append(trial(kind, seed, task, policy, subspace))
                pairs.append(pair)
            full, early = zip(*pairs, strict=True)
            unsolved = [(f, e) for f, e in pairs if not f["solved"] and not e["solved"]]
            row = {
                "kind": kind,
                "look_episodes": size,
                "trials": len(pairs),
                "solved": [mean(t["solved"] for t in arm) for arm in (full, early)],
                "false": [mean(t["false"] for t in arm) for arm in (full, early)],
                "outcomes_that_differ": sum(f["solved"] != e["solved"] for f, e in pairs),
                "solved_at_that_differ": sum(f["solved_at"] != e["solved_at"] for f, e in pairs),
                "true_mean_of_the_unsolved": [mean(p[arm]["true"] for p in unsolved) for arm in (0, 1)],
                "episodes": sum(t["episodes"] for t in early) / sum(t["episodes"] for t in full),
            }
            rows.append(row)
            print(json.dumps(row), flush=True)
    totals = {
        "trials": sum(r["trials"] for r in rows),
        "outcomes_that_differ": sum(r["outcomes_that_differ"] for r in rows),
        "episodes": mean(r["episodes"] for r in rows),
    }
    record({"rows": rows, "all": totals}, OUT)


if __name__ == "__main__":
    main()
