"""One trial: (task, agent, d, seed) -> TrialResult. The same seed and d give every agent the same subspace."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from rl_intdim import memory, tasks
from rl_intdim.checkpoint import Checkpoints
from rl_intdim.config import DIRECT, Agent, Task
from rl_intdim.errors import ConfigError
from rl_intdim.policy import Network
from rl_intdim.referee import Referee
from rl_intdim.store import PROGRESS, write_whole
from rl_intdim.subspace import Subspace


@dataclass(frozen=True)
class Trial:
    """All that a trial depends on, beside versions and CPU type."""

    task: Task
    agent: Agent
    projection: str
    d: int | str  # or "direct"
    seed: int
    threads: int = 1
    full_budget: bool = False  # go on after solving
    device: str = "auto"
    folder: str | None = None  # of its checkpoints; a trial that finds one there goes on from it
    tensorboard: str | None = None  # folder for what SB3 logs

    def identity(self) -> dict[str, Any]:
        """What makes it this trial and no other, under the user's keys."""
        keys = {"task": "env", "projection": "subspace.projection"}
        return {keys.get(k, k): v for k, v in asdict(self).items() if k not in ("folder", "tensorboard")}

    def digest(self) -> str:
        """The identity in 16 letters, by which records know a trial."""
        return sha256(json.dumps(self.identity()).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class TrialResult:
    """What one trial says. Steps are env steps; returns are undiscounted and unclipped."""

    d: int | str
    seed: int
    D: int
    solved: bool
    score: float  # mean return of the policy scored at the end, on the fresh episodes of its confirmation
    solved_at: int | None  # env steps of training when the solved policy was first looked at
    env_steps: int  # of training
    scoring_steps: int  # of looks and confirmations
    confirmations: list[list[float]]  # [env steps, mean return], and the mean reached where the task has a goal
    curve: list[list[float]]  # [env steps, look score, norm of theta_d], and what was reached
    seconds: float
    theta_d: list[float] = field(repr=False, default_factory=list)  # of that policy

    def record(self) -> dict[str, Any]:
        """What a file of trials holds of this one: all but the D numbers of a direct run, megabytes that no
        solution is made of."""
        return asdict(self) | ({"theta_d": []} if self.d == DIRECT else {})


def draw_subspace(
    policy: Network, projection: str, d: int | str, seed: int
) -> tuple[Subspace, list[np.random.SeedSequence]]:
    """The subspace of a seed, the same for every agent, and the seeds of [training, looks, confirmations]."""
    theta0, P, *rest = np.random.SeedSequence(seed).spawn(5)
    start = policy.theta0(np.random.default_rng(theta0))
    return Subspace(start, d, projection, P), rest


def run_trial(trial: Trial, on_look: Callable[[int, float, float], None] = lambda *said: None) -> TrialResult:
    """Run one trial in this process. Raises TrialFailure if it broke down; that says nothing about d.

    `on_look` hears of each look: env steps, score, norm of theta_d.
    """
    settle(trial)

    def tell(env_steps: int, score: float, norm: float) -> None:
        on_look(env_steps, score, norm)
        if trial.folder and trial.task.checkpoint:  # of long trials, for whoever waits
            said = {"env_steps": env_steps, "score": score, "seconds": checkpoints.seconds}
            write_whole(Path(trial.folder) / PROGRESS, json.dumps(said))

    task, policy = trial.task, tasks.policy(trial.task)
    subspace, (training, looks, confirms) = draw_subspace(policy, trial.projection, trial.d, trial.seed)
    subspace.to(device(trial.device, policy))
    referee = Referee(task, policy, subspace, looks, confirms, trial.full_budget, tell)
    folder = Path(trial.folder) if trial.folder else None
    checkpoints = Checkpoints(referee, training, task.checkpoint, folder, trial.identity())
    env_steps = 0
    if subspace.d > 0:
        kind = trainer(trial.agent)
        env_steps = kind.train(task, trial.agent, policy, subspace, training, referee, checkpoints, trial.tensorboard)
    scored = referee.close()
    return TrialResult(
        d=trial.d,
        seed=trial.seed,
        D=subspace.D,
        solved=referee.solved,
        score=scored.score.mean,
        solved_at=referee.solved_at,
        env_steps=env_steps,
        scoring_steps=referee.scoring_steps,
        confirmations=referee.confirmations,
        curve=referee.curve,
        seconds=round(checkpoints.seconds, 3),
        theta_d=scored.theta_d.tolist(),
    )


def settle(trial: Trial) -> None:
    """Make this process one that runs trials."""
    torch.set_num_threads(trial.threads)
    threadpool_limits(trial.threads)  # numpy's BLAS too: trials side by side would wait for each other's threads
    memory.keep()


def device(name: str, policy: Network) -> torch.device:
    """The device of a trial; auto: cuda for images, where the work is large, if there is one. Raises ConfigError."""
    if name == "auto":
        name = "cuda" if policy.conv_shapes and torch.cuda.is_available() else "cpu"
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise ConfigError(f"device={name}: torch {torch.__version__} finds no CUDA device here; valid: auto, cpu.")
    return torch.device(name)


def check(task: Task, agent: Agent, name: str = "auto") -> int:
    """Make once what every trial will make, on the device `name`; raises ConfigError for what does not fit.
    Returns D."""
    policy = tasks.policy(task)
    device(name, policy)
    envs = tasks.make_vec(task, 1)
    if task.goal.info is not None:  # its name is known at the end of an episode
        tasks.episodes(envs, policy, torch.zeros(1, policy.D), seed=0)
    envs.close()
    trainer(agent).check(task, agent, policy)
    return policy.D


def trainer(agent: Agent) -> Any:
    """The module in `trainers` that trains an agent of this kind; the other kinds' libraries stay unimported."""
    return import_module(f"rl_intdim.trainers.{agent.trainer}")
