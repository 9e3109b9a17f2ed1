"""The network of a task against torch's own layers, and the paper's parameter counts."""

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config.schema import Policy
from rl_intdim.errors import ConfigError
from rl_intdim.tasks.network import Network

BOX = gym.spaces.Box(-np.inf, np.inf, (4,))
TWO = gym.spaces.Discrete(2)
FORCE = gym.spaces.Box(np.float32([-3, 0]), np.float32([3, 10]))


@pytest.mark.parametrize(("actions", "D"), [(TWO, 562), (gym.spaces.Box(-3, 3, (1,)), 541)])
def test_the_papers_D(actions, D):
    assert Network(Policy(), BOX, actions).D == D


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_forward_equals_torch_layers_in_their_own_order(activation):
    policy = Network(Policy(hidden=[5, 7], activation=activation), BOX, TWO)
    act = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    net = torch.nn.Sequential(torch.nn.Linear(4, 5), act(), torch.nn.Linear(5, 7), act(), torch.nn.Linear(7, 2))
    obs = torch.randn(3, 4)
    thetas = [torch.nn.utils.parameters_to_vector(net.parameters()).detach() * k for k in (1, 2)]
    outputs = policy.outputs(policy.layers(torch.stack(thetas)), obs.expand(2, 3, 4))
    for theta, output in zip(thetas, outputs, strict=True):
        torch.nn.utils.vector_to_parameters(theta, net.parameters())
        assert torch.allclose(output, net(obs), atol=1e-6)


@pytest.mark.parametrize("init", ["glorot", "he"])
def test_theta0_has_the_initialisers_variance_and_zero_biases(init):
    policy = Network(Policy(hidden=[200, 100], init=init), BOX, TWO)
    layers = policy.layers(policy.theta0(np.random.default_rng(0))[None])
    for weight, bias in layers:
        _, i, o = weight.shape
        assert weight.var().item() == pytest.approx(2 / (i + o) if init == "glorot" else 2 / i, rel=0.2)
        assert bias.abs().max() == 0


def test_actions():
    out = np.array([[0.2, -5.0], [100.0, 100.0], [-100.0, 0.0]])
    assert Network(Policy(), BOX, TWO).actions(out).tolist() == [0, 0, 1]
    assert Network(Policy(), BOX, gym.spaces.Discrete(2, start=5)).actions(out).tolist() == [5, 5, 6]
    assert Network(Policy(action="clip"), BOX, FORCE).actions(out) == pytest.approx(
        np.array([[0.2, 0], [3, 10], [-3, 0]])
    )
    squashed = Network(Policy(action="tanh"), BOX, FORCE).actions(out)
    assert squashed == pytest.approx(np.array([[3 * np.tanh(0.2), 5 + 5 * np.tanh(-5)], [3, 10], [-3, 5]]))


@pytest.mark.parametrize(
    ("observations", "actions", "named"),
    [
        (gym.spaces.Discrete(5), TWO, "FlattenObservation"),
        (gym.spaces.Box(0, 255, (84, 84, 4)), TWO, "flat Box"),
        (BOX, gym.spaces.MultiDiscrete([2, 3]), "MultiDiscrete"),
        (BOX, gym.spaces.Box(-np.inf, np.inf, (1,)), "clip"),
    ],
)
def test_a_space_that_fits_no_policy_is_named(observations, actions, named):
    with pytest.raises(ConfigError, match=named):
        Network(Policy(), observations, actions)
