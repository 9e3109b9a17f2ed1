"""Evolution strategies, search distributions over theta_d: one file each, named by `strategy:` in an agent's file.

To add one, write `name.py` here with a class Strategy as below, and a file in agents/.
"""

from importlib import import_module
from typing import Protocol

import numpy as np

from rl_intdim.config.schema import EvolutionAgent


class Strategy(Protocol):
    """A search distribution over theta_d that starts at 0. Higher returns are better.

    `scale` is sqrt(D / d): moving every coordinate of theta_d by agent.sigma x scale changes a parameter by
    agent.sigma, root mean square. The object is the strategy's whole state: after pickling it continues to the bit.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None: ...
    def ask(self) -> np.ndarray: ...  # (n, d), n a multiple of agent.popsize
    def tell(self, population: np.ndarray, returns: np.ndarray) -> None: ...  # (n, d) as asked, and (n,)
    def favourite(self) -> np.ndarray: ...  # (d,): its current best guess, which looks score


def load(name: str) -> type[Strategy]:
    """The class Strategy of the file `name`. Imports only that file's libraries."""
    return import_module(f"{__name__}.{name}").Strategy
