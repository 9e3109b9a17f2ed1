"""A strategy of a user's own: the best candidate so far is the centre of the next population."""

import numpy as np


class HillClimber:
    def __init__(self, d, scale, agent, rng):
        self.shape, self.sigma, self.rng = (agent.popsize, d), agent.sigma * scale, rng
        self.best, self.best_return = np.zeros(d), -np.inf

    def ask(self):
        return self.best + self.sigma * self.rng.standard_normal(self.shape)

    def tell(self, population, returns):
        if returns.max() > self.best_return:
            self.best, self.best_return = population[returns.argmax()], returns.max()

    def favourite(self):
        return self.best
