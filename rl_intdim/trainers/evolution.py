"""Evolution strategies on theta_d: ask for a population, play it in one batch, tell the returns.

A strategy is a class with `ask`, `tell` and `favourite`, listed in STRATEGIES.
"""

from typing import Protocol

import cma
import numpy as np
import torch

from rl_intdim import tasks
from rl_intdim.checkpoint import Checkpoints
from rl_intdim.config import EvolutionAgent, Task
from rl_intdim.policy import Network
from rl_intdim.referee import Referee
from rl_intdim.subspace import Subspace


class Strategy(Protocol):
    """A search distribution over theta_d; it starts at 0 with standard deviation sigma in every direction."""

    def __init__(self, d: int, sigma: float, popsize: int, rng: np.random.Generator) -> None: ...
    def ask(self) -> np.ndarray: ...  # (popsize, d)
    def tell(self, population: np.ndarray, returns: np.ndarray) -> None: ...  # returns: (popsize,), higher is better
    def favourite(self) -> np.ndarray: ...  # (d,): the policy that it would bet on


class CMA:
    """CMA-ES (Hansen 2016, https://arxiv.org/abs/1604.00772). Its favourite is the mean of the distribution."""

    def __init__(self, d: int, sigma: float, popsize: int, rng: np.random.Generator) -> None:
        # Without `randn` and `seed` the library would draw from, and reseed, numpy's global generator.
        options = {
            "popsize": popsize,
            "randn": lambda *shape: rng.standard_normal(shape),
            "seed": np.nan,
            "verbose": -9,
        }
        self.es = cma.CMAEvolutionStrategy(np.zeros(d), sigma, options)

    def ask(self) -> np.ndarray:
        return np.stack(self.es.ask())

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        self.es.tell(list(population), list(-returns))

    def favourite(self) -> np.ndarray:
        return self.es.mean


class Random:
    """The control: independent draws from CMA's initial distribution. Its favourite is the best draw so far."""

    def __init__(self, d: int, sigma: float, popsize: int, rng: np.random.Generator) -> None:
        self.shape, self.sigma, self.rng = (popsize, d), sigma, rng
        self.best, self.best_return = np.zeros(d), -np.inf

    def ask(self) -> np.ndarray:
        return self.sigma * self.rng.standard_normal(self.shape)

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        if returns.max() > self.best_return:
            self.best, self.best_return = population[returns.argmax()], returns.max()

    def favourite(self) -> np.ndarray:
        return self.best


STRATEGIES: dict[str, type[Strategy]] = {"cma": CMA, "random": Random}


def check(task: Task, agent: EvolutionAgent, policy: Network) -> None:
    """Every task with a policy can be trained."""


def train(
    task: Task,
    agent: EvolutionAgent,
    policy: Network,
    subspace: Subspace,
    seeds: np.random.SeedSequence,
    referee: Referee,
    checkpoints: Checkpoints,
    logs: str | None = None,
) -> int:
    """Train theta_d by an evolution strategy; returns the env steps used.

    Initial step: sigma sqrt(D / d) on theta_d, so that a parameter's root-mean-square change is agent.sigma
    at every d.
    """
    strategy_rng, episode_rng = (np.random.default_rng(s) for s in seeds.spawn(2))
    strategy = STRATEGIES[agent.strategy](subspace.d, agent.sigma * subspace.step_scale, agent.popsize, strategy_rng)
    envs = tasks.make_vec(task, agent.popsize * agent.episodes)
    env_steps = 0
    while env_steps < task.budget:
        population = strategy.ask()
        theta = subspace.theta(torch.from_numpy(population).float())
        returns, lengths = tasks.episodes(envs, policy, theta, int(episode_rng.integers(2**31)))
        strategy.tell(population, returns.reshape(agent.popsize, agent.episodes).mean(1))
        env_steps += int(lengths.sum())
        if referee.due(env_steps) and referee.look(env_steps, torch.from_numpy(strategy.favourite()).float()):
            break
    envs.close()
    return env_steps
