"""Distribution-based algorithms of evosax (Lange 2022, https://arxiv.org/abs/2212.04180) on theta_d: SNES,
Sep_CMA_ES and others, by name. Needs `rl_intdim[evosax]`, which brings JAX."""

from typing import Any

import jax
import numpy as np
from evosax import algorithms

from rl_intdim.config.schema import EvolutionAgent
from rl_intdim.errors import ConfigError, choices

# Those that start around 0 with a width that can be set; tests run each. Not xNES: evosax 0.3.2 updates its shape
# matrix entry by entry, so it stays diagonal.
NAMES = ("CMA_ES", "CR_FM_NES", "MA_ES", "PGPE", "Rm_ES", "SNES", "Sep_CMA_ES", "SimpleES")


class Strategy:
    """One algorithm of evosax; its favourite is the mean of the distribution.

    agent.settings holds its name under `algorithm`; every other key sets one of the algorithm's parameters, such as
    lr_std_init. It searches z = theta_d / scale, so its steps and agent.sigma are changes of a parameter, root mean
    square. Raises ConfigError if evosax has no such algorithm or parameter.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None:
        self.d, self.scale, self.agent, self.rng = d, scale, agent, rng
        self._build()
        self.state = self.algorithm.init(self._key(), np.zeros(d, np.float32), self.params)

    def _build(self) -> None:
        settings: dict[str, Any] = dict(self.agent.settings)
        name = settings.pop("algorithm", None)
        if name not in NAMES:
            raise ConfigError(f"agent.settings.algorithm={name}: not known. {choices(name, NAMES)}")
        self.algorithm = getattr(algorithms, name)(self.agent.popsize, np.zeros(self.d, np.float32))
        params = self.algorithm.default_params
        known = vars(params).keys() - {"std_init"}
        if unknown := sorted(settings.keys() - known):
            raise ConfigError(f"agent.settings.{unknown[0]}: {name} has no such key. {choices(unknown[0], known)}")
        self.params = params.replace(std_init=self.agent.sigma, **settings)

    def _key(self) -> jax.Array:
        return jax.random.key(int(self.rng.integers(2**31)))

    def ask(self) -> np.ndarray:
        population, self.state = self.algorithm.ask(self._key(), self.state, self.params)
        return self.scale * np.asarray(population, np.float64)

    def tell(self, population: np.ndarray, returns: np.ndarray) -> None:
        z, losses = (np.asarray(x, np.float32) for x in (population / self.scale, -returns))  # evosax minimises
        self.state, _ = self.algorithm.tell(self._key(), z, losses, self.state, self.params)

    def favourite(self) -> np.ndarray:
        return self.scale * np.asarray(self.algorithm.get_mean(self.state), np.float64)

    def __getstate__(self) -> dict[str, Any]:
        """Without the algorithm, whose compiled functions cannot be pickled; it holds no state."""
        return {key: value for key, value in vars(self).items() if key not in ("algorithm", "params")}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._build()
