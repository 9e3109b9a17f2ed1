"""The typed configuration: what a task, an agent, a search and a command are made of, and what is valid.

Everything here is checked before torch is imported, so a mistake is answered at once. Only what needs the
environment itself (its spaces, d against D) is checked later, in `tasks` and `sweep`.
"""

import math
from dataclasses import dataclass, field, fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from omegaconf import MISSING

from rl_intdim.errors import ConfigError, choices

DIRECT = "direct"  # in place of d: train all D parameters, no projection
DIRECT_SEED = 500_000  # direct runs take seeds from here on, so that their number moves no other seed


@dataclass(frozen=True)
class Conv:
    """One convolution of a policy on images."""

    channels: int = MISSING
    kernel: int = MISSING
    stride: int = 1
    pad: list[int] = field(default_factory=lambda: [0, 0, 0, 0])  # zeros at left, right, top, bottom


@dataclass(frozen=True)
class Policy:
    """The policy network of a task; every agent on the task uses this one."""

    conv: list[Conv] = field(default_factory=list)  # convolutions before the hidden layers, for images
    hidden: list[int] = field(default_factory=lambda: [20, 20])  # units of each hidden layer
    activation: str = "tanh"  # tanh or relu
    init: str = "glorot"  # theta0's distribution: glorot (Glorot & Bengio 2010) or he (He et al. 2015)
    action: str = "tanh"  # output map of a continuous action: tanh (squashed into the bounds) or clip


@dataclass(frozen=True)
class Goal:
    """What a solved policy must reach beside the threshold, where the return alone can be had in another way."""

    info: str | None = None  # a number in the environment's `info` at the end of an episode, such as x_position
    least: float = 0.0  # its mean over the episodes of a confirmation; no goal if `info` is null


@dataclass(frozen=True)
class Scoring:
    """How a trial is judged: by looks at its policy while it trains, and confirmations on fresh episodes."""

    looks: int = 50  # looks a trial, evenly over the budget
    look_episodes: int = 20  # a look at or above the threshold triggers a confirmation
    confirm_episodes: int = 100  # solved if the mean of these fresh episodes reaches the threshold
    confirmations: int = 3  # at most; the last is kept for the best checkpoint at the end of the budget


@dataclass(frozen=True)
class Task:
    """A Gymnasium environment with its preprocessing, policy network, threshold, budget and scoring."""

    name: str = MISSING  # the file's name
    id: str = MISSING  # Gymnasium's id
    threshold: float = MISSING  # mean return of the deterministic policy that counts as solved
    threshold_source: str = ""  # where the threshold comes from
    goal: Goal = field(default_factory=Goal)  # what must be reached besides
    budget: int = 200_000  # env steps a trial may train
    kwargs: dict[str, Any] = field(default_factory=dict)  # passed to gymnasium.make
    wrappers: list[str] = field(default_factory=list)  # import paths, applied in this order
    # slots: many single environments; native: Gymnasium's own vector entry point; atari: ALE's, with its pictures
    vector: str = "slots"
    sticky: float = 0.25  # vector=atari: probability that ALE repeats the last action (Machado et al. 2018)
    checkpoint: int | None = None  # env steps between checkpoints of a trial; its environments restart at each
    policy: Policy = field(default_factory=Policy)
    scoring: Scoring = field(default_factory=Scoring)


@dataclass(frozen=True)
class Agent:
    """A way to train. `trainer` says which of the kinds below a file describes."""

    name: str = MISSING  # the file's name
    trainer: str = MISSING  # evolution or gradient
    note: str = ""  # what a reader of its results must know


@dataclass(frozen=True)
class EvolutionAgent(Agent):
    """An evolution strategy on theta_d."""

    strategy: str = MISSING  # a file in rl_intdim/strategies
    popsize: int = 16  # candidates a generation
    episodes: int = 4  # episodes a candidate
    sigma: float = 0.2  # initial root-mean-square change of a parameter; on theta_d: sigma sqrt(D / d)
    common: bool = False  # all candidates of a generation play the same episodes
    patience: int = 10  # cma: restart after patience (1 + d / popsize) generations without a rise of their median
    growth: int = 2  # cma: each restart multiplies the population by this
    diagonal_above: int = 300  # cma: above this d only the diagonal of the covariance is learned
    learning_rate: float = 0.05  # openai_es: Adam's, as the root-mean-square change of a parameter
    weight_decay: float = 0.005  # openai_es: pulls the parameters to theta0


@dataclass(frozen=True)
class GradientAgent(Agent):
    """A Stable-Baselines3 algorithm whose actor steps in the subspace."""

    algorithm: str = MISSING  # import path of the class
    actor: list[str] = field(default_factory=list)  # modules of the actor, in the task's parameter order
    free: list[str] = field(default_factory=list)  # what else may move: critic, target networks, log_std
    critic: dict[str, Any] = field(default_factory=dict)  # net_arch beside the actor's `pi`; none: there is no critic
    extractor: str = "separate"  # of images: separate for actor and critic, or shared: the critic's loss moves it too
    n_envs: int = 8  # environments side by side
    noise: float = 0.0  # standard deviation of Gaussian noise on actions in training, of their range [-1, 1]
    multiplier: float = 1.0  # step on theta_d: learning rate x multiplier x sqrt(D / d); direct takes 1
    settings: dict[str, Any] = field(default_factory=dict)  # keyword arguments of the algorithm


@dataclass(frozen=True)
class SubspaceConfig:
    """How P is drawn."""

    projection: str = "auto"  # dense, sparse, fastfood, countsketch, or an import path; auto: dense while it is small


@dataclass(frozen=True)
class Search:
    """Which d to try, how often, and when to stop."""

    ds: list[int] | None = None  # run exactly these d instead of searching
    grid: int | None = None  # the same with this many d, evenly spaced in log d from 1 to d_max
    seeds: int = 10  # seeds at each d of `ds` or `grid`
    full_budget: bool = False  # train to the end of the budget even when solved, as the paper does
    round: int = 6  # trials decided at once; fixed, so that workers do not change the answer
    ci_ratio: float = 1.5  # stop when the interval's high / low is at most this
    max_trials: int = 120  # stop before there are more
    max_env_steps: int | None = None  # stop before training takes more, direct runs included
    d_max: int | None = None  # largest d tried; D if null
    direct: int = 5  # direct runs shown beside d_int
    seed: int = 0  # first seed; every trial takes the next


@dataclass(frozen=True)
class Runner:
    """Where the trials of a sweep run: local, in processes of this machine; or ray, on a cluster."""

    name: str = "local"
    address: str | None = None  # ray: of a running cluster, or auto; null starts a Ray on this machine
    cpus: float | None = None  # ray: cores that a trial asks for; its threads if null
    gpus: float = 0.0  # ray: GPUs that a trial asks for; 0.25 puts four on one


@dataclass(frozen=True)
class Command:
    """What every command that trains is told."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"env": "CartPole"},
            {"agent": "cma"},
            {"optional tuned@agent": "${agent}-${env}"},  # what the agent's file has under `tasks:`
        ]
    )
    env: Any = MISSING  # a task: a file in envs/
    agent: Any = MISSING  # an agent: a file in agents/
    subspace: SubspaceConfig = field(default_factory=SubspaceConfig)
    threads: int = 1  # torch threads a trial; part of the configuration, since sums depend on it
    tensorboard: str | None = None  # a folder for what Stable-Baselines3 logs; needs rl_intdim[tensorboard]
    device: str = "auto"  # cpu, or cuda; auto: cuda for images where there is one, cpu for small networks


@dataclass(frozen=True)
class SweepConfig(Command):
    """python -m rl_intdim.sweep"""

    defaults: list[Any] = field(
        default_factory=lambda: [*Command().defaults, {"search": "adaptive"}, {"runner": "local"}]
    )
    search: Search = field(default_factory=Search)
    runner: Runner = field(default_factory=Runner)
    out: str = "runs/${env.name}-${agent.name}"  # the run folder; the same command resumes it
    trial_hours: float = (
        48.0  # a trial that takes longer hangs: it is stopped and tried again, but not with workers=0
    )
    workers: int | None = None  # trials at a time; as many as there is room for if null; 0 runs them in this process
    dry_run: bool = False  # say what would run, and stop


@dataclass(frozen=True)
class TrainConfig(Command):
    """python -m rl_intdim.train"""

    d: Any = 4  # dimensions of the subspace; 0 scores theta0 alone; direct trains all D
    seed: int = 0
    out: str | None = None  # a new folder for trial.json and solution.json; nothing is written if null


@dataclass(frozen=True)
class FileCommand:
    """What every command on a solution file is told."""

    solution: str = MISSING  # the file
    episodes: int = 100  # fresh episodes of a score
    seed: int = 0  # of those episodes; no trial draws from it
    trust: bool = False  # import what the file names: a projection, wrappers or environments of somebody's own


@dataclass(frozen=True)
class PlayConfig(FileCommand):
    """python -m rl_intdim.play"""

    out: str | None = None  # a GIF of one episode
    show: bool = False  # one episode in a window


@dataclass(frozen=True)
class CompressConfig(FileCommand):
    """python -m rl_intdim.compress"""

    out: str | None = None  # a solution file with the quantised coordinates
    max_bits: int = 16  # a coordinate; widths are tried from 1 bit up


AGENTS = {"evolution": EvolutionAgent, "gradient": GradientAgent}
STRATEGIES = sorted(p.stem for p in Path(__file__).parent.glob("strategies/[!_]*.py"))
RUNNERS = sorted(p.stem for p in Path(__file__).parent.glob("runners/[!_]*.py"))
PROJECTIONS = ("auto", "dense", "sparse", "fastfood", "countsketch")


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


def check_task(task: Task) -> None:
    """Raise a ConfigError for what can be wrong in a task without making its environment."""
    require(math.isfinite(task.threshold), "env.threshold", task.threshold, "must be a finite number.")
    within("env.budget", task.budget, 1, 10**12)
    one_of("env.vector", task.vector, ("slots", "native", "atari"))
    require(0 <= task.sticky < 1, "env.sticky", task.sticky, "must be a probability below 1.")
    if task.checkpoint is not None:
        within("env.checkpoint", task.checkpoint, 1, 10**12)
    one_of("env.policy.activation", task.policy.activation, ("tanh", "relu"))
    one_of("env.policy.init", task.policy.init, ("glorot", "he"))
    one_of("env.policy.action", task.policy.action, ("tanh", "clip"))
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
    one_of("runner", runner.name, RUNNERS)
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
