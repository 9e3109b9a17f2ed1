"""The evolution trainer: ask a strategy for a population of theta_d, play it in batches, tell the returns."""

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from rl_intdim.config.schema import STRATEGIES, EvolutionAgent, Task
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import environment, rollout, vector
from rl_intdim.tasks.network import Network
from rl_intdim.training import strategies
from rl_intdim.training.context import TrialContext

FEW = 5  # generations; with fewer there is little to learn from
# Most memory of the policies played at once; a larger population is played in slices. Policies that are played one
# by one stay in the second-level cache.
SLICE_BYTES, SEQUENTIAL_SLICE_BYTES = 2**27, 2**21


def check(task: Task, agent: EvolutionAgent, policy: Network, say: Callable[[str], None] = print) -> None:
    """Run the strategy once, as evolution can train every task that has a policy. Raises ConfigError. `say` is called
    if the budget may hold fewer than FEW generations."""
    strategies.check(agent, policy.D)
    if task.checkpoint and not strategies.resumable(strategies.load(agent.strategy)):
        say(f"Note: agent.strategy={agent.strategy} cannot be resumed, so a trial that was cut off starts anew.")
    env = environment.make(task)
    longest = environment.limit(task, env)
    env.close()
    generation = agent.popsize * agent.episodes * (longest or 1)
    if task.budget < FEW * generation:
        say(
            f"Note: env.budget={task.budget:,}: a generation of agent.popsize={agent.popsize} times "
            f"agent.episodes={agent.episodes} episodes may take {generation:,} env steps, and nothing is learned "
            f"from one that the budget cuts off. With {FEW * generation:,} or more there are {FEW} at least."
        )


def train(context: TrialContext[EvolutionAgent]) -> int:
    """Train theta_d by an evolution strategy; returns the env steps used, never more than the budget. Writes no logs.

    A generation is stopped where the budget ends, and nothing is learned from it: the episodes that have ended by
    then are the short ones.
    """
    task, agent, subspace = context.task, context.agent, context.subspace
    evaluator, checkpoints = context.evaluator, context.checkpoints
    strategy_rng, episode_rng = (np.random.default_rng(s) for s in context.seeds.spawn(2))
    strategy_type = strategies.load(agent.strategy)
    strategy = strategy_type(subspace.d, subspace.step_scale, agent, strategy_rng)
    population_evaluator = PopulationEvaluator(task, agent, context.network, subspace)
    env_steps = learned = 0  # learned: env steps of the generations that the strategy was told of
    favourite = torch.zeros(subspace.d)  # after these
    if state := checkpoints.load():
        with checkpoints.reading():
            if agent.strategy in STRATEGIES and (lacking := vars(strategy).keys() - vars(state["strategy"]).keys()):
                raise AttributeError(f"the strategy has no {min(lacking)}")
            strategy, episode_rng, learned = state["strategy"], state["episode_rng"], state["env_steps"]
        env_steps, favourite = learned, _favourite(strategy)
    while env_steps < task.budget:
        population = strategy.ask()
        strategies.check_population(population, subspace.d, agent.popsize)
        seed = int(episode_rng.integers(2**31))
        returns, steps = population_evaluator.play(population, seed, task.budget - env_steps)
        env_steps += steps
        if np.isinf(returns).any():
            break
        strategy.tell(population, returns)
        learned, favourite = env_steps, _favourite(strategy)
        if evaluator.due(env_steps) and evaluator.look(env_steps, favourite):
            break
        # Every generation starts new episodes, so nothing needs a restart.
        if checkpoints.due(env_steps) and strategies.resumable(strategy_type):
            checkpoints.save({"strategy": strategy, "episode_rng": episode_rng, "env_steps": env_steps})
    if evaluator.unseen(learned):  # not the favourite of now: a restart in `ask`, of a generation cut off, forgets
        evaluator.look(learned, favourite)
    population_evaluator.close()
    return env_steps


def _favourite(strategy: Any) -> torch.Tensor:
    """A copy (d,) of the theta_d that the strategy would be scored at."""
    return torch.tensor(strategy.favourite(), dtype=torch.float32)


class PopulationEvaluator:
    """Plays populations in slices of at most agent.popsize policies that fit into the memory of a slice."""

    def __init__(self, task: Task, agent: EvolutionAgent, policy: Network, subspace: Subspace) -> None:
        self.agent, self.policy, self.subspace = agent, policy, subspace
        self.seeded = task.vectorisation.seed_per_slot
        fits = max(1, (SEQUENTIAL_SLICE_BYTES if vector.sequential(task) else SLICE_BYTES) // (4 * policy.D))
        self.slice = max(n for n in range(1, min(agent.popsize, fits) + 1) if agent.popsize % n == 0)
        self.envs = vector.make_vec(task, self.slice * agent.episodes)

    def play(self, population: np.ndarray, seed: int, most: int = sys.maxsize) -> tuple[np.ndarray, int]:
        """The mean returns (n,) of a population (n, d) over agent.episodes episodes each, and the env steps. If these
        would exceed `most`, play stops there, and all returns are -inf.

        The episodes that `seed` draws do not depend on the slices, except with env.vector=native.
        """
        n, k = len(population), self.agent.episodes
        distinct = np.random.SeedSequence(seed).generate_state(k if self.agent.common else n * k)
        episode_seeds = np.resize(distinct.astype(np.int64) >> 1, n * k)
        parts, steps = [], 0
        for i in range(0, n, self.slice):
            theta_d = torch.from_numpy(population[i : i + self.slice]).float()
            theta = self.subspace.theta(theta_d.to(self.subspace.theta0.device))
            slots = slice(i * k, (i + self.slice) * k)
            drawn = episode_seeds[slots] if self.seeded else seed + i
            returns, lengths = rollout.episodes(self.envs, self.policy, theta, drawn, most - steps)
            steps += int(lengths.sum())
            if np.isinf(returns).any():
                return np.full(n, -np.inf), steps
            parts.append(returns)
        return np.concatenate(parts).reshape(n, k).mean(1), steps

    def close(self) -> None:
        self.envs.close()
