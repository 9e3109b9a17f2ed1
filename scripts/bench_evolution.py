"""Speed of the evolution agents: the whole loop beside its peers and the bare simulator, and the cost of d and D.

    pip install -e ".[bench]"; python scripts/bench_evolution.py     # minutes; writes docs/results/evolution/

CMA-ES with a population of 64 and 4 episodes a candidate on networks of 20-20, one torch thread, in turns:

    ours      theta_d of 10 dimensions in the subspace, played as agent=cma plays it
    plain     the library cma on the same subspace, and a loop of gymnasium.make environments with a torch policy
    evotorch  EvoTorch's VecGymNE, its vectorised Gym problem, with its CMA-ES on all D (separable: it costs little)
    evosax    on CartPole only, the mark to catch: evosax's CMA-ES on the same subspace and gymnax's CartPole,
              compiled by XLA, which takes environments written in JAX

Each turn starts anew and trains for the same number of generations, so that all are at a like stage of learning; the
mean length of an episode is printed. The figure is env steps per second of processor time, which other processes on
the machine disturb less than they do wall-clock time, and the ratio is the median over turns.
InvertedPendulum and Humanoid are held to the simulator besides, one environment and nothing else: by random actions,
and by the seeds and actions of our own episodes, since what a step costs depends on what the body touches.
A run of ours with clocks around its parts says where its time goes.

Then the time of a generation without environments: ask, decode to D, one forward pass, tell.
"""

import argparse
import logging
import os
import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from evolution_peers import EPISODES, POPSIZE, Loop, bare, evosax, evotorch, ours, parts, plain, replayed, train
from recording import record
from threadpoolctl import threadpool_limits

from rl_intdim.analysis import style
from rl_intdim.config.schema import EvolutionAgent, Policy
from rl_intdim.files import write_whole
from rl_intdim.tasks.network import Network
from rl_intdim.tasks.sequential import SequentialEpisodes
from rl_intdim.training import strategies
from rl_intdim.training.seeding import draw_subspace

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "evolution"
DS, SIZES = (1, 10, 100, 1_000, 10_000), (562, 10_000, 100_000, 1_000_000)


def pace(loop: Loop, generations: int) -> tuple[float, float]:
    """Env steps per second of processor time, of the generations after the first; the mean length of an episode."""
    next(loop)
    start = time.process_time()
    counts = [next(loop) for _ in range(generations)]
    seconds = time.process_time() - start
    steps, episodes = map(sum, zip(*counts, strict=True))
    return steps / seconds, steps / episodes


def shares(env: str, d: int, generations: int) -> dict[str, float]:
    """Where the processor time of `ours` goes, as shares; the clocks take some of it."""
    strategy, players = parts(env, d)
    spent: dict[str, float] = defaultdict(float)

    def clocked(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            start = time.process_time()
            result = function(*args, **kwargs)
            spent[name] += time.process_time() - start
            return result

        return call

    def clock(name: str, owner: Any, *methods: str) -> None:
        for method in methods:
            setattr(owner, method, clocked(name, getattr(owner, method)))

    clock("strategy", strategy, "ask", "tell")
    clock("theta = theta0 + P theta_d", players.subspace, "theta")
    if isinstance(players.envs, SequentialEpisodes):
        clock("environment", players.envs.env, "step", "reset")
        actor = players.policy.actor
        players.policy.actor = lambda weights: clocked("network", actor(weights))  # type: ignore[method-assign]
    else:
        clock("environment and network, compiled", players.envs, "play")
    loop = train(strategy, players)
    next(loop)
    spent.clear()
    start = time.process_time()
    for _ in range(generations):
        next(loop)
    seconds = time.process_time() - start
    told = {name: part / seconds for name, part in spent.items()}
    told["the rest"] = 1 - sum(told.values())
    print(f"{env}: " + ", ".join(f"{name} {share:.0%}" for name, share in told.items()), flush=True)
    return told


def compare(
    env: str, kinds: Mapping[str, Callable[[str, int], Loop]], d: int, turns: int, generations: int
) -> dict[str, Any]:
    rows = [{name: pace(kind(env, d), generations) for name, kind in kinds.items()} for _ in range(turns)]
    figures: dict[str, Any] = {"task": env, "d": d, "turns": turns, "generations": generations}
    for name in kinds:
        figures[name] = median(row[name][0] for row in rows)
        figures[f"{name}_episode"] = median(row[name][1] for row in rows)
        ratios = [row["ours"][0] / row[name][0] for row in rows]
        if name != "ours":
            figures[f"ours_by_{name}"] = median(ratios)
            figures[f"ours_by_{name}_range"] = [min(ratios), max(ratios)]
    told = "; ".join(
        f"{name} {figures[name]:,.0f} (episodes of {figures[f'{name}_episode']:.0f}"
        + (f"; ours is {figures[f'ours_by_{name}']:.2f} times)" if name != "ours" else ")")
        for name in kinds
    )
    print(f"{env}, d = {d}: env steps/s: {told}", flush=True)
    return figures | {"shares": shares(env, d, generations)}


def generation(d: int, D: int) -> float:
    """Processor time of a generation of a population of 64 without its environment, after the first."""
    hidden = (D - 4) // 7  # one hidden layer: 5 inputs' weights and biases, and one output
    box = gym.spaces.Box(-1, 1, (5,), np.float32)
    policy = Network(Policy(hidden=[hidden]), box, gym.spaces.Box(-1, 1, (1,), np.float32))
    subspace, _ = draw_subspace(policy, "countsketch", d, 0)
    agent = EvolutionAgent(popsize=POPSIZE, patience=10**9, growth=1)  # restarts as large as the first
    strategy = strategies.load("cma")(d, subspace.step_scale, agent, np.random.default_rng(0))
    rng = np.random.default_rng(0)

    def once() -> None:
        population = strategy.ask()
        with torch.inference_mode():
            theta = subspace.theta(torch.from_numpy(population).float())
            policy.outputs(policy.layers(theta), torch.zeros(len(population), EPISODES, 5))
        strategy.tell(population, rng.standard_normal(len(population)))

    once()
    start, n = time.process_time(), 0
    while n < 3 or time.process_time() - start < 2:
        once()
        n += 1
    return (time.process_time() - start) / n


def plot(rows: list[dict[str, Any]]) -> None:
    """Time of a generation against d, a line for each D."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axis = figure.subplots()
    colors = ("#0072B2", "#D55E00", "#009E73", "#CC79A7")
    for color, D in zip(colors, sorted({row["D"] for row in rows}), strict=True):
        mine = [row for row in rows if row["D"] == D]
        axis.plot(
            [r["d"] for r in mine], [1e3 * r["seconds"] for r in mine], "o-", color=color, ms=4, label=f"D = {D:,}"
        )
    axis.set(xscale="log", yscale="log", xlabel="d", ylabel="ms a generation of 64, without environments")
    axis.grid(alpha=0.25)
    figure.legend(loc="outside lower center", ncols=4, fontsize=8)
    write_whole(FOLDER / "generation.png", style.png(figure))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--generations", type=int, default=10)
    args = parser.parse_args()
    torch.set_num_threads(1)
    threadpool_limits(1)
    if hasattr(os, "sched_setaffinity"):  # one core for XLA too, whose threads have no limit of their own
        os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])
    logging.disable(logging.INFO)
    peers: dict[str, Callable[[str, int], Loop]] = {"ours": ours, "plain": plain, "evotorch": evotorch}

    def simulator(generations: int) -> dict[str, Callable[[str, int], Loop]]:
        return {"bare": bare, "replayed": partial(replayed, generations + 1)}

    rows = [
        compare("CartPole", peers | {"evosax": evosax}, 10, args.turns, args.generations),
        compare("InvertedPendulum", peers | simulator(args.generations), 10, args.turns, args.generations),
        compare("Humanoid", {"ours": ours} | simulator(2), 700, args.turns, 2),
    ]
    costs = [{"d": d, "D": D, "seconds": generation(d, D)} for D in SIZES for d in DS if d < D]
    for cost in costs:
        print("D = {D:,}, d = {d:,}: {seconds:.4f} s a generation".format(**cost), flush=True)
    record({"rows": rows, "generation": costs}, FOLDER / "bench.json")
    plot(costs)


if __name__ == "__main__":
    main()
