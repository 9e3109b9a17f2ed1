"""Make one environment of a task, and the policy network that fits it."""

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import Any

import gymnasium as gym
import numpy as np

from rl_intdim.config.import_path import load, remedy
from rl_intdim.config.schema import Statistics, Task
from rl_intdim.errors import ConfigError, IntdimError, one_line
from rl_intdim.tasks.border import Border
from rl_intdim.tasks.network import Network

STEPS = 50  # env steps of two episodes that ought to be the same
MODULES = {"ALE": "ale_py"}  # by the namespace of the ids that they register, where the two differ


def make(task: Task, render_mode: str | None = None) -> gym.Env:
    """One environment of the task, with its wrappers, limit of env steps, border and observation statistics. Raises
    ConfigError if the id, kwargs or a wrapper fails."""
    wrappers = [load(path, "env.wrappers") for path in task.wrappers]
    with explained(task):
        env: gym.Env
        if task.vectorisation.ale:
            from rl_intdim.tasks.atari import Game

            env = Game(task, render_mode)
        else:
            env = gym.make(task.id, **task.kwargs | ({"render_mode": render_mode} if render_mode else {}))
    for path, wrapper in zip(task.wrappers, wrappers, strict=True):
        try:
            env = wrapper(env)
            if not isinstance(env, gym.Env):
                raise TypeError(f"gives {type(env).__name__}, which is not an environment")
        except (Exception, SystemExit) as error:  # a user's wrapper may raise anything
            raise ConfigError(f"env.wrappers={path}: {one_line(error, named=True)}") from None
    if task.max_episode_steps is not None:
        own = env.spec.max_episode_steps if env.spec else None
        if own and task.max_episode_steps > own:
            raise ConfigError(
                f"env.max_episode_steps={task.max_episode_steps}: {task.id} ends its episodes after {own}; valid: "
                "that or fewer, or env.kwargs={max_episode_steps: ...}, which sets its own limit."
            )
        env = gym.wrappers.TimeLimit(env, task.max_episode_steps)
    env = Border(env)
    return standardised(env, task.statistics) if task.statistics.mean else env


def warn_if_unrepeatable(task: Task) -> None:
    """Warn if episodes with one seed and the same actions differ, in one environment or in two, as far as STEPS env
    steps tell, or the starts of those after them, for which a training algorithm gives no seed."""
    env = make(task)
    network = Network(task.policy, env.observation_space, env.action_space)
    # Such as a policy takes: a space's own samples may be as large as its bounds, beyond what a simulator stands.
    actions = network.actions(np.random.default_rng(0).normal(size=(STEPS, network.sizes[-1])).astype(np.float32))

    def episode() -> list[Any]:
        obs, _ = env.reset(seed=0)
        seen: list[Any] = [np.copy(obs)]  # an environment may write all of its observations into one array
        for action in actions:
            obs, reward, terminated, truncated, _ = env.step(action)
            seen += [np.copy(obs), reward]
            if terminated or truncated:
                break
        return [*seen, np.copy(env.reset()[0])]

    try:
        first, *others = episode(), episode()
        env.close()
        env = make(task)  # another, since it may draw a level or its physics as it is made
        others.append(episode())
    except IntdimError:  # which the trial tells
        return
    finally:
        env.close()
    if any(len(other) != len(first) or not all(map(np.array_equal, first, other)) for other in others):
        warnings.warn(
            "two episodes with one seed and the same actions differ, or the starts of those after them, so a score "
            "depends on more than its episodes' seeds; an environment should draw from self.np_random alone, in "
            "reset and step.",
            stacklevel=2,
        )


def limit(task: Task, env: gym.Env) -> int | None:
    """The env steps after which an episode is cut off; None if they are not known."""
    return task.max_episode_steps or (env.spec.max_episode_steps if env.spec else None)


def unlimited(task: Task, env: gym.Env) -> bool:
    """Is the environment without any limit on an episode's length? ALE's games have one of their own."""
    return not task.vectorisation.ale and limit(task, env) is None


def standardised(env: gym.Env, statistics: Statistics) -> gym.Env:
    """The environment with standardised observations. Raises ConfigError if their number does not match."""
    mean, std = (np.array(words.split(), float) for words in (statistics.mean, statistics.std))
    clip = statistics.clip
    if env.observation_space.shape != mean.shape:
        raise ConfigError(
            f"env.statistics.mean: {len(mean)} numbers, and the observations are {env.observation_space}; "
            "valid: a number for each."
        )
    space = gym.spaces.Box(-clip, clip, mean.shape, np.float64)

    def standardise(x: np.ndarray) -> np.ndarray:
        return np.minimum(np.maximum((x - mean) / std, -clip), clip)  # np.clip takes three times as long

    return gym.wrappers.TransformObservation(env, standardise, space)


@contextmanager
def explained(task: Task) -> Iterator[None]:
    """Raise an error of making the task's environment as a ConfigError."""
    try:
        yield
    except IntdimError:
        raise
    except (gym.error.NameNotFound, gym.error.NamespaceNotFound):
        raise ConfigError(f"env.id={task.id}: not registered with Gymnasium. {_near_ids(task.id)}") from None
    except (gym.error.Error, TypeError, ValueError, ModuleNotFoundError) as error:
        package = re.split("[:.]", task.id)[0]
        if getattr(error.__cause__, "name", None) == package:  # gymnasium's error is raised from the import's
            raise ConfigError(f"env.id={task.id}: there is no package {package} here. {remedy(package)}") from None
        raise ConfigError(f"env.id={task.id}, env.kwargs={task.kwargs}: {one_line(error)}") from None
    except (Exception, SystemExit) as error:  # an environment may raise anything
        raise ConfigError(f"env.id={task.id}, env.kwargs={task.kwargs}: {one_line(error, named=True)}") from None


def _near_ids(value: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(value, gym.registry, n=5, cutoff=0.5)
    known = f"Nearest: {', '.join(near)}." if near else "`gymnasium.pprint_registry()` lists what is."
    if ":" in value:  # its module was imported
        return known
    stem = re.split("[/-]", value)[0]
    module = MODULES.get(stem, stem.lower())  # MiniGrid-Empty-5x5-v0 is minigrid's
    if stem not in MODULES and (not module.isidentifier() or find_spec(module) is None):
        module = "module"
    return f"{known} If a package registers it when imported, give its module too: env.id={module}:{value}"


def policy(task: Task) -> Network:
    """The policy network of the task. Raises ConfigError if no network fits its spaces."""
    env = make(task)
    try:
        return Network(task.policy, env.observation_space, env.action_space)
    finally:
        env.close()
