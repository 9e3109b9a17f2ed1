"""The parts of one trial, which its trainer receives."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch

from rl_intdim.config.schema import Agent, Task
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.tasks.network import Network
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.seeding import LearnedSubspace

A = TypeVar("A", bound=Agent)


@dataclass(frozen=True)
class TrialContext(Generic[A]):
    """One trial, set up but not yet trained. `trial.prepare` makes it."""

    task: Task
    agent: A
    network: Network
    subspace: Subspace  # on the trial's device
    seeds: np.random.SeedSequence  # of training; looks and confirmations have their own
    evaluator: Evaluator
    checkpoints: Checkpoints
    logs: str | None = None  # folder for SB3's logs
    learned: LearnedSubspace | None = None  # None: the subspace was drawn
    # Called after every step of a gradient agent with its gradient by theta_d, (d,), after SB3 clipped it.
    on_gradient: Callable[[torch.Tensor], None] | None = None
