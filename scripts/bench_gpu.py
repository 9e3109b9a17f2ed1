"""Training speed of PPO on Pong with a GPU: one trial, and several side by side on one card.

    python scripts/bench_gpu.py      # two minutes, on a machine with a GPU; writes docs/results/gpu.json

Each row trains models in a subspace of 6,000 dimensions side by side, as the trials of a sweep are, each in a process
of its own with its share of the cores for ALE. The figure is env steps a second of wall-clock time, without scoring.
`environment`, `acting` and `learning` are what one of them alone takes for each, measured by itself: their sum is
less than an env step takes, and the difference is Stable-Baselines3's Python and the subspace.
"""

import argparse
import multiprocessing
import time
from pathlib import Path
from typing import Any

import torch
from bench_training import alone, ours
from recording import record
from stable_baselines3 import PPO

from rl_intdim.runners.local import cores
from rl_intdim.tasks import atari
from rl_intdim.training.resources import settle

OUT = Path(__file__).parent.parent / "docs" / "results" / "gpu.json"
SUBSPACE = 6000, "countsketch"
# Trials side by side, and what differs from the preset.
ROWS: list[tuple[int, list[str]]] = [
    (1, []),
    (1, ["agent.n_envs=128", "agent.settings.batch_size=2048"]),
    (4, []),
    (4, ["agent.n_envs=128", "agent.settings.batch_size=2048"]),
]


def prepared(at_once: int, words: list[str]) -> PPO:
    """A model that has trained for one rollout, on its share of the cores."""
    settle(1)
    atari.threads = max(1, cores() // at_once)
    model = ours(["env=PongNoSticky", "agent=ppo", *words], *SUBSPACE, "cuda")
    rollout(model)
    return model


def rollout(model: PPO) -> int:
    """Train for one rollout; returns its env steps."""
    steps = model.n_steps * model.n_envs
    model.learn(steps, reset_num_timesteps=False)
    torch.cuda.synchronize()
    return steps


def train(at_once: int, words: list[str], seconds: float, together: Any, paces: Any) -> None:
    """The work of one process: the env steps a second of at least so many seconds."""
    model = prepared(at_once, words)
    together.wait()
    start, steps = time.perf_counter(), 0
    while time.perf_counter() - start < seconds:
        steps += rollout(model)
    paces.put(steps / (time.perf_counter() - start))


def side_by_side(at_once: int, words: list[str], seconds: float) -> dict[str, Any]:
    context = multiprocessing.get_context("spawn")
    together, paces = context.Barrier(at_once), context.Queue()
    args = (at_once, words, seconds, together, paces)
    processes = [context.Process(target=train, args=args) for _ in range(at_once)]
    for process in processes:
        process.start()
    each = sorted(paces.get(timeout=300) for _ in processes)
    for process in processes:
        process.join()
    print(f"{at_once} at once, {' '.join(words) or 'the preset'}: {sum(each):,.0f} env steps/s in sum", flush=True)
    return {"at_once": at_once, "words": words, "env_steps_per_s": each, "sum": sum(each)}


def wall() -> float:
    """The time, once the GPU has done what it was given."""
    torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=10, help="that each row trains")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()
    figures: dict[str, Any] = {"device": torch.cuda.get_device_name(), "cores": cores(), "rows": []}
    for at_once, words in ROWS:
        figures["rows"].append(side_by_side(at_once, words, args.seconds))
        record(figures, args.out)  # a lent machine may be taken away
    parts = alone(prepared(1, []), 100, wall)
    print(", ".join(f"{name} {1e6 * seconds:,.0f} us" for name, seconds in parts.items()), "an env step alone")
    record(figures | {"seconds_per_step_alone": parts}, args.out)


if __name__ == "__main__":
    main()
