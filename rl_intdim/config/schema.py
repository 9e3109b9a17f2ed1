"""The typed configuration: the keys of a task, an agent, a search and each command, with help and defaults."""

from dataclasses import dataclass, field
from math import isclose
from pathlib import Path
from typing import Any

from rl_intdim.config.keys import key, part

DIRECT = "direct"  # in place of d: train all D parameters, no projection
LINEAR = "lin_"  # prefix of a number in agent.settings that falls linearly to 0 over the budget, as in RL Zoo
DIRECT_SEED = 500_000  # first seed of the direct runs, so that their number shifts no other trial's seed
LARGEST_SEED = 2**31 - 1  # an environment may pack its seed into 32 signed bits
STRATEGIES = tuple(sorted(p.stem for p in Path(__file__).parents[1].glob("training/strategies/[!_]*.py")))
PAIRED = ("openai_es", "pgpe")  # strategies that draw antithetic pairs
# The keys that only some of the strategies here read; one of a user's own may read any.
READERS = {
    **dict.fromkeys(("patience", "growth", "diagonal_above"), ("cma",)),
    "learning_rate": ("openai_es", "pgpe"),
    "weight_decay": ("openai_es",),
    "sigma_learning_rate": ("pgpe",),
    "settings": ("evosax",),
}
RUNNERS = ("local", "ray")
PROJECTIONS = ("auto", "dense", "sparse", "fastfood", "countsketch")
TRAJECTORY, GRADIENTS = "trajectory", "gradients"
LEARNED_BASES = (TRAJECTORY, GRADIENTS)  # the projections that are learned, not drawn


@dataclass(frozen=True)
class Conv:
    """One convolution of a policy on images."""

    channels: int = key("output channels", least=1, most=10_000)
    kernel: int = key("side of the square kernel, in pixels", least=1, most=1000)
    stride: int = key("pixels that the kernel moves by", 1, least=1, most=1000)
    pad: list[int] = key("zero padding in pixels: left, right, top, bottom", [0, 0, 0, 0], least=0, most=1000)


@dataclass(frozen=True)
class Policy:
    """The policy network of a task; every agent on the task uses this one."""

    conv: list[Conv] = key("convolutions before the hidden layers, for images", [])
    hidden: list[int] = key("units of each hidden layer", [20, 20], least=1, most=100_000)
    activation: str = key("tanh or relu", "tanh", choices=("tanh", "relu"))
    init: str = key(
        "theta0's distribution: glorot (Glorot & Bengio 2010) or he (He et al. 2015)",
        "glorot",
        choices=("glorot", "he"),
    )
    output_gain: float = key(
        "factor on theta0's last layer; Andrychowicz et al. 2021 advise 0.01 for PPO", 1.0, positive=True
    )
    action: str = key(
        "output map of a continuous action: tanh (squashed into the bounds) or clip", "tanh", choices=("tanh", "clip")
    )


@dataclass(frozen=True)
class Goal:
    """What a solved policy must reach besides the threshold, where the return alone does not show it is solved."""

    info: str | None = key(
        "name of a number in the environment's `info` at the end of an episode, such as x_position", None
    )
    least: float = key("smallest mean of that number over a confirmation's episodes; unused if `info` is null", 0.0)


@dataclass(frozen=True)
class Statistics:
    """Observation statistics, fixed before training: (x - mean) / std, clipped to [-clip, clip].

    They stand in the task's file, the same for every agent, so nothing is learned outside the subspace, and a
    solution stores them with its task. `scripts/observation_statistics.py` measures them.
    """

    # Strings: a list of hundreds of numbers adds as many nodes, and a third of a second, to every command.
    mean: str = key("numbers separated by spaces, one per observation; empty: no standardisation", "")
    std: str = key("standard deviations, in the same form; each above 0", "")
    clip: float = key("largest absolute value of a standardised observation", 5.0, positive=True)
    source: str = key("where the numbers come from", "", line=True)


@dataclass(frozen=True)
class Scoring:
    """How a trial is judged: by looks at its policy while it trains, and confirmations on fresh episodes."""

    looks: int = key("looks per trial, evenly spaced over the budget", 50, least=1, most=100_000)
    look_episodes: int = key(
        "episodes of a look; a look at or above the threshold triggers a confirmation", 20, least=1, most=100_000
    )
    confirm_episodes: int = key(
        "fresh episodes of a confirmation; solved if their mean reaches the threshold", 100, least=1, most=100_000
    )
    confirmations: int = key(
        "most confirmations per trial; the last is kept for the best policy seen, at the end of the budget",
        3,
        least=1,
        most=100_000,
    )


@dataclass(frozen=True)
class Vectorisation:
    """What a way of vectorising environments supports; `env.vector` names one of VECTORISATIONS."""

    single: bool  # made of single environments, which wrappers and a goal's info need
    statistics: bool  # takes env.statistics
    kwargs: bool  # takes env.kwargs
    seed_per_slot: bool  # takes one seed per slot, not one for all slots
    compiled: bool = False  # whole episodes in one compiled loop, which compiles at its first use
    ale: bool = False  # ALE's games; SB3 can train on them, since their autoreset is same-step


VECTORISATIONS = {
    "slots": Vectorisation(single=True, statistics=True, kwargs=True, seed_per_slot=True),
    "compiled": Vectorisation(single=False, statistics=True, kwargs=True, seed_per_slot=True, compiled=True),
    "native": Vectorisation(single=False, statistics=False, kwargs=False, seed_per_slot=False),
    "atari": Vectorisation(single=False, statistics=False, kwargs=True, seed_per_slot=True, ale=True),
}


@dataclass(frozen=True)
class Task:
    """A Gymnasium environment with its preprocessing, policy network, threshold, budget and scoring."""

    name: str = key("the file's name")
    id: str = key("Gymnasium's id")
    threshold: float = key("mean return of the deterministic policy that counts as solved")
    threshold_source: str = key("where the threshold comes from", "", line=True)
    goal: Goal = part("what must be reached besides the threshold", Goal)
    budget: int = key("env steps of training per trial", 200_000, least=1, most=10**12)
    kwargs: dict[str, Any] = key("keyword arguments of gymnasium.make", {})
    wrappers: list[str] = key("import paths of wrappers, applied in this order", [])
    statistics: Statistics = part("standardise the observations that leave the wrappers", Statistics)
    vector: str = key(
        "slots: single environments; compiled: Gymnasium's classic control and the policy in one compiled loop, "
        "the same episodes to the bit; native: Gymnasium's own vector entry point; atari: ALE's",
        "slots",
        choices=tuple(VECTORISATIONS),
    )
    max_episode_steps: int | None = key("env steps after which an episode is truncated", None, least=1, most=10**9)
    sticky: float = key(
        "vector=atari: probability that ALE repeats the last action (Machado et al. 2018)", 0.25, least=0, below=1
    )
    checkpoint: int | None = key(
        "env steps between checkpoints of a trial; its environments restart at each", None, least=1, most=10**12
    )
    policy: Policy = part("the policy network, the same for every agent", Policy)
    scoring: Scoring = part("how a trial is judged", Scoring)

    @property
    def vectorisation(self) -> Vectorisation:
        """What `vector` supports."""
        return VECTORISATIONS[self.vector]

    def solved_by(self, score: float, reached: float | None = None) -> bool:
        """Is the task solved by this mean return and, if it has a goal, this mean of the goal's number?"""
        return reaches(score, self.threshold) and (reached is None or reaches(reached, self.goal.least))


def reaches(mean: float, least: float) -> bool:
    """Is the mean `least` or more? A mean of numbers that are all `least` may be below it by rounding."""
    return mean >= least or isclose(mean, least, rel_tol=1e-9, abs_tol=1e-9)


@dataclass(frozen=True)
class Agent:
    """A way to train. `trainer` names one of the two subclasses, by AGENTS."""

    name: str = key("the file's name")
    trainer: str = key("evolution or gradient")
    note: str = key("what a reader of its results must know", "")


@dataclass(frozen=True)
class EvolutionAgent(Agent):
    """An evolution strategy on theta_d."""

    strategy: str = key(
        "a file in rl_intdim/training/strategies, or the import path of a class of your own",
        choices=STRATEGIES,
        path=True,
    )
    popsize: int = key("candidates per generation", 16, least=2, most=10**6)
    episodes: int = key("episodes per candidate", 4, least=1, most=10_000)
    sigma: float = key(
        "initial root-mean-square change of a parameter; on theta_d: sigma sqrt(D / d)", 0.2, positive=True
    )
    common: bool = key("all candidates of a generation play the same episodes", False)
    patience: int = key(
        "cma: restart when the median has not risen for patience (1 + d / popsize) generations",
        10,
        least=1,
        most=10**9,
    )
    growth: int = key("cma: each restart multiplies the population by this", 2, least=1, most=100)
    diagonal_above: int = key(
        "cma: above this d only the diagonal of the covariance is learned", 300, least=0, most=10**9
    )
    learning_rate: float = key(
        "openai_es: Adam's step size; pgpe: ClipUp's; as the root-mean-square change of a parameter",
        0.05,
        positive=True,
    )
    weight_decay: float = key("openai_es: pulls the parameters to theta0", 0.005, least=0)
    sigma_learning_rate: float = key("pgpe: learning rate of the standard deviations", 0.1, least=0)
    settings: dict[str, Any] = key("what evosax, or a strategy of your own, reads as agent.settings", {})


@dataclass(frozen=True)
class GradientAgent(Agent):
    """A Stable-Baselines3 algorithm whose actor steps in the subspace."""

    algorithm: str = key("import path of a Stable-Baselines3 algorithm")
    actor: list[str] = key("modules of the actor, in the task's parameter order", [])
    free: list[str] = key("modules that train outside the subspace: critic, target networks, log_std", [])
    critic: dict[str, Any] = key(
        "the critic's part of SB3's net_arch; on images it follows features of the policy's size; empty: there is no "
        "critic",
        {},
    )
    extractor: str = key(
        "image features: separate for actor and critic, or shared; a value function's loss (vf) then moves them too",
        "separate",
        choices=("separate", "shared"),
    )
    precision: str = key(
        "number format of hidden layers in training: float32, or bfloat16, which is faster for large layers on a GPU "
        "or a CPU that computes it in hardware, and slower elsewhere; scoring is float32",
        "float32",
        choices=("float32", "bfloat16"),
    )
    n_envs: int = key("environments in the vectorised environment", 8, least=1, most=10_000)
    noise: float = key("standard deviation of Gaussian noise on training actions, scaled to [-1, 1]", 0.0, least=0)
    multiplier: float = key(
        "step on theta_d: learning rate x multiplier x sqrt(D / d); direct runs use 1", 1.0, positive=True
    )
    normalize_reward: bool = key("scale training rewards by SB3's VecNormalize", False)
    policy: str = key("SB3's policy, by its name or the import path of a class", "MlpPolicy")
    policy_kwargs: dict[str, Any] = key("keyword arguments of that policy, such as log_std_init", {})
    settings: dict[str, Any] = key("keyword arguments of the algorithm", {})


@dataclass(frozen=True)
class Learned:
    """How a trial learns its subspace: by one direct run of its agent before it trains in the subspace."""

    burn_in: int  # env steps after which that run's parameters are theta0; 0: theta0 is drawn
    direct_steps: int  # env steps of that run
    snapshots: int  # points of its trajectory, or mean gradients, that span P; 0: P is drawn
    gradients: bool = False  # are they gradients?


@dataclass(frozen=True)
class SubspaceConfig:
    """How theta0 and P are drawn, or learned."""

    projection: str = key(
        "dense, sparse, fastfood, countsketch, or an import path; auto: dense while it is small; trajectory or "
        "gradients: the leading principal directions of a direct run's parameters or gradients, a learned basis",
        "auto",
        choices=(*PROJECTIONS, *LEARNED_BASES),
        path=True,
    )
    burn_in: int = key(
        "env steps of direct training by the same agent, after which its parameters are theta0, a learned basis; 0: "
        "theta0 is drawn",
        0,
        least=0,
        most=10**12,
    )
    direct_steps: int | None = key(
        "trajectory, gradients: env steps of the direct run, before each trial; null: env.budget",
        None,
        least=1,
        most=10**12,
    )
    snapshots: int = key(
        "trajectory: points of the direct run, evenly spaced; gradients: means over the spaces between; d is at most "
        "their number",
        100,
        least=1,
        most=10_000,
    )

    def learned(self, budget: int) -> Learned | None:
        """How a trial of this budget learns its subspace; None if it is drawn."""
        if self.projection in LEARNED_BASES:
            gradients = self.projection == GRADIENTS
            return Learned(self.burn_in, self.direct_steps or budget, self.snapshots, gradients)
        return Learned(self.burn_in, self.burn_in, 0) if self.burn_in else None

    @property
    def label(self) -> str:
        """The projection, and what of the subspace is learned: such a sweep is never ranked with others."""
        burn_in = [f"burn-in {self.burn_in:,}"] * (self.burn_in > 0)
        steps = "env.budget" if self.direct_steps is None else f"{self.direct_steps:,}"
        run = [f"direct run {steps}"] * (self.projection in LEARNED_BASES)
        words = ", ".join(burn_in + run)
        return f"{self.projection} (learned basis: {words})" if words else self.projection


@dataclass(frozen=True)
class Search:
    """Which d to try, how often, and when to stop."""

    ds: list[int] | None = key("run exactly these d instead of searching", None, least=0)
    grid: int | None = key(
        "run this many d, evenly spaced in log d from 1 to d_max, instead of searching", None, least=2, most=1000
    )
    seeds: int = key("seeds at each d of `ds` or `grid`", 10, least=1, most=10_000)
    full_budget: bool = key("train to the end of the budget even when solved, as the paper does", False)
    round: int = key("trials chosen at once; fixed, so that workers do not change the answer", 6, least=1, most=1000)
    ci_ratio: float = key("stop when the interval's high / low is at most this", 1.5, least=1)
    max_trials: int = key(
        "most trials that a search trains, so those at d = 0 are not counted; `ds` and `grid` set their own number",
        120,
        least=1,
        most=DIRECT_SEED,
    )
    max_env_steps: int | None = key("most env steps of training, direct runs included", None, least=1, most=10**18)
    d_max: int | None = key("largest d tried; D if null", None, least=1)
    direct: int = key("direct runs, reported beside d_int", 5, least=0, most=10_000)
    seed: int | None = key(
        "the first trial's seed; each further trial takes the next. null: drawn from task, agent and settings, so "
        "that no two sweeps share subspaces. Equal seeds pair the trials of two agents",
        None,
        least=0,
        most=LARGEST_SEED - 2 * DIRECT_SEED,  # room for every later seed
    )

    @property
    def round_size(self) -> int:
        """Trials of a round; where the d are given, one seed at each of them."""
        return len(self.ds) if self.ds else self.round


@dataclass(frozen=True)
class Runner:
    """Where the trials of a sweep run: local, in processes of this machine; or ray, on a cluster."""

    name: str = key("local or ray", "local", choices=RUNNERS)
    address: str | None = key("ray: address of a running cluster, or auto; null starts Ray on this machine", None)
    cpus: float | None = key("ray: cores that a trial asks for; its threads if null", None, positive=True)
    gpus: float = key("ray: GPUs that a trial asks for; 0.25 puts four on one", 0.0, least=0)


@dataclass(frozen=True)
class Command:
    """The keys of every command that trains."""

    defaults: list[Any] = field(
        default_factory=lambda: [
            "_self_",
            {"agent": "cma"},  # the task's file may override it, since env comes later in this list
            {"env": "CartPole"},
            {"optional tuned@agent": "${agent}-${env}"},  # the agent file's settings for this task, under `tasks:`
        ]
    )
    env: Any = key("the task; env.KEY=VALUE changes one of its keys")
    agent: Any = key("the agent; agent.KEY=VALUE changes one of its keys")
    subspace: SubspaceConfig = part("how theta0 and P are drawn, or learned", SubspaceConfig)
    threads: int = key(
        "torch threads per trial; part of the configuration, since sums depend on it", 1, least=1, most=1024
    )
    tensorboard: str | None = key("folder for Stable-Baselines3's logs; needs rl_intdim[tensorboard]", None)
    device: str = key("cpu or cuda; auto: cuda for images if there is one, else cpu", "auto")


@dataclass(frozen=True)
class SweepConfig(Command):
    """python -m rl_intdim.sweep"""

    defaults: list[Any] = field(
        default_factory=lambda: [*Command().defaults, {"search": "adaptive"}, {"runner": "local"}]
    )
    search: Search = part("which d to try, how often, and when to stop", Search)
    runner: Runner = part("where trials run", Runner)
    out: str = key(
        "the run folder; the same command resumes it", "runs/${filename:${env.name}}-${filename:${agent.name}}"
    )
    trial_hours: float = key(
        "time limit after which a trial is stopped and tried again, waiting for Ray included; none with workers=0",
        48.0,
        positive=True,
        most=10_000,
    )
    workers: int | None = key(
        "trials at a time; null: as many as there is room for; 0: one after another in this process",
        None,
        least=0,
        most=10_000,
    )
    dry_run: bool = key("print what would run, and stop", False)


@dataclass(frozen=True)
class TrainConfig(Command):
    """python -m rl_intdim.train"""

    d: Any = key("dimensions of the subspace; 0 scores theta0 alone; direct trains all D", 4)
    seed: int = key("seed of theta0, P, training and scoring", 0, least=0, most=LARGEST_SEED)
    out: str | None = key("new folder for trial.json and solution.json; null writes nothing", None)


@dataclass(frozen=True)
class FileCommand:
    """The keys of every command that takes a solution file."""

    solution: str = key("the solution file")
    episodes: int | None = key(
        "fresh episodes to score the solution on; null: env.scoring.confirm_episodes of its task",
        None,
        least=1,
        most=100_000,
    )
    seed: int = key("seed of those episodes; they differ from every trial's", 0, least=0, most=LARGEST_SEED)
    trust: bool = key(
        "import the projection, wrappers and environment that the file names, and run their code", False
    )


@dataclass(frozen=True)
class PlayConfig(FileCommand):
    """python -m rl_intdim.play"""

    out: str | None = key("file for a GIF of one episode", None)
    show: bool = key("show one episode in a window", False)


@dataclass(frozen=True)
class CompressConfig(FileCommand):
    """python -m rl_intdim.compress"""

    out: str | None = key("file for the solution with quantised coordinates", None)
    max_bits: int = key("most bits per coordinate; widths are tried from 1 bit up", 16, least=1, most=24)


AGENTS = {"evolution": EvolutionAgent, "gradient": GradientAgent}
