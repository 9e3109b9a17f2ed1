"""Training speed: PPO in the subspace against the same PPO as Stable-Baselines3's users run it, in one run.

    pip install -e ".[bench]"; python scripts/bench_training.py     # minutes; writes docs/results/training.json

Four models with the same settings, the same network and as many parameters, on one torch thread, in turns:

    ours    the agent in a subspace on our training environments (Pong: ALE's vector environment, SameStep)
    rounded the same with agent.precision=bfloat16
    direct  the same without a subspace
    peer    SB3's usual way: make_atari_env with VecFrameStack (Pong), make_vec_env (CartPole), no subspace

The figure is the median over turns of env steps a second of processor time, ours by those of the peer. `limit` is
what would be left if only the environment, the forward passes and the forward and backward passes of learning cost
time, each measured alone in the same run: its reciprocal sum. Ours by the limit says what our code and the subspace
cost.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from recording import record
from stable_baselines3 import PPO
from stable_baselines3.common.env_util import make_atari_env, make_vec_env
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor
from stable_baselines3.common.vec_env import VecFrameStack

from rl_intdim.config import cli
from rl_intdim.config.schema import GradientAgent
from rl_intdim.tasks import environment
from rl_intdim.training.sb3.model import build, set_precision
from rl_intdim.training.sb3.subspace_actor import SubspaceActor
from rl_intdim.training.seeding import draw_subspace

OUT = Path(__file__).parent.parent / "docs" / "results" / "training.json"


class ConvNet(BaseFeaturesExtractor):
    """The paper's network for Pong up to its 256 features, as one writes it for SB3 (Li et al. 2018, supplement)."""

    def __init__(self, observation_space: gym.spaces.Box) -> None:
        super().__init__(observation_space, features_dim=256)
        nn = torch.nn
        self.net = nn.Sequential(
            *(nn.Conv2d(4, 16, 8, 4, padding=2), nn.ReLU()),
            *(nn.ZeroPad2d((1, 2, 1, 2)), nn.Conv2d(16, 32, 4, 2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(3872, 256), nn.ReLU()),
        )

    def forward(self, observations: torch.Tensor) -> torch.Tensor:
        return self.net(observations)


def ours(words: list[str], d: int | str, projection: str, device: str = "cpu") -> PPO:
    """The agent's PPO with its actor at theta0 + P theta_d; without a subspace where d is direct."""
    config = cli.load("sweep", words)
    policy = environment.policy(config.env)
    model = build(config.env, config.agent, policy, seed=0, device=device)
    assert isinstance(model, PPO)
    if d != "direct":
        subspace, _ = draw_subspace(policy, projection, d, 0)
        subspace.to(model.device)
        SubspaceActor(model, config.agent, subspace)
    set_precision(model, config.agent)
    return model


def cartpole(agent: GradientAgent) -> PPO:
    network: dict[str, Any] = {"net_arch": {"pi": [20, 20], **agent.critic}}
    envs = make_vec_env("CartPole-v1", agent.n_envs, seed=0)
    return PPO("MlpPolicy", envs, policy_kwargs=network, seed=0, device="cpu", **agent.settings)


def pong(agent: GradientAgent) -> PPO:
    sticky = {"action_repeat_probability": 0.25, "terminal_on_life_loss": True}
    envs = VecFrameStack(make_atari_env("PongNoFrameskip-v4", agent.n_envs, seed=0, wrapper_kwargs=sticky), 4)
    network: dict[str, Any] = {"features_extractor_class": ConvNet, "net_arch": []}
    return PPO("CnnPolicy", envs, policy_kwargs=network, seed=0, device="cpu", **agent.settings)


def pace(model: PPO, steps: int) -> float:
    """Env steps a second of `learn`."""
    start = time.process_time()
    model.learn(steps, reset_num_timesteps=False)
    return steps / (time.process_time() - start)


def alone(model: PPO, repeats: int, clock: Callable[[], float] = time.process_time) -> dict[str, float]:
    """Seconds an env step of the environment, of acting and of learning, each by itself."""
    envs: Any = model.env
    n, batch, policy = envs.num_envs, model.batch_size, model.policy
    obs = torch.as_tensor(envs.reset(), device=model.device)
    actions = [[model.action_space.sample() for _ in range(n)] for _ in range(repeats)]

    def step(i: int) -> None:
        envs.step(np.array(actions[i]))

    def act(i: int) -> None:
        with torch.no_grad():
            policy.forward(obs)[0].cpu()

    many = obs.repeat(-(-batch // n), *[1] * (obs.ndim - 1))[:batch]
    chosen = torch.zeros(batch, dtype=torch.long, device=model.device)

    def learn(i: int) -> None:
        values, log_prob, entropy = policy.evaluate_actions(many, chosen)
        assert entropy is not None
        (values.mean() + log_prob.mean() + entropy.mean()).backward()
        policy.zero_grad()

    policy.set_training_mode(True)
    return {
        "environment": timed(step, repeats, clock) / n,
        "acting": timed(act, repeats, clock) / n,
        "learning": timed(learn, max(repeats // 8, 8), clock) / batch * model.n_epochs,
    }


def timed(job: Callable[[int], None], repeats: int, clock: Callable[[], float]) -> float:
    job(0)
    start = clock()
    for i in range(repeats):
        job(i)
    return (clock() - start) / repeats


def subspace_share(model: PPO, steps: int) -> float:
    """The share of `learn` inside the optimiser's step: g_d, the inner Adam, and theta0 + P theta_d."""
    optimizer = model.policy.optimizer
    inside, step = 0.0, type(optimizer).step

    def clocked(*args: Any) -> Any:
        nonlocal inside
        start = time.process_time()
        result = step(optimizer, *args)
        inside += time.process_time() - start
        return result

    optimizer.step = clocked  # type: ignore[method-assign,assignment]
    start = time.process_time()
    model.learn(steps, reset_num_timesteps=False)
    seconds = time.process_time() - start
    del optimizer.step
    return inside / seconds


def compare(env: str, peer: Callable[[GradientAgent], PPO], d: int, projection: str, turns: int) -> dict[str, Any]:
    exact, rounded = (  # whatever the preset says
        [f"env={env}", "agent=ppo", f"agent.precision={precision}"] for precision in ("float32", "bfloat16")
    )
    models = {"ours": ours(exact, d, projection), "direct": ours(exact, "direct", ""),
              "rounded": ours(rounded, d, projection), "peer": peer(cli.load("sweep", exact).agent)}  # fmt: skip
    sizes = {name: sum(p.numel() for p in model.policy.parameters()) for name, model in models.items()}
    assert len(set(sizes.values())) == 1, sizes
    first = models["ours"]
    steps = first.n_steps * first.n_envs * (8 if env == "CartPole" else 1)
    for model in models.values():
        pace(model, steps)
    rows = [{name: pace(model, steps) for name, model in models.items()} for _ in range(turns)]
    parts = alone(first, 200)
    limit = 1 / sum(parts.values())
    paces = {name: median(row[name] for row in rows) for name in models}
    by_peer = [row["ours"] / row["peer"] for row in rows]
    figures = {
        "task": env, "d": d, "projection": projection, "turns": turns, "steps": steps, "env_steps_per_s": paces,
        "ours_by_peer": median(by_peer), "ours_by_peer_range": [min(by_peer), max(by_peer)],
        "ours_by_direct": median(row["ours"] / row["direct"] for row in rows),
        "rounded_by_ours": median(row["rounded"] / row["ours"] for row in rows),
        "seconds_per_step_alone": parts, "limit": limit, "ours_by_limit": paces["ours"] / limit,
        "limit_by_peer": limit / paces["peer"], "optimizer_share": subspace_share(first, steps),
        "optimizer_share_direct": subspace_share(models["direct"], steps),
    }  # fmt: skip
    print(
        f"{env}, d = {d:,} ({projection}): ours {paces['ours']:,.0f}, direct {paces['direct']:,.0f}, peer "
        f"{paces['peer']:,.0f} env steps/s; limit {limit:,.0f}\n"
        f"  ours by peer {median(by_peer):.2f} (from {min(by_peer):.2f} to {max(by_peer):.2f} in {turns} turns), "
        f"the limit by peer {limit / paces['peer']:.2f}; ours by the limit {paces['ours'] / limit:.2f}; "
        f"ours by direct {figures['ours_by_direct']:.3f}; bfloat16 by float32 {figures['rounded_by_ours']:.2f}\n"
        f"  alone: {', '.join(f'{name} {1e6 * s:,.0f} us' for name, s in parts.items())} an env step; "
        f"optimiser's step {figures['optimizer_share']:.1%} (direct {figures['optimizer_share_direct']:.1%})",
        flush=True,
    )
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    rows = [
        compare("CartPole", cartpole, 10, "dense", args.turns),
        compare("Pong", pong, 6000, "countsketch", args.turns),
    ]
    record({"rows": rows}, OUT)


if __name__ == "__main__":
    main()
