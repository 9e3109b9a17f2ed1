"""The border to an environment: everything that crosses it is checked and converted here, for training and scoring.

Observations must be finite and are converted to the dtype and shape of their space, rewards must be finite numbers,
seeds are below 2^31, and whatever an environment raises, sys.exit included, fails the trial with a reason. Otherwise
a faulty environment would give a plausible score: the argmax of NaN outputs is action 0, and an integer buffer
truncates the floats written to it.
"""

import warnings
from math import isfinite
from typing import Any, NoReturn

import gymnasium as gym
import numpy as np

from rl_intdim.errors import ConfigError, IntdimError, TrialFailure, choices, raised

SEEDS = 2**31  # seeds are below it, since an environment may pack its seed into 32 signed bits
CERTAIN = 1e38  # if the sum of squares is at most this, every term is finite
LARGEST = float(np.finfo(np.float32).max)  # largest observation or reward, since networks compute in float32


class Border(gym.Wrapper):
    """Checks one environment. Raises TrialFailure if it raises, or breaks its observation space."""

    def __init__(self, env: gym.Env) -> None:
        super().__init__(env)
        # Plain attributes are faster than the space's properties, and `step` runs very often.
        space: Any = env.observation_space
        self._space, self._dtype, self._shape = space, space.dtype, space.shape
        self._box = isinstance(space, gym.spaces.Box)  # Network refuses other spaces
        self._floats = self._box and space.dtype.kind == "f"
        self._vector_of = space.dtype if self._floats and len(space.shape) == 1 else np.dtype(object)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        try:
            obs, info = self.env.reset(seed=None if seed is None else int(seed) % SEEDS, options=options)
        except (Exception, SystemExit) as error:  # a user's environment may raise anything
            failed("reset", error)
        return self._observation(obs, "reset"), info

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        try:
            obs, reward, terminated, truncated, info = self.env.step(action)
            ended = bool(terminated or truncated)
        except (Exception, SystemExit) as error:
            failed("step", error)
        # Fast path for the usual observation, a vector of floats of the space's dtype.
        if not (
            type(obs) is np.ndarray
            and obs.dtype == self._vector_of
            and obs.shape == self._shape
            and obs.dot(obs) <= CERTAIN
        ):
            obs = self._observation(obs, "step")
        if ended and self._box:
            obs = obs.copy()  # the last observation is kept, and the environment may reuse its array
        if type(reward) is not float:
            reward = number(reward)
        if not -LARGEST <= reward <= LARGEST:
            raise TrialFailure(f"the environment's step returned a reward of {reward}, not finite in float32.")
        return obs, reward, bool(terminated), bool(truncated), info

    def close(self) -> None:
        close(self.env)

    def _observation(self, obs: Any, method: str) -> Any:
        """The observation in its space's dtype and shape, checked to be finite."""
        if not (type(obs) is np.ndarray and obs.dtype == self._dtype and obs.shape == self._shape):
            if not self._box:
                return obs
            obs = converted(obs, self._space, method)
        if self._floats:
            flat = obs if obs.ndim == 1 else obs.ravel()
            if not flat.dot(flat) <= CERTAIN:
                check_finite(obs, method)
        return obs


class VectorBorder(gym.vector.VectorWrapper):
    """Checks a vector environment of Gymnasium, ALE or a third party: the same for batches of observations."""

    def __init__(self, envs: gym.vector.VectorEnv, seed_per_slot: bool, longest: int | None = None) -> None:
        """`longest`: an episode may take so many env steps; None where the environment keeps to its limit itself."""
        super().__init__(envs)
        self.longest = longest
        space: Any = envs.single_observation_space
        self._space, self._dtype, self._shape = space, space.dtype, (envs.num_envs, *space.shape)
        self._floats, self._seed_per_slot = space.dtype.kind == "f", seed_per_slot

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """`seed`: one for all slots. If each slot takes its own, slot i takes seed + i, or the i-th of an array."""
        if seed is not None and self._seed_per_slot:
            seed = (seed if np.ndim(seed) else np.arange(self.num_envs) + int(seed)) % SEEDS
        elif seed is not None:
            seed = int(seed) % SEEDS
        try:
            obs, info = self.env.reset(seed=seed, options=options)
        except (Exception, SystemExit) as error:
            failed("reset", error)
        return self._observations(obs, "reset"), info

    def step(self, actions: np.ndarray) -> tuple[Any, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        try:
            obs, rewards, terminated, truncated, infos = self.env.step(actions)
        except (Exception, SystemExit) as error:
            failed("step", error)
        if not rewards.dot(rewards) <= CERTAIN:
            check_finite(rewards, "step", "a reward")
        return self._observations(obs, "step"), rewards, terminated, truncated, infos

    def close(self, **kwargs: Any) -> None:
        close(self.env)

    def _observations(self, obs: Any, method: str) -> np.ndarray:
        if obs.dtype != self._dtype or obs.shape != self._shape:
            obs = np.stack([converted(one, self._space, method) for one in obs])
        if self._floats:
            flat = obs.ravel()
            if not flat.dot(flat) <= CERTAIN:
                check_finite(obs, method)
        return obs


def close(env: Any) -> None:
    """Close an environment; what it raises is told, since by then the trial's result is there."""
    try:
        env.close()
    except (Exception, SystemExit) as error:
        warnings.warn(f"the environment's close raised {raised(error)}", stacklevel=2)


def failed(method: str, error: BaseException) -> NoReturn:
    """Raise an environment's error as a TrialFailure; an IntdimError is raised unchanged."""
    if isinstance(error, IntdimError):
        raise error
    raise TrialFailure(f"the environment's {method} raised {raised(error)}") from error


def converted(obs: Any, space: gym.Space, method: str) -> np.ndarray:
    """An observation as an array of its space's dtype and shape. Raises TrialFailure if it has another shape, is not
    numeric, or would lose digits in an integer dtype."""
    try:
        array = np.asarray(obs)
    except ValueError:  # rows of unequal length
        array = np.empty(0, object)
    if array.dtype.kind not in "biuf" or array.shape != space.shape:
        raise TrialFailure(
            f"the environment's {method} returned an observation of type {array.dtype} and shape {array.shape}; its "
            f"observation space is {space}."
        )
    if array.dtype.kind == "f":
        check_finite(array, method)
    with np.errstate(all="ignore"):
        cast = array.astype(space.dtype)
    if cast.dtype.kind in "iu" and not np.array_equal(cast, array):
        raise TrialFailure(
            f"the environment's {method} returned an observation that does not fit the integers of its observation "
            f"space {space}: {array.ravel()[cast.ravel() != array.ravel()][0]}."
        )
    return cast


def slot_seeds(seed: int | np.ndarray, n: int) -> np.ndarray:
    """The seeds of n slots (n,): drawn from one seed, or those of an array of one per slot."""
    return np.asarray(seed) if np.ndim(seed) else np.random.SeedSequence(int(seed)).generate_state(n)


def endless(steps: int, limited: bool = False) -> TrialFailure:
    """The failure of an episode that has not ended after that many env steps, its limit if it is `limited`."""
    if limited:
        return TrialFailure(
            f"an episode has not ended after {steps:,} env steps, the limit that the vector environment was given; "
            "valid: env.vector=slots."
        )
    return TrialFailure(
        f"an episode has not ended after {steps:,} env steps, and the environment has no time limit; give "
        "env.max_episode_steps=1000, say."
    )


def goal_number(info: dict[str, Any], name: str) -> float:
    """The goal's number from the info at the end of an episode; a boolean such as is_success counts as 0 or 1. Raises
    ConfigError if there is none of that name, and TrialFailure if it is not finite."""
    real = int | float | np.number | np.bool_
    numbers = {k: v for k, v in info.items() if isinstance(v, real) and not isinstance(v, np.complexfloating)}
    if name not in numbers:
        raise ConfigError(f"env.goal.info={name}: no number of that name. {choices(name, numbers)}")
    number = float(numbers[name])
    if not isfinite(number):
        raise TrialFailure(f"env.goal.info={name}: the environment's info holds {number} for it.")
    return number


def check_finite(numbers: np.ndarray, method: str, name: str = "an observation") -> None:
    """Raise TrialFailure if one of the numbers is not finite in float32."""
    bad = ~(np.abs(numbers) <= LARGEST)
    if bad.any():
        raise TrialFailure(f"the environment's {method} returned {name} with {numbers[bad][0]} in it.")


def number(reward: Any) -> float:
    """A reward, a real scalar or an array of one number, as a float. Raises TrialFailure if it is neither."""
    if isinstance(reward, (float, int)):  # float includes numpy's float64
        return float(reward)
    array = np.asarray(reward)
    if array.size != 1 or array.dtype.kind not in "biuf":
        raise TrialFailure(f"the environment's step returned the reward {str(reward)[:80]}, which is not a number.")
    return float(array.item())
