"""The policy network of a task, as a function of its flat parameter vector theta.

The task fixes architecture, initialiser, parameter order and output map, so that every agent searches the same
space. Parameters are ordered by layer from input to output, weight before bias, each row-major, as
`torch.nn.utils.parameters_to_vector` orders a stack of `torch.nn.Conv2d` and `torch.nn.Linear`.
"""

from collections.abc import Callable, Sequence
from itertools import pairwise
from math import isnan, prod, sqrt
from typing import Any, NoReturn

import numpy as np
import torch
from gymnasium import spaces
from torch.nn import functional

from rl_intdim.config.schema import Policy
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.tasks import compiled

Layer = tuple[torch.Tensor, torch.Tensor]  # weights and biases of one layer, of N policies
FINITE = float(np.finfo(np.float32).max)  # bounds this far apart count as infinite: environments write them so
BLOCK = 32  # images at a time on a CPU, whose activations stay in the cache
ACTIVATIONS = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}


class Network:
    """Maps an observation to one output per action (discrete) or action dimension. The network is a multilayer
    perceptron on a flat Box; on images, channels first or last, the task's convolutions come before it, and the
    images are scaled to [0, 1] by the bounds of their space.

    D is the number of its parameters; the deterministic action depends on all of them. Raises ConfigError for a space
    that does not fit.
    """

    def __init__(self, spec: Policy, observations: spaces.Space, actions: spaces.Space) -> None:
        self.spec = spec
        self.discrete = isinstance(actions, spaces.Discrete)
        if isinstance(actions, spaces.Discrete):
            outputs, self.start = int(actions.n), int(actions.start)
        elif isinstance(actions, spaces.Box) and len(actions.shape) == 1:
            outputs, self.low, self.high, self.dtype = actions.shape[0], actions.low, actions.high, actions.dtype
            # The action space's own integers could wrap around, and float16 overflow.
            wide = np.result_type(self.dtype, np.float32) if self.dtype.kind == "f" else np.dtype(np.float64)
            self.floor, self.ceiling = self.low.astype(wide), self.high.astype(wide)
            with np.errstate(over="ignore"):
                self.span = self.ceiling - self.floor
            if spec.action == "tanh" and not (self.span < FINITE).all():
                raise ConfigError(
                    f"env.policy.action=tanh: the action space {actions} has no finite bounds to squash into; valid "
                    "here: env.policy.action=clip, with an agent that does not squash actions itself, such as cma, "
                    "ppo or a2c."
                )
        else:
            raise ConfigError(
                f"env.id: the action space {actions} fits no policy yet; valid: Discrete, or a flat Box."
            )
        self.conv_shapes, features = self._convolutions(observations)
        self.sizes = [features, *spec.hidden, outputs]
        self.weights = [*self.conv_shapes, *((o, i) for i, o in pairwise(self.sizes))]
        self.shapes = [shape for weight in self.weights for shape in (weight, weight[:1])]
        self.D = sum(prod(shape) for shape in self.shapes)
        self._activate = {"tanh": torch.tanh, "relu": torch.relu}[spec.activation]
        self.activation = {"tanh": compiled.TANH, "relu": compiled.RELU}[spec.activation]

    def _convolutions(self, observations: spaces.Space) -> tuple[list[tuple[int, ...]], int]:
        """Weights (out, in, kernel, kernel) of the convolutions, and the number of features after them."""
        conv = self.spec.conv
        if not isinstance(observations, spaces.Box) or len(observations.shape) != (3 if conv else 1):
            wanted = "images, (channels, height, width) or (height, width, channels)" if conv else "a flat Box"
            raise ConfigError(
                f"env.id: the observation space {observations} does not fit env.policy; valid: {wanted}. "
                + ("" if conv else "Try env.wrappers=[gymnasium.wrappers.FlattenObservation], or env.policy.conv.")
            )
        if not conv:
            return [], observations.shape[0]
        # Channels are last if that side is shorter than the first, as in Stable-Baselines3.
        self.channels_last = observations.shape[2] < observations.shape[0]
        first, second, third = observations.shape
        channels, height, width = (third, first, second) if self.channels_last else (first, second, third)
        self.picture = channels, height, width
        self.darkest, self.brightest = float(observations.low.min()), float(observations.high.max())
        if not self.brightest - self.darkest < FINITE:
            raise ConfigError(
                f"env.id: the images {observations} have no finite bounds to scale them by; valid: a Box with "
                "bounds, such as 0 to 255."
            )
        shapes: list[tuple[int, ...]] = []
        for c in conv:
            left, right, top, bottom = c.pad
            height = (height + top + bottom - c.kernel) // c.stride + 1
            width = (width + left + right - c.kernel) // c.stride + 1
            if min(height, width) < 1:
                raise ConfigError(
                    f"env.policy.conv.kernel={c.kernel}: larger than the picture before it, of {observations.shape}."
                )
            shapes.append((c.channels, channels, c.kernel, c.kernel))
            channels = c.channels
        return shapes, channels * height * width

    def theta0(self, rng: np.random.Generator) -> torch.Tensor:
        """A fresh initialisation, (D,) float32: weights uniform with the initialiser's variance, biases zero, and the
        last layer multiplied by `output_gain`.

        numpy draws it, and one product scales it, so it is the same to the bit on every machine.
        """
        parts = []
        for o, i, *kernel in self.weights:
            area = prod(kernel)
            bound = sqrt(6 / (area * (i + o))) if self.spec.init == "glorot" else sqrt(6 / (area * i))
            parts += [bound * rng.uniform(-1, 1, o * i * area), np.zeros(o)]
        parts[-2] *= self.spec.output_gain
        return torch.from_numpy(np.concatenate(parts)).float()

    def layers(self, theta: torch.Tensor) -> list[Layer]:
        """The layers of N policies theta (N, D): (weight (N, out, in, kernel, kernel), bias (N, out)) for a
        convolution, (weight (N, in, out), bias (N, 1, out)) for a dense layer."""
        parts = torch.split(theta, [prod(shape) for shape in self.shapes], dim=-1)
        N, layers = theta.shape[0], []
        for shape, w, b in zip(self.weights, parts[::2], parts[1::2], strict=True):
            if len(shape) == 2:
                layers.append((w.reshape(N, *shape).transpose(1, 2).contiguous(), b.reshape(N, 1, -1)))
            else:
                layers.append((w.reshape(N, *shape), b))
        return layers

    def laid_out(self, theta: torch.Tensor) -> np.ndarray:
        """The parameters of N multilayer perceptrons theta (N, D), on any device, as compiled code reads them: (N, D)
        float32, with the weights of each layer transposed to (in, out)."""
        layers = self.layers(theta.cpu().float())
        return torch.cat([part.flatten(1) for layer in layers for part in layer], 1).numpy()

    def outputs(self, layers: Sequence[Layer], obs: torch.Tensor) -> torch.Tensor:
        """The forward pass of N policies on E observations each: (N, E, ...) -> (N, E, out)."""
        x, first = obs, len(self.conv_shapes)
        if first:
            n = len(x) if x.is_cuda else max(1, BLOCK // x.shape[1])
            blocks = [slice(i, i + n) for i in range(0, len(x), n)]
            x = torch.cat([self._features([(w[b], bias[b]) for w, bias in layers[:first]], x[b]) for b in blocks])
        x = x.float()
        if not first and x.device.type == "cpu":
            return self._compiled(layers, x)
        for weight, bias in layers[first:-1]:
            x = self._activate(torch.baddbmm(bias, x, weight))
        weight, bias = layers[-1]
        return torch.baddbmm(bias, x, weight)

    def _compiled(self, layers: Sequence[Layer], x: torch.Tensor) -> torch.Tensor:
        """`outputs` of a multilayer perceptron on the CPU, by the same layers as compiled episodes, so that both take
        the same actions. For these batches they are at least as fast as torch."""
        y, last = np.ascontiguousarray(x), len(layers) - 1
        for i, (weight, bias) in enumerate(layers):
            activation = compiled.LINEAR if i == last else self.activation
            y = compiled.dense(y, np.ascontiguousarray(weight), np.ascontiguousarray(bias), activation)
        return torch.from_numpy(y)

    def _features(self, layers: Sequence[Layer], images: torch.Tensor) -> torch.Tensor:
        """The convolutions of N policies on E images each, shaped as in their space: (N, E, ...) -> (N, E, features).
        The policies are the groups of each convolution."""
        N = len(images)
        if self.channels_last:
            images = images.permute(0, 1, 4, 2, 3)
        pictures = images.transpose(0, 1).flatten(1, 2)  # (E, N x channels, height, width)
        x = self.scaled(pictures.contiguous(memory_format=torch.channels_last).float())
        for (weight, bias), c in zip(layers, self.spec.conv, strict=True):
            weight, bias = weight.flatten(0, 1).contiguous(memory_format=torch.channels_last), bias.flatten()
            left, right, top, bottom = c.pad
            if left == right and top == bottom:  # the convolution pads at no cost
                x = functional.conv2d(x, weight, bias, c.stride, (top, left), groups=N)
            else:
                x = functional.conv2d(functional.pad(x, c.pad), weight, bias, c.stride, groups=N)
            x = self._activate(x)
        return x.unflatten(1, (N, -1)).transpose(0, 1).flatten(2)

    def scaled(self, images: torch.Tensor) -> torch.Tensor:
        """float32 images, scaled from the bounds of their space to [0, 1]."""
        if self.darkest:
            images = images - self.darkest
        return images / (self.brightest - self.darkest)

    def actor(self, weights: np.ndarray) -> Callable[[np.ndarray], Any]:
        """observation -> action of one multilayer perceptron weights (D,), laid out: what `outputs` and `actions`
        give, to the bit, in one compiled call. The function raises TrialFailure for NaN outputs."""
        sizes, units = np.array(self.sizes), np.zeros(sum(self.sizes), np.float32)
        x, y = units[: self.sizes[0]], units[-self.sizes[-1] :]
        net = weights, sizes, self.activation, units
        if self.discrete:

            def act(obs: np.ndarray) -> Any:
                x[:] = obs
                action = compiled.choose(*net)
                return self.start + action if action >= 0 else self._nan()

        elif self.dtype in (np.float32, np.float64):
            rest = self.spec.action == "tanh", self.floor, self.span, self.low, self.high

            def act(obs: np.ndarray) -> Any:
                x[:] = obs
                action = compiled.push(*net, *rest)
                return self._nan() if action is None else action

        else:

            def act(obs: np.ndarray) -> Any:
                x[:] = obs
                compiled.choose(*net)
                return self.actions(y[None].copy())[0]

        return act

    def _nan(self) -> NoReturn:
        raise TrialFailure("the policy's outputs are NaN: its parameters, or observations, are too large.")

    def actions(self, outputs: np.ndarray) -> np.ndarray:
        """The deterministic actions for outputs (n, out), inside the action space: the largest output, or the task's
        output map. Every agent uses this map in training and scoring. Raises TrialFailure for NaN outputs."""
        flat = outputs.ravel()
        if isnan(flat.dot(flat)):
            self._nan()
        if self.discrete:
            return outputs.argmax(-1) + self.start
        if self.spec.action == "clip":
            return self.within(outputs)
        squashed = compiled.squash(outputs.astype(np.float32).ravel()).reshape(outputs.shape)
        return self.within(self.floor + self.span * (squashed + 1) / 2)

    def within(self, actions: np.ndarray) -> np.ndarray:
        """Actions (..., out) in the action space's dtype, rounded for an integer dtype, and clipped to its bounds to
        the bit, since rounding in a product may end just outside them."""
        if self.dtype.kind == "f":
            return np.minimum(np.maximum(actions, self.low), self.high).astype(self.dtype, copy=False)
        inside = np.clip(np.rint(actions.astype(np.float64)), self.floor, self.ceiling)
        # The largest 64-bit integers round up as floats, and would wrap around.
        at_top = inside >= self.ceiling
        return np.where(at_top, self.high, np.where(at_top, 0, inside).astype(self.dtype))
