"""Evolution strategies, search distributions over theta_d: one file each, named by `strategy:` in an agent's file.

To add one, write a class as below anywhere, and a file in agents/ with `strategy:` its import path, mine.MyES; or,
in this package, `name.py` here with a class Strategy.
"""

import pickle
from importlib import import_module
from typing import Any, Protocol

import numpy as np

from rl_intdim.config import import_path
from rl_intdim.config.schema import STRATEGIES, EvolutionAgent
from rl_intdim.errors import ConfigError, IntdimError, TrialFailure, raised

PROBE = 8  # largest d of the generation that `check` runs


class Strategy(Protocol):
    """A search distribution over theta_d that starts at 0. Higher returns are better.

    `scale` is sqrt(D / d): moving every coordinate of theta_d by agent.sigma x scale changes a parameter by
    agent.sigma, root mean square. The object is the strategy's whole state: after pickling it continues to the bit.
    A class that cannot has `resumable = False`; then a trial that was cut off starts anew.
    """

    def __init__(self, d: int, scale: float, agent: EvolutionAgent, rng: np.random.Generator) -> None: ...
    def ask(self) -> np.ndarray: ...  # (n, d), n a multiple of agent.popsize
    def tell(self, population: np.ndarray, returns: np.ndarray) -> None: ...  # (n, d) as asked, and (n,)
    def favourite(self) -> np.ndarray: ...  # (d,): its current best guess, which looks score


def load(name: str) -> type[Strategy]:
    """The class of this strategy: a file's here, or the one at an import path. Imports only that file's libraries.
    Raises ConfigError if there is none."""
    if name in STRATEGIES:
        return import_module(f"{__name__}.{name}").Strategy
    cls: Any = import_path.load(name, "agent.strategy")
    if missing := [word for word in ("ask", "tell", "favourite") if not callable(getattr(cls, word, None))]:
        valid = "valid: a class with ask, tell and favourite."
        raise ConfigError(f"agent.strategy={name}: has no {missing[0]}(); {valid}")
    return cls


def resumable(cls: type[Strategy]) -> bool:
    """Does a pickled strategy of this class continue to the bit? True unless the class says that it does not."""
    return bool(getattr(cls, "resumable", True))


def check(agent: EvolutionAgent, D: int) -> None:
    """Run one generation of the agent's strategy on made-up returns. Raises ConfigError if it does not do what
    `Strategy` says, pickling included."""
    cls, where, d = load(agent.strategy), f"agent.strategy={agent.strategy}", min(D, PROBE)
    try:
        strategy = cls(d, 1.0, agent, np.random.default_rng(0))
        for _ in range(2):
            population = strategy.ask()
            check_population(population, d, agent.popsize)
            strategy.tell(population, np.arange(len(population), dtype=float))
            check_shape("favourite()", strategy.favourite(), (d,))
        if resumable(cls):
            check_pickled(strategy)
    except IntdimError as error:
        raise ConfigError(f"{where}: {error}") from None
    except Exception as error:  # a user's class may raise anything
        raise ConfigError(f"{where}: {raised(error)}") from None


def check_population(population: Any, d: int, popsize: int) -> None:
    """Raise TrialFailure unless a population has a multiple of popsize rows of d finite numbers."""
    n = len(population) if isinstance(population, np.ndarray) and population.ndim == 2 else 0
    if not n or n % popsize:
        shape = getattr(population, "shape", type(population).__name__)
        raise TrialFailure(f"ask() gave {shape}; valid: an array of ({popsize}, {d}), or of a multiple of {popsize}.")
    check_shape("ask()", population, (n, d))


def check_shape(what: str, array: Any, shape: tuple[int, ...]) -> None:
    """Raise TrialFailure unless an array of a strategy has this shape and is finite."""
    given = getattr(array, "shape", type(array).__name__)
    if not isinstance(array, np.ndarray) or given != shape:
        raise TrialFailure(f"{what} gave {given}; valid: an array of {shape}.")
    if not np.isfinite(array).all():
        raise TrialFailure(f"{what} gave numbers that are not finite.")


def check_pickled(strategy: Strategy) -> None:
    """Raise ConfigError unless a pickled copy asks for the same population, as a resumed trial must."""
    remedy = "Give the class resumable = False; then a trial that was cut off starts anew."
    try:
        copy = pickle.loads(pickle.dumps(strategy))
    except Exception as error:  # pickle raises almost anything
        raise ConfigError(f"cannot be pickled: {raised(error)} {remedy}") from None
    if not np.array_equal(copy.ask(), strategy.ask()):
        raise ConfigError(f"a pickled copy asks for another population. {remedy}")
