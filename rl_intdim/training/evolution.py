"""The evolution trainer: ask a strategy for a population of theta_d, play it in batches, tell the returns."""

from collections.abc import Callable

import numpy as np
import torch

from rl_intdim.config.schema import EvolutionAgent, Task
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks import rollout, vector
from rl_intdim.tasks.network import Network
from rl_intdim.training import strategies
from rl_intdim.training.context import TrialContext

# Most memory of the policies played at once; a larger population is played in slices. Policies that are played one
# by one stay in the second-level cache.
SLICE_BYTES, SEQUENTIAL_SLICE_BYTES = 2**27, 2**21


def check(task: Task, agent: EvolutionAgent, policy: Network, say: Callable[[str], None] = print) -> None:
    """Run the strategy once, as evolution can train every task that has a policy. Raises ConfigError."""
    strategies.check(agent, policy.D)
    if task.checkpoint and not strategies.resumable(strategies.load(agent.strategy)):
        say(f"Note: agent.strategy={agent.strategy} cannot be resumed, so a trial that was cut off starts anew.")


def train(context: TrialContext[EvolutionAgent]) -> int:
    """Train theta_d by an evolution strategy; returns the env steps used. Writes no logs."""
    task, agent, subspace = context.task, context.agent, context.subspace
    evaluator, checkpoints = context.evaluator, context.checkpoints
    strategy_rng, episode_rng = (np.random.default_rng(s) for s in context.seeds.spawn(2))
    strategy_type = strategies.load(agent.strategy)
    strategy = strategy_type(subspace.d, subspace.step_scale, agent, strategy_rng)
    population_evaluator = PopulationEvaluator(task, agent, context.network, subspace)
    env_steps = 0
    if state := checkpoints.load():
        strategy, episode_rng, env_steps = state["strategy"], state["episode_rng"], state["env_steps"]
    while env_steps < task.budget:
        population = strategy.ask()
        strategies.check_population(population, subspace.d, agent.popsize)
        returns, steps = population_evaluator.play(population, int(episode_rng.integers(2**31)))
        strategy.tell(population, returns)
        env_steps += steps
        if evaluator.due(env_steps) and evaluator.look(env_steps, torch.from_numpy(strategy.favourite()).float()):
            break
        # Every generation starts new episodes, so nothing needs a restart.
        if checkpoints.due(env_steps) and strategies.resumable(strategy_type):
            checkpoints.save({"strategy": strategy, "episode_rng": episode_rng, "env_steps": env_steps})
    population_evaluator.close()
    return env_steps


class PopulationEvaluator:
    """Plays populations in slices of at most agent.popsize policies that fit into the memory of a slice."""

    def __init__(self, task: Task, agent: EvolutionAgent, policy: Network, subspace: Subspace) -> None:
        self.agent, self.policy, self.subspace = agent, policy, subspace
        self.seeded = task.vectorisation.seed_per_slot
        fits = max(1, (SEQUENTIAL_SLICE_BYTES if vector.sequential(task) else SLICE_BYTES) // (4 * policy.D))
        self.slice = max(n for n in range(1, min(agent.popsize, fits) + 1) if agent.popsize % n == 0)
        self.envs = vector.make_vec(task, self.slice * agent.episodes)

    def play(self, population: np.ndarray, seed: int) -> tuple[np.ndarray, int]:
        """The mean returns (n,) of a population (n, d) over agent.episodes episodes each, and the env steps.

        The episodes that `seed` draws do not depend on the slices, except with env.vector=native.
        """
        n, k = len(population), self.agent.episodes
        distinct = np.random.SeedSequence(seed).generate_state(k if self.agent.common else n * k)
        episode_seeds = np.resize(distinct.astype(np.int64) >> 1, n * k)
        parts = []
        for i in range(0, n, self.slice):
            theta_d = torch.from_numpy(population[i : i + self.slice]).float()
            theta = self.subspace.theta(theta_d.to(self.subspace.theta0.device))
            slots = slice(i * k, (i + self.slice) * k)
            drawn = episode_seeds[slots] if self.seeded else seed + i
            parts.append(rollout.episodes(self.envs, self.policy, theta, drawn))
        returns, lengths = (np.concatenate(part) for part in zip(*parts, strict=True))
        return returns.reshape(n, k).mean(1), int(lengths.sum())

    def close(self) -> None:
        self.envs.close()
