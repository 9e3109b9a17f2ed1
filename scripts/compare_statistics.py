"""Which observation statistics does a task need: none, fixed before training, or learned while training?

    python scripts/compare_statistics.py --d 700 --seeds 2 env=Humanoid agent=openai_es env.budget=1_000_000

Trains by an evolution strategy with each, in the same subspaces, on seeds from 1,000,000 up, which no result uses,
and appends each trial's looks to docs/results/statistics/<env>-<agent>.jsonl; trials already there are not run again.
What counts is the last looks: the best policy seen is none of `learned`, whose statistics have moved since.

    fixed     those of the task's file
    learned   as Salimans et al. have them (https://arxiv.org/abs/1703.03864): mean and variance of all observations
              of training so far, the same for a whole generation. Two numbers an observation are learned outside the
              subspace, which is why the toolkit has them not.
"""

import argparse
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium.wrappers.utils import RunningMeanStd

from rl_intdim.config import cli
from rl_intdim.config.schema import EvolutionAgent, Statistics, Task
from rl_intdim.subspace.projections import resolve
from rl_intdim.tasks import environment, vector
from rl_intdim.training.evaluator import look_slots
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial

FIRST_SEED = 1_000_000
FOLDER = Path(__file__).parent.parent / "docs" / "results" / "statistics"
ARMS = ("none", "fixed", "learned")


class Learned(vector.SingleEpisodeVectorEnv):
    """SingleEpisodeVectorEnv whose observations are standardised by what training saw up to their last reset."""

    def __init__(self, task: Task, n: int, seen: RunningMeanStd, learns: bool) -> None:
        super().__init__([environment.make(task) for _ in range(n)], task.goal.info)
        self.seen, self.learns, self.clip = seen, learns, task.statistics.clip
        self.new: list[np.ndarray] = []

    def reset(self, **kwargs: Any) -> tuple[np.ndarray, dict]:
        if self.new:
            self.seen.update(np.concatenate(self.new))
            self.new = []
        self.mean, self.std = self.seen.mean.copy(), np.sqrt(self.seen.var + 1e-4)
        raw, said = super().reset(**kwargs)
        return self._standardised(raw), said

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict]:
        playing = self.live.copy()
        raw, rewards, terminated, truncated, said = super().step(actions)
        if self.learns:
            self.new.append(raw[playing])
        return self._standardised(raw), rewards, terminated, truncated, said

    def _standardised(self, raw: np.ndarray) -> np.ndarray:
        return np.clip((raw - self.mean) / self.std, -self.clip, self.clip)


@contextmanager
def learned(task: Task) -> Iterator[None]:
    """Inside, environments of the task learn their statistics in training. Those of the evaluator, told by their
    number, only use them."""
    make_vec, seen = vector.make_vec, RunningMeanStd(shape=environment.make(task).observation_space.shape)

    def make(task: Task, n: int) -> Learned:
        return Learned(task, n, seen, learns=n != look_slots(task.scoring.look_episodes))

    vector.make_vec = make
    try:
        yield
    finally:
        vector.make_vec = make_vec


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--d", type=int, default=700)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("overrides", nargs="*", help="env=... agent=... and what else is the same for all")
    args = parser.parse_args()
    config = cli.load("sweep", args.overrides)
    projection = resolve(config.subspace.projection, environment.policy(config.env).D, args.d)
    path = FOLDER / f"{config.env.name}-{config.agent.name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    records = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    known = {(r["trial"], r["arm"]): r for r in records}
    if not config.env.statistics.mean or not isinstance(config.agent, EvolutionAgent):
        raise SystemExit("give a task whose file has statistics, and an evolution strategy.")
    if config.agent.popsize * config.agent.episodes == look_slots(config.env.scoring.look_episodes):
        raise SystemExit(
            "give another env.scoring.look_episodes: `learned` tells looks from training by their number."
        )
    for seed in range(FIRST_SEED, FIRST_SEED + args.seeds):
        for arm in ARMS:
            task = config.env if arm == "fixed" else replace(config.env, statistics=Statistics())
            how = config.subspace.learned(task.budget)
            trial = TrialSpec(task, config.agent, projection, args.d, seed, learned=how)
            key = trial.digest(), arm
            if key not in known:
                with learned(task) if arm == "learned" else nullcontext():
                    result = run_trial(trial)
                known[key] = {
                    **{"arm": arm, "seed": seed, "d": args.d, "setting": sorted(args.overrides), "trial": key[0]},
                    **{k: getattr(result, k) for k in ("env_steps", "curve", "seconds")},
                }
                with path.open("a") as file:
                    file.write(json.dumps(known[key]) + "\n")
            looks = np.array(known[key]["curve"])
            last = looks[-max(1, len(looks) // 4) :]
            print(f"{arm:<8} seed {seed}: the last {len(last)} looks {last[:, 1].mean():.1f}", end="")
            print(f", {config.env.goal.info} {last[:, 3].mean():.2f}" if config.env.goal.info else "", flush=True)


if __name__ == "__main__":
    main()
