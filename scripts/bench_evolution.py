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
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import cycle, pairwise
from pathlib import Path
from statistics import median
from typing import Any

import cma
import gymnasium as gym
import numpy as np
import torch
from recording import record
from threadpoolctl import threadpool_limits

from rl_intdim.config import cli
from rl_intdim.config.schema import EvolutionAgent, Policy
from rl_intdim.tasks import environment
from rl_intdim.tasks.network import Network
from rl_intdim.tasks.sequential import SequentialEpisodes
from rl_intdim.training import strategies
from rl_intdim.training.evolution import PopulationEvaluator
from rl_intdim.training.seeding import draw_subspace

FOLDER = Path(__file__).parent.parent / "docs" / "results" / "evolution"
POPSIZE, EPISODES, SIGMA = 64, 4, 0.2
DS, SIZES = (1, 10, 100, 1_000, 10_000), (562, 10_000, 100_000, 1_000_000)

Loop = Iterator[tuple[int, int]]  # after each generation: its env steps and its episodes


def parts(env: str, d: int) -> tuple[strategies.Strategy, PopulationEvaluator]:
    """What agent=cma is made of."""
    words = [f"env={env}", "agent=cma", f"agent.popsize={POPSIZE}", f"agent.episodes={EPISODES}"]
    config = cli.load("sweep", words)
    policy = environment.policy(config.env)
    subspace, _ = draw_subspace(policy, "auto", d, 0)
    strategy = strategies.load("cma")(d, subspace.step_scale, config.agent, np.random.default_rng(0))
    return strategy, PopulationEvaluator(config.env, config.agent, policy, subspace)


def train(strategy: strategies.Strategy, players: PopulationEvaluator) -> Loop:
    for seed in range(10**9):
        population = strategy.ask()
        returns, steps = players.play(population, seed)
        strategy.tell(population, returns)
        yield steps, POPSIZE * EPISODES


def ours(env: str, d: int) -> Loop:
    return train(*parts(env, d))


def plain(env: str, d: int) -> Loop:
    config = cli.load("sweep", [f"env={env}"])
    policy = environment.policy(config.env)
    subspace, _ = draw_subspace(policy, "auto", d, 0)
    game = gym.make(config.env.id)
    es = cma.CMAEvolutionStrategy(np.zeros(d), SIGMA * subspace.step_scale, {"popsize": POPSIZE, "verbose": -9})
    while True:
        population, losses, steps = es.ask(), [], 0
        for candidate in population:
            network = stack(policy.sizes)
            theta = subspace.theta(torch.from_numpy(candidate).float())
            torch.nn.utils.vector_to_parameters(theta, network.parameters())
            total = 0.0
            for _ in range(EPISODES):
                obs, _ = game.reset()
                over = False
                while not over:
                    with torch.no_grad():
                        output = network(torch.from_numpy(obs).float()).numpy()
                    obs, reward, terminated, truncated, _ = game.step(policy.actions(output))
                    total, steps, over = total + float(reward), steps + 1, terminated or truncated
            losses.append(-total / EPISODES)
        es.tell(population, losses)
        yield steps, POPSIZE * EPISODES


def stack(sizes: list[int]) -> torch.nn.Sequential:
    """The task's network as one writes it in torch."""
    layers: list[torch.nn.Module] = []
    for i, o in pairwise(sizes):
        layers += [torch.nn.Linear(i, o), torch.nn.Tanh()]
    return torch.nn.Sequential(*layers[:-1])


def evotorch(env: str, d: int) -> Loop:
    from evotorch.algorithms import CMAES
    from evotorch.neuroevolution import VecGymNE

    config = cli.load("sweep", [f"env={env}"])
    problem = VecGymNE(config.env.id, stack(environment.policy(config.env).sizes), num_episodes=EPISODES)
    searcher = CMAES(problem, stdev_init=SIGMA, popsize=POPSIZE, separable=True)
    before = 0
    while True:
        searcher.step()
        count = int(problem.status["total_interaction_count"])
        yield count - before, POPSIZE * EPISODES
        before = count


def evosax(env: str, d: int) -> Loop:
    import gymnax
    import jax
    import jax.numpy as jnp
    from evosax.algorithms import CMA_ES

    config = cli.load("sweep", [f"env={env}"])
    policy = environment.policy(config.env)
    subspace, _ = draw_subspace(policy, "auto", d, 0)
    theta0 = jnp.asarray(subspace.theta(torch.zeros(d)).numpy())
    P = jnp.asarray(subspace.theta(torch.eye(d)).numpy()) - theta0
    sizes = policy.sizes
    game, rules = gymnax.make(config.env.id)

    def act(theta: Any, obs: Any) -> Any:
        at = 0
        for layer, (i, o) in enumerate(pairwise(sizes)):
            weights, bias = theta[at : at + i * o].reshape(o, i), theta[at + i * o : at + i * o + o]
            obs, at = weights @ obs + bias, at + i * o + o
            obs = jnp.tanh(obs) if layer < len(sizes) - 2 else obs
        return jnp.argmax(obs)

    actions = jax.vmap(jax.vmap(act, (None, 0)))
    steps = jax.vmap(jax.vmap(lambda key, state, action: game.step_env(key, state, action, rules)))
    resets = jax.vmap(jax.vmap(lambda key: game.reset_env(key, rules)))

    @jax.jit
    def play(population: Any, key: Any) -> Any:
        """The returns of each candidate's episodes, until the last of them ends."""
        theta = theta0 + population @ P
        keys = jax.random.split(key, (POPSIZE, EPISODES))  # for both: CartPole's steps draw nothing
        obs, state = resets(keys)

        def once(carry: Any) -> Any:
            obs, state, alive, returns = carry
            obs, state, reward, done, _ = steps(keys, state, actions(theta, obs))
            return obs, state, alive & ~done, returns + alive * reward

        alive = jnp.ones((POPSIZE, EPISODES), bool)
        first = (obs, state, alive, jnp.zeros((POPSIZE, EPISODES)))
        return jax.lax.while_loop(lambda carry: carry[2].any(), once, first)[3]

    es = CMA_ES(population_size=POPSIZE, solution=jnp.zeros(d))
    settings = es.default_params.replace(std_init=SIGMA * subspace.step_scale)
    ask, tell = jax.jit(es.ask), jax.jit(es.tell)

    def generation(found: Any, key: Any) -> Any:
        keys = jax.random.split(key, 3)
        population, found = ask(keys[0], found, settings)
        returns = play(population, keys[1])
        return tell(keys[2], population, -returns.mean(1), found, settings)[0], returns

    start = es.init(jax.random.key(0), jnp.zeros(d), settings)
    found, _ = generation(start, jax.random.key(0))
    generation(found, jax.random.key(1))  # compiled by now: XLA does so twice, for the first state's types differ
    found = start
    for key in jax.random.split(jax.random.key(2), 10_000):
        found, returns = generation(found, key)
        yield int(returns.sum()), POPSIZE * EPISODES  # a reward of one a step


def bare(env: str, d: int) -> Loop:
    """As many episodes of random actions, drawn beforehand, in one environment."""
    game = gym.make(cli.load("sweep", [f"env={env}"]).env.id)
    actions = [game.action_space.sample() for _ in range(1000)]
    while True:
        steps = 0
        for _ in range(POPSIZE * EPISODES):
            game.reset()
            over = False
            while not over:
                _, _, terminated, truncated, _ = game.step(actions[steps % 1000])
                steps, over = steps + 1, terminated or truncated
        yield steps, POPSIZE * EPISODES


def replayed(generations: int, env: str, d: int) -> Loop:
    """The first generations of ours again, seed by seed and action by action, in one environment."""
    game = gym.make(cli.load("sweep", [f"env={env}"]).env.id)
    strategy, players = parts(env, d)
    assert isinstance(players.envs, SequentialEpisodes)
    ours = players.envs.env
    step, reset = ours.step, ours.reset
    seeds: list[int] = []
    played: list[list[np.ndarray]] = []

    def kept_reset(*, seed: int | None = None, options: Any = None) -> Any:
        assert seed is not None
        seeds.append(seed)
        played.append([])
        return reset(seed=seed)

    def kept_step(action: np.ndarray) -> Any:
        played[-1].append(np.array(action))
        return step(action)

    ours.step, ours.reset = kept_step, kept_reset  # type: ignore[method-assign]
    loop = train(strategy, players)
    for _ in range(generations):
        next(loop)
    for start in cycle(range(0, len(seeds), POPSIZE * EPISODES)):
        steps = 0
        for i in range(start, start + POPSIZE * EPISODES):
            game.reset(seed=seeds[i])
            for action in played[i]:
                game.step(action)
            steps += len(played[i])
        yield steps, POPSIZE * EPISODES


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
    figure.savefig(FOLDER / "generation.png", dpi=150)


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
