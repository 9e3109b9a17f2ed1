"""CMA-ES (Hansen 2016, https://arxiv.org/abs/1604.00772) by the library cma, with restarts.

Restarts with a growing population: Auger & Hansen 2005, https://doi.org/10.1109/CEC.2005.1554902.
"""

import cma
import numpy as np

from rl_intdim.config.schema import EvolutionAgent


class Normal:
    """A replacement for numpy.random.randn, which draws from numpy's global generator; it can be pickled."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, *shape: int) -> np.ndarray:
        return self.rng.standard_normal(shape)


class Strategy:
    """CMA-ES with restarts; its favourite is the mean of the current distribution.

    A run is stuck when one of the library's termination criteria holds, or when the median return has not risen for
    patience (1 + d / popsize) generations: the more dimensions per candidate, the more slowly a distribution moves.
    A stuck run restarts from 0, with `growth` times the population. Above `diagonal_above` only the diagonal of
    the covariance is learned (Ros & Hansen 2008, https://doi.org/10.1007/978-3-540-87700-4_30), since the full one
    takes d^2 memory and d^3 time.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None:
        self.d, self.sigma, self.agent, self.randn = d, agent.sigma * scale, agent, Normal(rng)
        self._start(agent.popsize)

    def _start(self, popsize: int) -> None:
        options = {
            "popsize": popsize,
            "randn": self.randn,
            "seed": np.nan,  # cma would seed numpy's global generator with it
            "CMA_diagonal": self.d > self.agent.diagonal_above,
            # Off, since equal returns are no sign of convergence if rewards are sparse; patience ends such runs.
            **{"tolfun": 0, "tolfunhist": 0, "tolflatfitness": np.inf},
            "verbose": -9,
            "signals_filename": "",  # else a file of that name in the current folder changes options as it runs
        }
        self.es = cma.CMAEvolutionStrategy(np.zeros(self.d), self.sigma, options)
        self.best_median, self.waited = -np.inf, 0

    def ask(self) -> np.ndarray:
        # Restart here, not in `tell`, so that a look between the two still scores the stuck run's mean.
        if self.stuck():
            self._start(self.es.popsize * self.agent.growth)
        return np.stack(self.es.ask())

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        self.es.tell(list(population), list(-returns))
        median = np.median(returns)
        self.waited = 0 if median > self.best_median else self.waited + 1
        self.best_median = max(self.best_median, median)

    def stuck(self) -> bool:
        patience = self.agent.patience * (1 + self.d / self.es.popsize)
        return self.waited >= patience or bool(self.es.stop())

    def favourite(self) -> np.ndarray:
        return self.es.mean
