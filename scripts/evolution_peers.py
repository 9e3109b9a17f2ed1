"""The loops that bench_evolution.py times: agent=cma, its peers from other libraries, and the bare simulator.

Each is a generator that trains, or plays, and yields after each generation.
"""

from collections.abc import Iterator
from itertools import cycle, pairwise
from typing import Any

import cma
import gymnasium as gym
import numpy as np
import torch

from rl_intdim.config import cli
from rl_intdim.tasks import environment
from rl_intdim.tasks.sequential import SequentialEpisodes
from rl_intdim.training import strategies
from rl_intdim.training.evolution import PopulationEvaluator
from rl_intdim.training.seeding import draw_subspace

POPSIZE, EPISODES, SIGMA = 64, 4, 0.2

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
