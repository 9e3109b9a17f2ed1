"""The typed configuration: what a task, an agent, a search and a command are made of."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from omegaconf import MISSING

DIRECT = "direct"  # in place of d: train all D parameters, no projection
LINEAR = "lin_"  # before a number in agent.settings, as in RL Zoo: falls linearly to 0 over the budget
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
    output_gain: float = 1.0  # theta0's last layer times this; Andrychowicz et al. 2021 advise 0.01 for PPO
    action: str = "tanh"  # output map of a continuous action: tanh (squashed into the bounds) or clip


@dataclass(frozen=True)
class Goal:
    """What a solved policy must reach beside the threshold, where the return alone can be had in another way."""

    info: str | None = None  # a number in the environment's `info` at the end of an episode, such as x_position
    least: float = 0.0  # its mean over the episodes of a confirmation; no goal if `info` is null


@dataclass(frozen=True)
class Statistics:
    """What standardises the observations of a task, fixed before training: (x - mean) / std, cut at -clip and clip.

    Numbers in the task's file, the same for every agent and no parameter of any: nothing is learned outside
    the subspace, and a solution holds them with its task. `scripts/observation_statistics.py` measures them.
    """

    # Words, since hundreds of numbers would be as many nodes of every command's configuration, a third of a second.
    mean: str = ""  # numbers with spaces between, one for each observation; empty: observations are as they come
    std: str = ""  # the same, above 0
    clip: float = 5.0
    source: str = ""  # where the numbers come from


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
    statistics: Statistics = field(default_factory=Statistics)  # of the observations after the wrappers
    # slots: many single environments; native: Gymnasium's own vector entry point; atari: ALE's, with its pictures
    vector: str = "slots"
    sticky: float = 0.25  # vector=atari: probability that ALE repeats the last action (Machado et al. 2018)
    checkpoint: int | None = None  # env steps between checkpoints of a trial; its environments restart at each
    policy: Policy = field(default_factory=Policy)
    scoring: Scoring = field(default_factory=Scoring)

    def solved_by(self, score: float, reached: float | None = None) -> bool:
        """Does a policy solve the task, of this mean return and, if there is a goal, this mean of what it names?"""
        return score >= self.threshold and (reached is None or reached >= self.goal.least)


@dataclass(frozen=True)
class Agent:
    """A way to train. `trainer` says which of the kinds below a file describes."""

    name: str = MISSING  # the file's name
    trainer: str = MISSING  # evolution or gradient
    note: str = ""  # what a reader of its results must know


@dataclass(frozen=True)
class EvolutionAgent(Agent):
    """An evolution strategy on theta_d."""

    strategy: str = MISSING  # a file in rl_intdim/training/strategies
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
    normalize_reward: bool = False  # training rewards over a running deviation of returns: SB3's VecNormalize
    policy: str = "MlpPolicy"  # SB3's policy, by its name or the import path of a class
    policy_kwargs: dict[str, Any] = field(default_factory=dict)  # of that policy, such as log_std_init
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
    max_trials: int = 120  # stop before there are more; not of `ds` or `grid`, which say their own number
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
    # A trial that takes longer hangs: it is stopped and tried again, but not with workers=0; waiting for Ray counts.
    trial_hours: float = 48.0
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
STRATEGIES = sorted(p.stem for p in Path(__file__).parents[1].glob("training/strategies/[!_]*.py"))
RUNNERS = ("local", "ray")
PROJECTIONS = ("auto", "dense", "sparse", "fastfood", "countsketch")
