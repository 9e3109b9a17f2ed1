"""Random search, the control: independent draws from CMA-ES's initial distribution, of which the best is kept."""

import numpy as np

from rl_intdim.config.schema import EvolutionAgent


class Strategy:
    """Random search; its favourite is the best draw so far, of equals that of the later generation, or 0 at first."""

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None:
        self.shape, self.sigma, self.rng = (agent.popsize, d), agent.sigma * scale, rng
        self.best, self.best_return = np.zeros(d), -np.inf

    def ask(self) -> np.ndarray:
        return self.sigma * self.rng.standard_normal(self.shape)

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        # The later of equals: if returns have a ceiling, a lucky early draw would never be displaced.
        if returns.max() >= self.best_return:
            self.best, self.best_return = population[returns.argmax()], returns.max()

    def favourite(self) -> np.ndarray:
        return self.best
