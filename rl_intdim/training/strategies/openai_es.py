"""The evolution strategy of Salimans et al. 2017, https://arxiv.org/abs/1703.03864, on theta_d."""

import numpy as np
import torch

from rl_intdim.config.schema import EvolutionAgent


class Strategy:
    """A Gaussian of fixed width whose mean Adam moves: antithetic pairs, centred ranks, weight decay.

    z = theta_d / scale is the mean. A step in z changes a parameter by the same amount, root mean square, so one
    learning rate fits every D and d. Weight decay pulls z to 0, and so the parameters to theta0. The favourite is
    the mean.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None:
        self.shape, self.scale, self.sigma, self.rng = (agent.popsize // 2, d), scale, agent.sigma, rng
        self.z = torch.zeros(d, dtype=torch.float64)
        self.adam = torch.optim.Adam([self.z], lr=agent.learning_rate, weight_decay=agent.weight_decay)

    def ask(self) -> np.ndarray:
        half = self.rng.standard_normal(self.shape)
        return self.scale * (self.z.numpy() + self.sigma * np.concatenate([half, -half]))

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        noise = (population / self.scale - self.z.numpy()) / self.sigma
        self.z.grad = -torch.from_numpy(centred_ranks(returns) @ noise / len(returns))
        self.adam.step()

    def favourite(self) -> np.ndarray:
        return self.scale * self.z.numpy()


def centred_ranks(returns: np.ndarray) -> np.ndarray:
    """The ranks of returns (n,), from -1/2 for the lowest to 1/2 for the highest; ties share their mean rank."""
    _, place, counts = np.unique(returns, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts + 1) / 2
    return ranks[place] / (len(returns) - 1) - 0.5
