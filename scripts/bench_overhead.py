"""What the subspace costs in training: SB3's PPO.learn with and without it, in turns, everything else the same.

    python scripts/bench_overhead.py            # minutes; writes docs/results/overhead.json

CartPole: the network and settings of agents/ppo.yaml, d = 10, dense. Pong: the paper's ConvNet with D = 1,005,366,
d = 6,000, countsketch, shared extractor, on an environment of Pong's shapes that costs nothing, so that the ratio is
an upper bound of the one on ALE. One torch thread. The figure is the median over turns of the ratio of one turn; the
time inside `optimizer.step` says where the difference lies.
"""

import argparse
import json
import time
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor

from rl_intdim import cli, provenance, tasks
from rl_intdim.config import GradientAgent
from rl_intdim.subspace import Subspace, flat
from rl_intdim.trainers.gradient import Hold, build

RECORD = Path(__file__).parent.parent / "docs" / "results" / "overhead.json"


class PongShaped(gym.Env):
    """Frames of Pong's shape and six actions, at no cost."""

    observation_space = gym.spaces.Box(0, 255, (4, 84, 84), np.uint8)
    action_space = gym.spaces.Discrete(6)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[np.ndarray, dict]:
        super().reset(seed=seed)
        self.frames = self.np_random.integers(256, size=(4, 84, 84), dtype=np.uint8)
        self.t = 0
        return self.frames, {}

    def step(self, action: int) -> tuple[np.ndarray, float, bool, bool, dict]:
        self.t += 1
        return self.frames, float(action == self.t % 6), False, self.t >= 1000, {}


class ConvNet(BaseFeaturesExtractor):
    """The paper's network for Pong, up to its 256 features (Li et al. 2018, supplement)."""

    def __init__(self, observation_space: gym.spaces.Box) -> None:
        super().__init__(observation_space, features_dim=256)
        nn = torch.nn
        self.net = nn.Sequential(
            *(nn.ZeroPad2d(2), nn.Conv2d(4, 16, 8, 4), nn.ReLU()),
            *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(16, 32, 4, 2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(3872, 256), nn.ReLU()),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


def cartpole() -> tuple[PPO, GradientAgent]:
    config = cli.load("sweep", ["env=CartPole", "agent=ppo"])
    model = build(config.env, config.agent, tasks.policy(config.env), seed=0)
    assert isinstance(model, PPO)
    return model, config.agent


def pong() -> tuple[PPO, GradientAgent]:
    network: dict[str, Any] = {"features_extractor_class": ConvNet, "net_arch": []}
    settings: dict[str, Any] = {"n_steps": 64, "batch_size": 256, "n_epochs": 3, "learning_rate": 5e-4}
    envs = make_vec_env(PongShaped, n_envs=8, seed=0)
    model = PPO("CnnPolicy", envs, policy_kwargs=network, seed=0, device="cpu", **settings)
    return model, GradientAgent("ppo", "gradient", "", actor=["features_extractor", "action_net"], free=["value_net"])


def timed_learn(model: PPO, steps: int) -> tuple[float, float]:
    """Seconds of `learn`, and of it inside the optimiser's step."""
    optimizer = model.policy.optimizer
    inside, step = 0.0, type(optimizer).step

    def timed(*args: Any) -> Any:
        nonlocal inside
        start = time.perf_counter()
        result = step(optimizer, *args)
        inside += time.perf_counter() - start
        return result

    optimizer.step = timed  # type: ignore[method-assign,assignment]
    start = time.perf_counter()
    model.learn(steps, reset_num_timesteps=False)
    seconds = time.perf_counter() - start
    del optimizer.step
    return seconds, inside


def compare(name: str, make: Any, d: int, projection: str, steps: int, turns: int) -> dict[str, Any]:
    """Learn in turns with and without the subspace."""
    plain, _ = make()
    held, agent = make()
    modules = [held.policy.get_submodule(path) for path in agent.actor]
    actor = flat([p for module in modules for p in module.parameters()])
    Hold(held, agent, Subspace(actor, d, projection))
    for model in (plain, held):
        timed_learn(model, steps)
    rows = [(*timed_learn(plain, steps), *timed_learn(held, steps)) for _ in range(turns)]
    ratios = [c / a for a, _, c, _ in rows]
    middle = [median(column) for column in zip(*rows, strict=True)]
    print(
        f"{name}: D = {actor.numel():,}, d = {d:,}, {projection}: {median(ratios):.3f} times "
        f"(from {min(ratios):.3f} to {max(ratios):.3f} in {turns} turns of {steps} env steps)\n"
        f"  without: {middle[0]:.2f} s, of it {middle[1]:.3f} s in optimizer.step\n"
        f"  with:    {middle[2]:.2f} s, of it {middle[3]:.3f} s in optimizer.step",
        flush=True,
    )
    names = ("plain_s", "plain_optimizer_s", "subspace_s", "subspace_optimizer_s")
    return {"task": name, "D": actor.numel(), "d": d, "projection": projection, "steps": steps, "turns": turns,
            "ratio": median(ratios), "ratios": ratios, **dict(zip(names, middle, strict=True))}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        compare("CartPole", cartpole, 10, "dense", steps=4096, turns=11),
        compare("Pong's size", pong, 6000, "countsketch", steps=512, turns=5),
    ]
    RECORD.parent.mkdir(parents=True, exist_ok=True)
    record = {"command": "python scripts/bench_overhead.py", "versions": provenance.versions(), "rows": rows}
    RECORD.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
