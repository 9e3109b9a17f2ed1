"""PGPE (Sehnke et al. 2010, https://doi.org/10.1016/j.neunet.2009.12.004) with ClipUp (Toklu, Liskowski and
Srivastava 2020, https://arxiv.org/abs/2008.02387), on theta_d."""

from math import sqrt

import numpy as np

from rl_intdim.config.schema import EvolutionAgent
from rl_intdim.training.strategies.openai_es import centred_ranks

# The paper's, section 3 and table 1.
MOMENTUM, SPEED = 0.9, 2.0  # SPEED: the largest velocity, in steps
CHANGE = 0.2  # the largest relative change of a standard deviation in a generation


class Strategy:
    """A Gaussian with a standard deviation for every coordinate: antithetic pairs, centred ranks, both followed along
    their gradients. The favourite is the mean.

    ClipUp takes steps of one size, whatever the gradient's length, with momentum and a largest speed. As in
    openai_es, z = theta_d / scale is the mean, and a step of learning_rate sqrt(d) in z changes a parameter by
    learning_rate, root mean square.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None:
        self.shape, self.scale, self.rng = (agent.popsize // 2, d), scale, rng
        self.step, self.sigma_rate = agent.learning_rate * sqrt(d), agent.sigma_learning_rate
        self.z, self.velocity, self.sigma = np.zeros(d), np.zeros(d), np.full(d, agent.sigma)

    def ask(self) -> np.ndarray:
        half = self.sigma * self.rng.standard_normal(self.shape)
        return self.scale * (self.z + np.concatenate([half, -half]))

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        pairs = len(returns) // 2
        noise = population[:pairs] / self.scale - self.z  # (pairs, d)
        up, down = np.split(centred_ranks(returns), 2)  # (pairs,); their mean is 0, so there is no baseline
        gradient = (up - down) / 2 @ noise / pairs
        sigma_gradient = (up + down) / 2 @ ((noise**2 - self.sigma**2) / self.sigma) / pairs
        self.velocity = clipup(self.velocity, gradient, self.step)
        self.z = self.z + self.velocity
        change = np.clip(self.sigma_rate * sigma_gradient, -CHANGE * self.sigma, CHANGE * self.sigma)
        self.sigma = self.sigma + change

    def favourite(self) -> np.ndarray:
        return self.scale * self.z


def clipup(velocity: np.ndarray, gradient: np.ndarray, step: float) -> np.ndarray:
    """The next velocity (d,), at most SPEED steps long. Equal returns give no gradient; momentum then goes on."""
    length = np.linalg.norm(gradient)
    velocity = MOMENTUM * velocity + (step / length * gradient if length > 0 else 0.0)
    speed = np.linalg.norm(velocity)
    return velocity * min(1.0, SPEED * step / speed) if speed > 0 else velocity
