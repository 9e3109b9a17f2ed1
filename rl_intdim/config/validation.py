"""Validation of a configuration: a mistake raises a ConfigError that names the key, the value and what is valid.

The bounds of a single key stand beside its field in `schema`; this file checks keys against each other. It runs
before torch is imported, so the user hears of a mistake at once. Checks that need the environment itself (its
spaces, d against D) run later, in `tasks` and `sweep`.
"""

import json
import math
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rl_intdim.config import keys
from rl_intdim.config.identity import defaults_of
from rl_intdim.config.schema import (
    AGENTS,
    DIRECT,
    GRADIENTS,
    LEARNED_BASES,
    PAIRED,
    READERS,
    STRATEGIES,
    TRAJECTORY,
    Agent,
    Command,
    CompressConfig,
    EvolutionAgent,
    FileCommand,
    GradientAgent,
    PlayConfig,
    Runner,
    Search,
    SubspaceConfig,
    SweepConfig,
    Task,
    TrainConfig,
)
from rl_intdim.errors import ConfigError, choices
from rl_intdim.files import check_file

OURS = "is set by the toolkit, in one way for training and in another for scoring."
# Keyword arguments of ALE's vector environment that env.kwargs may not change.
ATARI_KEYS = {
    "repeat_action_probability": "give env.sticky.",
    "max_num_frames_per_episode": "give env.max_episode_steps.",
    **dict.fromkeys(("reward_clipping", "episodic_life", "life_loss_info", "autoreset_mode"), OURS),
    **dict.fromkeys(("num_threads", "batch_size"), "is set by the toolkit."),
    "continuous": "is not supported: a policy has an output for each of the game's buttons.",
}


def require(ok: bool, key: str, value: object, valid: str) -> None:
    """Raise a ConfigError that names key, value and what is valid, unless ok."""
    if not ok:
        raise ConfigError(f"{key}={value}: {valid}")


def one_of(key: str, value: str, valid: Any) -> None:
    """Raise a ConfigError unless the value is one of the valid ones."""
    require(value in valid, key, value, f"not known. {choices(value, valid)}")


def check_task(task: Task) -> None:
    """Raise a ConfigError for a mistake in a task that can be seen without making its environment."""
    keys.check(task, "env.")
    for conv in task.policy.conv:
        four = len(conv.pad) == 4
        require(four, "env.policy.conv.pad", conv.pad, "must be four numbers: left, right, top, bottom.")
    look, confirm = task.scoring.look_episodes, task.scoring.confirm_episodes
    require(
        confirm % look == 0,
        "env.scoring.confirm_episodes",
        confirm,
        f"must be a multiple of look_episodes ({look}), so that every slot plays the same number.",
    )
    for path in task.wrappers:
        cuts = path.startswith("stable_baselines3.")
        cuts = cuts and path.endswith((".AtariWrapper", ".ClipRewardEnv", ".EpisodicLifeEnv"))
        valid = "would score clipped rewards or single lives; env.vector=atari clips them in training alone."
        require(not cuts, "env.wrappers", path, valid)
        learns = path.endswith((".NormalizeObservation", ".NormalizeReward"))
        valid = "keeps learning, separately in each environment, and no solution stores it; valid: env.statistics."
        require(not learns, "env.wrappers", path, valid)
    if task.goal.info is not None:
        require(task.vectorisation.single, "env.goal", task.goal.info, "needs env.vector=slots.")
    ale = task.vectorisation.ale
    require(ale or task.sticky == defaults_of(Task)["sticky"], "env.sticky", task.sticky, "is for Atari games.")
    for name in ATARI_KEYS.keys() & task.kwargs.keys() if ale else ():
        require(False, f"env.kwargs.{name}", task.kwargs[name], ATARI_KEYS[name])
    for number in _numbers(task.kwargs):
        require(math.isfinite(number), "env.kwargs", number, "no solution file can hold it; give a finite number.")
    valid = "a solution file, which is JSON, would hold something else; give text as keys, and plain values."
    require(_is_json(task.kwargs), "env.kwargs", task.kwargs, valid)
    if not task.vectorisation.kwargs:
        valid = "cannot take env.kwargs or env.wrappers; give env.vector=slots."
        require(not (task.kwargs or task.wrappers), "env.vector", task.vector, valid)
    if not task.vectorisation.single:
        remedy = "." if task.vectorisation.ale else "; give env.vector=slots."
        require(not task.wrappers, "env.wrappers", task.wrappers, f"env.vector={task.vector} takes none{remedy}")

    check_statistics(task)


def _is_json(value: Any) -> bool:
    """Does JSON give the value back as it is?"""
    try:
        return bool(json.loads(json.dumps(value)) == value)
    except TypeError:
        return False


def _numbers(value: Any) -> Iterator[float]:
    """The floats in nested lists and mappings."""
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from _numbers(part)


def check_statistics(task: Task) -> None:
    """Raise a ConfigError for a mistake in a task's observation statistics that can be seen without its space."""
    mean, std = task.statistics.mean.split(), task.statistics.std.split()
    valid = f"must be as many numbers as env.statistics.mean has ({len(mean)})."
    require(len(std) == len(mean), "env.statistics.std", f"({len(std)} numbers)", valid)
    for key, words, low in (("mean", mean, -math.inf), ("std", std, 0)):
        for word in words:
            valid = "must be finite numbers separated by spaces" + (", above 0." if key == "std" else ".")
            require(is_number(word) and low < float(word) < math.inf, f"env.statistics.{key}", word, valid)
    fits = not mean or task.vectorisation.statistics
    require(fits, "env.vector", task.vector, "cannot take env.statistics; give env.vector=slots.")


def is_number(word: str) -> bool:
    """Can float() read the word?"""
    try:
        float(word)
    except ValueError:
        return False
    return True


def check_agent(agent: Agent) -> None:
    """Raise a ConfigError for a mistake in an agent that can be seen without importing its algorithm."""
    trainer = next(name for name, cls in AGENTS.items() if type(agent) is cls)
    valid = f"the agent's file says {trainer}; give another agent."
    require(agent.trainer == trainer, "agent.trainer", agent.trainer, valid)
    keys.check(agent, "agent.")
    if isinstance(agent, EvolutionAgent):
        odd = agent.strategy in PAIRED and agent.popsize % 2
        require(not odd, "agent.popsize", agent.popsize, f"must be even: {agent.strategy} draws pairs.")
        unread = {k: v for k, v in READERS.items() if agent.strategy in STRATEGIES and agent.strategy not in v}
        for name, readers in unread.items():
            value, plain = getattr(agent, name), defaults_of(EvolutionAgent)[name]
            valid = f"{agent.strategy} does not read it, only {' and '.join(readers)}."
            require(value == plain, f"agent.{name}", value, valid)
        if agent.strategy == "evosax":
            there = find_spec("evosax") is not None
            require(there, "agent.strategy", "evosax", 'needs the package: pip install "rl_intdim[evosax]".')


def check_search(search: Search) -> None:
    """Raise a ConfigError for a mistake in a search that can be seen without knowing D."""
    if search.ds is not None:
        require(bool(search.ds), "search.ds", search.ds, "needs one d or more, each 0 or more.")
        require(len(set(search.ds)) == len(search.ds), "search.ds", search.ds, "names a d twice.")
        largest = max([0, *search.ds])
        valid = f"must be at least the largest of search.ds, {largest:,}, or null."
        require((search.d_max or largest) >= largest, "search.d_max", search.d_max, valid)
    require(search.ds is None or search.grid is None, "search.grid", search.grid, "cannot be set beside search.ds.")
    adaptive = search.ds is None and search.grid is None
    given = search.seeds != defaults_of(Search)["seeds"]
    require(not (adaptive and given), "search.seeds", search.seeds, "is for search.ds or search.grid.")
    alone = "is for a search; search.ds and search.grid set the number of trials themselves."
    require(adaptive or search.max_env_steps is None, "search.max_env_steps", search.max_env_steps, alone)
    valid = f"must be search.round={search.round} or more: the trials of a round are chosen at once."
    require(not adaptive or search.max_trials >= search.round, "search.max_trials", search.max_trials, valid)


def check_subspace(config: Command) -> None:
    """Raise a ConfigError for a mistake in a learned subspace that can be seen without knowing D."""
    subspace, basis = config.subspace, config.subspace.projection in LEARNED_BASES
    steps, valid = subspace.direct_steps, f"is for subspace.projection={' or '.join(LEARNED_BASES)}."
    require(basis or steps is None, "subspace.direct_steps", steps, valid)
    plain = defaults_of(SubspaceConfig)["snapshots"]
    require(basis or subspace.snapshots == plain, "subspace.snapshots", subspace.snapshots, valid)
    follows = subspace.projection != GRADIENTS or isinstance(config.agent, GradientAgent)
    valid = (
        f"agent={config.agent.name} follows no gradient; valid with it: {TRAJECTORY}. Agents that follow one are "
        "Stable-Baselines3's, such as ppo, a2c, dqn and sac."
    )
    require(follows, "subspace.projection", subspace.projection, valid)
    learned = subspace.learned(config.env.budget)
    if learned is None:
        return
    valid = f"must be at most the {learned.direct_steps:,} env steps of the direct run (subspace.direct_steps)."
    require(learned.burn_in <= learned.direct_steps, "subspace.burn_in", learned.burn_in, valid)
    ds = {"d": [config.d] if isinstance(config, TrainConfig) and isinstance(config.d, int) else []}
    if isinstance(config, SweepConfig):
        ds = {"search.ds": config.search.ds or [], "search.d_max": [config.search.d_max or 0]}
        limit = config.search.max_env_steps
        valid = "does not count the direct runs of a learned subspace; give search.max_trials."
        require(limit is None, "search.max_env_steps", limit, valid)
        # A search may ask for any d up to d_max, and only a direct run shows how many directions there are.
        valid = (
            f"is needed with subspace.projection={subspace.projection}, or search.ds: a basis has as many directions "
            "as the snapshots of a direct run span, at most one a rollout or generation, and at most "
            f"subspace.snapshots={subspace.snapshots}."
        )
        given = config.search.ds or config.search.d_max
        require(not basis or bool(given), "search.d_max", config.search.d_max, valid)
    for key, values in ds.items():
        for d in values:
            valid = f"must be at most subspace.snapshots={subspace.snapshots}, whose directions P has."
            require(not basis or d <= subspace.snapshots, key, d, valid)


def check_runner(runner: Runner) -> None:
    """Raise a ConfigError for a mistake in a runner that can be seen without starting it."""
    if runner.name == "ray":
        require(find_spec("ray") is not None, "runner", "ray", 'needs the package: pip install "rl_intdim[ray]".')
        return
    for key in ("address", "cpus", "gpus"):
        require(not getattr(runner, key), f"runner.{key}", getattr(runner, key), "is for runner=ray only.")


def check(config: Command | FileCommand) -> None:
    """Raise a ConfigError for the first mistake in a command's configuration."""
    keys.check(config)
    if isinstance(config, FileCommand):
        if isinstance(config, PlayConfig) and config.out:
            require(config.out.endswith(".gif"), "out", config.out, "must end in .gif.")
        if isinstance(config, PlayConfig | CompressConfig) and config.out:
            check_file("out", Path(config.out))  # before minutes of episodes, not after
            same = Path(config.out).resolve() == Path(config.solution).resolve()
            require(not same, "out", config.out, "is the solution itself; give another file.")
        valid = "no such file; valid: one such as runs/*/solution.json, which a sweep writes."
        require(Path(config.solution).is_file(), "solution", config.solution, valid)
        return
    check_task(config.env)
    check_agent(config.agent)
    check_subspace(config)
    shared = isinstance(config.agent, GradientAgent) and config.agent.extractor == "shared"
    fits = isinstance(config.agent, GradientAgent) and config.env.policy.conv and config.agent.critic
    require(not shared or bool(fits), "agent.extractor", "shared", "is for images, and an agent with a critic.")
    common = getattr(config.agent, "common", False) and not config.env.vectorisation.seed_per_slot
    valid = f"env.vector={config.env.vector} takes one seed for all slots; give env.vector=slots."
    require(not common, "agent.common", True, valid)
    if config.tensorboard is not None:
        logs = isinstance(config.agent, GradientAgent)
        require(logs, "tensorboard", config.tensorboard, "an evolution strategy writes no logs.")
        require(
            find_spec("tensorboard") is not None,
            *("tensorboard", config.tensorboard, 'needs the package: pip install "rl_intdim[tensorboard]".'),
        )
    require(
        config.device in ("auto", "cpu") or config.device.startswith("cuda"),
        "device",
        config.device,
        "valid: auto, cpu, cuda, or a device such as cuda:1.",
    )
    if isinstance(config, SweepConfig):
        check_search(config.search)
        steps, search, budget = config.search.max_env_steps, config.search, config.env.budget
        least = (search.direct + search.round) * budget
        valid = (
            f"must be {least:,} or more, for search.direct={search.direct} runs and a round of search.round="
            f"{search.round}, of env.budget={budget:,} each."
        )
        require(steps is None or steps >= least, "search.max_env_steps", steps, valid)
        check_runner(config.runner)
        here = config.runner.name == "local" or config.workers != 0
        require(here, "workers", config.workers, "must be from 1 to 10,000: with runner=ray no trial runs here.")
    if isinstance(config, TrainConfig):
        whole = isinstance(config.d, int) and not isinstance(config.d, bool) and config.d >= 0
        require(whole or config.d == DIRECT, "d", config.d, "must be a whole number of 0 or more, or `direct`.")


def check_d(ds: list[int], D: int, key: str) -> None:
    """Raise a ConfigError if a d is above D, the number of the policy's parameters."""
    for d in ds:
        require(d <= D, key, d, f"is above D = {D}, the number of the policy's parameters; valid: 0 to {D}.")
