"""What is valid in a configuration; a mistake is a ConfigError that names key, value and what is valid.

All of this is checked before torch is imported, so a mistake is answered at once. Only what needs the
environment itself (its spaces, d against D) is checked later, in `tasks` and `sweep`.
"""

import math
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rl_intdim.config.schema import (
    AGENTS,
    DIRECT,
    DIRECT_SEED,
    PROJECTIONS,
    RUNNERS,
    STRATEGIES,
    Agent,
    Command,
    CompressConfig,
    EvolutionAgent,
    FileCommand,
    GradientAgent,
    PlayConfig,
    Runner,
    Search,
    SweepConfig,
    Task,
    TrainConfig,
)
from rl_intdim.errors import ConfigError, choices

LONGEST = 10_000  # characters of a word that a solution may hold


def require(ok: bool, key: str, value: object, valid: str) -> None:
    """Raise a ConfigError that names key, value and what is valid, unless ok."""
    if not ok:
        raise ConfigError(f"{key}={value}: {valid}")


def within(key: str, value: int, low: int, high: int) -> None:
    """Raise a ConfigError unless low <= value <= high; the upper end is where a number can only be a slip."""
    require(low <= value <= high, key, value, f"must be from {low:,} to {high:,}.")


def one_of(key: str, value: str, valid: Any) -> None:
    if value not in valid:
        raise ConfigError(f"{key}={value}: not known. {choices(value, valid)}")


def printable(word: str) -> bool:
    """May a file hold this word, which a terminal will show?"""
    return word.isprintable() and len(word) <= LONGEST


def check_task(task: Task) -> None:
    """Raise a ConfigError for what can be wrong in a task without making its environment."""
    require(math.isfinite(task.threshold), "env.threshold", task.threshold, "must be a finite number.")
    valid = f"must be one line of at most {LONGEST:,} characters."
    for key, word in (("threshold_source", task.threshold_source), ("statistics.source", task.statistics.source)):
        require(printable(word), f"env.{key}", repr(word[:40]), valid)
    within("env.budget", task.budget, 1, 10**12)
    one_of("env.vector", task.vector, ("slots", "native", "atari"))
    require(0 <= task.sticky < 1, "env.sticky", task.sticky, "must be a probability below 1.")
    if task.checkpoint is not None:
        within("env.checkpoint", task.checkpoint, 1, 10**12)
    one_of("env.policy.activation", task.policy.activation, ("tanh", "relu"))
    one_of("env.policy.init", task.policy.init, ("glorot", "he"))
    one_of("env.policy.action", task.policy.action, ("tanh", "clip"))
    gain = task.policy.output_gain
    require(0 < gain < math.inf, "env.policy.output_gain", gain, "must be a positive number.")
    for conv in task.policy.conv:
        within("env.policy.conv.channels", conv.channels, 1, 10_000)
        within("env.policy.conv.kernel", conv.kernel, 1, 1000)
        within("env.policy.conv.stride", conv.stride, 1, 1000)
        four = len(conv.pad) == 4 and all(0 <= pad <= 1000 for pad in conv.pad)
        require(four, "env.policy.conv.pad", conv.pad, "must be four numbers: left, right, top, bottom.")
    for units in task.policy.hidden:
        within("env.policy.hidden", units, 1, 100_000)
    for part in fields(task.scoring):
        within(f"env.scoring.{part.name}", getattr(task.scoring, part.name), 1, 100_000)
    look, confirm = task.scoring.look_episodes, task.scoring.confirm_episodes
    require(
        confirm % look == 0,
        "env.scoring.confirm_episodes",
        confirm,
        f"must be a multiple of look_episodes ({look}), so that every slot plays as many.",
    )
    for path in task.wrappers:
        learns = path.endswith((".NormalizeObservation", ".NormalizeReward"))
        valid = "learns while it plays, apart in every environment, and no solution holds it; valid: env.statistics."
        require(not learns, "env.wrappers", path, valid)
    if task.goal.info is not None:
        require(math.isfinite(task.goal.least), "env.goal.least", task.goal.least, "must be a finite number.")
        require(task.vector == "slots", "env.goal", task.goal.info, "needs env.vector=slots.")
    if task.vector == "native":
        require(
            not (task.kwargs or task.wrappers),
            *("env.vector", "native", "cannot take env.kwargs or env.wrappers; give env.vector=slots."),
        )
    if task.vector == "atari":
        require(not task.wrappers, "env.wrappers", task.wrappers, "none fits env.vector=atari.")

    check_statistics(task)


def check_statistics(task: Task) -> None:
    """Raise a ConfigError for what can be wrong in a task's observation statistics without knowing its space."""
    mean, std, clip = task.statistics.mean.split(), task.statistics.std.split(), task.statistics.clip
    valid = f"must be as many numbers as env.statistics.mean has ({len(mean)})."
    require(len(std) == len(mean), "env.statistics.std", f"({len(std)} numbers)", valid)
    for key, words, low in (("mean", mean, -math.inf), ("std", std, 0)):
        for word in words:
            valid = "must be finite numbers with spaces between" + (", above 0." if key == "std" else ".")
            require(is_number(word) and low < float(word) < math.inf, f"env.statistics.{key}", word, valid)
    require(0 < clip < math.inf, "env.statistics.clip", clip, "must be a positive number.")
    slots = not mean or task.vector == "slots"
    require(slots, "env.vector", task.vector, "cannot take env.statistics; give env.vector=slots.")


def is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def check_agent(agent: Agent) -> None:
    """Raise a ConfigError for what can be wrong in an agent without importing its algorithm."""
    kind = next(name for name, cls in AGENTS.items() if type(agent) is cls)
    require(
        agent.trainer == kind, "agent.trainer", agent.trainer, f"the agent's file says {kind}; give another agent."
    )
    if isinstance(agent, EvolutionAgent):
        one_of("agent.strategy", agent.strategy, STRATEGIES)
        within("agent.popsize", agent.popsize, 2, 10**6)
        within("agent.episodes", agent.episodes, 1, 10_000)
        within("agent.patience", agent.patience, 1, 10**9)
        within("agent.growth", agent.growth, 1, 100)
        within("agent.diagonal_above", agent.diagonal_above, 0, 10**9)
        for key in ("sigma", "learning_rate"):
            value = getattr(agent, key)
            require(0 < value < math.inf, f"agent.{key}", value, "must be a positive number.")
        require(0 <= agent.weight_decay < math.inf, "agent.weight_decay", agent.weight_decay, "must be 0 or more.")
        odd = agent.strategy == "openai_es" and agent.popsize % 2
        require(not odd, "agent.popsize", agent.popsize, "must be even: openai_es draws pairs.")
    elif isinstance(agent, GradientAgent):
        require(bool(agent.actor), "agent.actor", agent.actor, "name the modules of the actor.")
        one_of("agent.extractor", agent.extractor, ("separate", "shared"))
        within("agent.n_envs", agent.n_envs, 1, 10_000)
        require(0 <= agent.noise < math.inf, "agent.noise", agent.noise, "must be 0 or more.")
        require(
            0 < agent.multiplier < math.inf,
            "agent.multiplier",
            agent.multiplier,
            "must be a positive number.",
        )


def check_search(search: Search) -> None:
    """Raise a ConfigError for what can be wrong in a search without knowing D."""
    if search.ds is not None:
        require(
            bool(search.ds) and all(d >= 0 for d in search.ds),
            "search.ds",
            search.ds,
            "needs one d or more, each 0 or more.",
        )
        require(len(set(search.ds)) == len(search.ds), "search.ds", search.ds, "names a d twice.")
    require(search.ds is None or search.grid is None, "search.grid", search.grid, "is for a grid without search.ds.")
    adaptive = search.ds is None and search.grid is None
    alone = "is for a search; search.ds and search.grid say themselves how many trials there are."
    require(adaptive or search.max_env_steps is None, "search.max_env_steps", search.max_env_steps, alone)
    valid = f"must be search.round={search.round} or more: a round is decided at once."
    require(not adaptive or search.max_trials >= search.round, "search.max_trials", search.max_trials, valid)
    limits = {"grid": 1000, "seeds": 10_000, "round": 1000, "max_trials": DIRECT_SEED, "max_env_steps": 10**18}
    for key, limit in limits.items():
        if getattr(search, key) is not None:
            within(f"search.{key}", getattr(search, key), 1, limit)
    within("search.direct", search.direct, 0, 10_000)
    within("search.seed", search.seed, 0, 2**31 - 1)
    require(search.ci_ratio >= 1, "search.ci_ratio", search.ci_ratio, "must be a number of 1 or more.")
    require(search.d_max is None or search.d_max >= 1, "search.d_max", search.d_max, "must be 1 or more.")


def check_runner(runner: Runner) -> None:
    """Raise a ConfigError for what can be wrong in a runner without asking it."""
    one_of("runner.name", runner.name, RUNNERS)
    cpus = 1.0 if runner.cpus is None else runner.cpus
    require(0 < cpus < math.inf, "runner.cpus", runner.cpus, "must be a positive number.")
    require(0 <= runner.gpus < math.inf, "runner.gpus", runner.gpus, "must be 0 or more.")
    if runner.name == "ray":
        require(find_spec("ray") is not None, "runner", "ray", 'needs the package: pip install "rl_intdim[ray]".')
        return
    for key in ("address", "cpus", "gpus"):
        require(not getattr(runner, key), f"runner.{key}", getattr(runner, key), "is for runner=ray.")


def check(config: Command | FileCommand) -> None:
    """Raise a ConfigError for anything in a command's configuration that cannot be right."""
    if isinstance(config, FileCommand):
        within("episodes", config.episodes, 1, 100_000)
        within("seed", config.seed, 0, 2**31 - 1)
        out = getattr(config, "out", None)
        if isinstance(config, PlayConfig) and out:
            require(out.endswith(".gif"), "out", out, "must end in .gif.")
        if out:  # before minutes of episodes, not after
            require(Path(out).parent.is_dir(), "out", out, "no such folder.")
        if isinstance(config, CompressConfig):
            within("max_bits", config.max_bits, 1, 24)
        return
    check_task(config.env)
    check_agent(config.agent)
    native = config.env.vector == "native" and getattr(config.agent, "common", False)
    require(not native, "agent.common", True, "a native vector takes one seed for all slots; give env.vector=slots.")
    if "." not in config.subspace.projection:
        one_of("subspace.projection", config.subspace.projection, PROJECTIONS)
    within("threads", config.threads, 1, 1024)
    if config.tensorboard is not None:
        require(
            find_spec("tensorboard") is not None,
            *("tensorboard", config.tensorboard, 'needs the package: pip install "rl_intdim[tensorboard]".'),
        )
    require(
        config.device in ("auto", "cpu") or config.device.startswith("cuda"),
        "device",
        config.device,
        "valid: auto, cpu, cuda, or one such as cuda:1.",
    )
    if isinstance(config, SweepConfig):
        check_search(config.search)
        steps, runs, budget = config.search.max_env_steps, config.search.direct, config.env.budget
        valid = f"must be {runs * budget:,} or more, for search.direct={runs} runs of env.budget={budget:,}."
        require(steps is None or steps >= runs * budget, "search.max_env_steps", steps, valid)
        require(0 < config.trial_hours <= 10**4, "trial_hours", config.trial_hours, "must be above 0, up to 10,000.")
        check_runner(config.runner)
        if config.workers is not None:
            within("workers", config.workers, 0 if config.runner.name == "local" else 1, 10_000)
    if isinstance(config, TrainConfig):
        within("seed", config.seed, 0, 2**31 - 1)
        whole = isinstance(config.d, int) and not isinstance(config.d, bool) and config.d >= 0
        require(whole or config.d == DIRECT, "d", config.d, "must be a whole number of 0 or more, or `direct`.")


def check_d(ds: list[int], D: int, key: str) -> None:
    """Raise a ConfigError if some d is above the D of the policy."""
    for d in ds:
        require(d <= D, key, d, f"is above D = {D}, the number of the policy's parameters; valid: 0 to {D}.")
