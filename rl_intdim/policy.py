"""The policy network of a task, as a function of its flat parameter vector theta.

The task fixes architecture, initialiser, order of the parameters and output map, so that every agent on it
searches the same space. The order is that of the layers from input to output, weight (out, in) before bias
(out,), each row-major: what `torch.nn.utils.parameters_to_vector` gives for a stack of `torch.nn.Linear`.
"""

from itertools import pairwise
from math import sqrt

import numpy as np
import torch
from gymnasium import spaces

from rl_intdim.config import Policy
from rl_intdim.errors import ConfigError


class MLP:
    """A multilayer perceptron from a flat observation to one output per action (discrete) or action dimension.

    D is the number of parameters that the deterministic action depends on: all of them.
    Raises ConfigError for a space that it does not fit.
    """

    def __init__(self, spec: Policy, observations: spaces.Space, actions: spaces.Space) -> None:
        if not isinstance(observations, spaces.Box) or len(observations.shape) != 1:
            raise ConfigError(
                f"env.id: the observation space {observations} fits no policy yet; valid: a flat Box. "
                "Try env.wrappers=[gymnasium.wrappers.FlattenObservation]."
            )
        self.discrete = isinstance(actions, spaces.Discrete)
        if isinstance(actions, spaces.Discrete):
            outputs, self.start = int(actions.n), int(actions.start)
        elif isinstance(actions, spaces.Box) and len(actions.shape) == 1:
            outputs, self.low, self.high = actions.shape[0], actions.low, actions.high
            if spec.action == "tanh" and not actions.is_bounded():
                raise ConfigError(
                    f"env.policy.action=tanh: the action space {actions} has no finite bounds to squash into; "
                    "valid here: clip."
                )
        else:
            raise ConfigError(
                f"env.id: the action space {actions} fits no policy yet; valid: Discrete, or a flat Box."
            )
        self.spec = spec
        self.sizes = [observations.shape[0], *spec.hidden, outputs]
        self.shapes = [shape for i, o in pairwise(self.sizes) for shape in ((o, i), (o,))]
        self.D = sum(int(np.prod(shape)) for shape in self.shapes)
        self._activate = {"tanh": torch.tanh, "relu": torch.relu}[spec.activation]

    def theta0(self, rng: np.random.Generator) -> torch.Tensor:
        """A fresh initialisation, (D,) float32: uniform with the initialiser's variance; biases zero.

        Drawn by numpy and scaled by one product, so it is the same to the bit on every machine.
        """
        parts = []
        for i, o in pairwise(self.sizes):
            bound = sqrt(6 / (i + o)) if self.spec.init == "glorot" else sqrt(6 / i)
            parts += [bound * rng.uniform(-1, 1, o * i), np.zeros(o)]
        return torch.from_numpy(np.concatenate(parts)).float()

    def layers(self, theta: torch.Tensor) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """theta (N, D), N policies, as (weight (N, in, out), bias (N, 1, out)) of each layer."""
        parts = torch.split(theta, [int(np.prod(shape)) for shape in self.shapes], dim=-1)
        N = theta.shape[0]
        return [
            (w.reshape(N, o, i).transpose(1, 2).contiguous(), b.reshape(N, 1, o))
            for (i, o), w, b in zip(pairwise(self.sizes), parts[::2], parts[1::2], strict=True)
        ]

    def outputs(self, layers: list[tuple[torch.Tensor, torch.Tensor]], obs: torch.Tensor) -> torch.Tensor:
        """The forward pass of N policies on E observations each: (N, E, in) -> (N, E, out)."""
        x = obs
        for weight, bias in layers[:-1]:
            x = self._activate(torch.baddbmm(bias, x, weight))
        weight, bias = layers[-1]
        return torch.baddbmm(bias, x, weight)

    def actions(self, outputs: np.ndarray) -> np.ndarray:
        """The deterministic action of an output (..., out): the largest, or the output map of the task."""
        if self.discrete:
            return outputs.argmax(-1) + self.start
        if self.spec.action == "clip":
            return np.clip(outputs, self.low, self.high)
        return self.low + (self.high - self.low) * (np.tanh(outputs) + 1) / 2
