"""The network of a task against torch's own layers, and the paper's parameter counts."""

import warnings

import gymnasium as gym
import numpy as np
import pytest
import torch

from rl_intdim.config.schema import Conv, Policy
from rl_intdim.errors import ConfigError, TrialFailure
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
    assert squashed == pytest.approx(np.array([[3 * np.tanh(0.2), 5 + 5 * np.tanh(-5)], [3, 10], [-3, 5]]), abs=1e-6)


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


BOXES = [
    (-3.0, 3.0, np.float32), (-0.6, 1.7, np.float32), (-0.1, 0.3, np.float64), (-100, 100, np.int8),
    (-30_000, 30_000, np.int16), (-(2**31), 2**31 - 1, np.int32), (0, 255, np.uint8), (-60_000, 60_000, np.float16),
    (-(2**63), 2**63 - 1, np.int64),
]  # fmt: skip


@pytest.mark.parametrize(("low", "high", "kind"), BOXES)
@pytest.mark.parametrize("action", ["tanh", "clip"])
def test_an_action_is_inside_its_space_to_the_bit(low, high, kind, action):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's, of precision
        space = gym.spaces.Box(kind(low), kind(high), (3,), kind)
    network = Network(Policy(action=action), gym.spaces.Box(-1, 1, (2,)), space)
    outputs = np.float32([[-np.inf, 0, np.inf], [-30, 1e-3, 30], [-8, 0.5, 9.1], [0.2, -0.3, 0.4]])
    actions = network.actions(outputs)
    assert actions.dtype == space.dtype
    assert all(space.contains(a) for a in actions)
    if action == "tanh":
        assert actions[0, 0] == space.low[0]
        assert actions[0, 2] == space.high[0]
        wanted = low + (high - low) * (np.tanh(outputs.astype(float)) + 1) / 2
        tolerance = 0.5 if np.dtype(kind).kind in "iu" else 0
        assert actions.astype(float) == pytest.approx(wanted, rel=2e-3, abs=tolerance + 1e-6 * (high - low))


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-1, np.inf), "huge"])
def test_bounds_that_are_none_are_refused_by_tanh_and_taken_by_clip(bounds):
    low, high = (np.finfo(np.float32).min, np.finfo(np.float32).max) if bounds == "huge" else bounds
    space, flat = gym.spaces.Box(np.float32(low), np.float32(high), (2,)), gym.spaces.Box(-1, 1, (2,))
    with pytest.raises(ConfigError, match=r"valid here: env.policy.action=clip, .* such as cma, ppo or a2c"):
        Network(Policy(action="tanh"), flat, space)
    assert Network(Policy(action="clip"), flat, space).actions(np.float32([[-5, 7]])).tolist() == [[max(-5, low), 7]]


def test_outputs_that_are_nan_choose_no_action():
    flat = gym.spaces.Box(-1, 1, (2,))
    for space in (gym.spaces.Discrete(2), flat):
        with pytest.raises(TrialFailure, match="NaN"):
            Network(Policy(), flat, space).actions(np.float32([[1, 2], [np.nan, 0]]))


@pytest.mark.parametrize(("low", "high", "kind"), [(0, 255, np.uint8), (-1, 1, np.float32), (0, 1, np.float64)])
def test_images_are_scaled_by_their_bounds_and_channels_may_stand_last(low, high, kind):
    policy = Policy(conv=[Conv(3, 3, 2)], hidden=[8])
    first, last = (gym.spaces.Box(kind(low), kind(high), shape, kind) for shape in ((2, 8, 9), (8, 9, 2)))
    networks = [Network(policy, space, gym.spaces.Discrete(3)) for space in (first, last)]
    theta = networks[0].theta0(np.random.default_rng(0))[None]
    shares = np.random.default_rng(1).uniform(0, 1, (5, 2, 8, 9))
    images = (low + (high - low) * shares).astype(kind)
    assert np.allclose(networks[0].scaled(torch.from_numpy(images)), shares, atol=1 / 255)
    a = networks[0].outputs(networks[0].layers(theta), torch.from_numpy(images)[None])
    b = networks[1].outputs(networks[1].layers(theta), torch.from_numpy(images.transpose(0, 2, 3, 1).copy())[None])
    assert torch.allclose(a, b, atol=1e-5)
    bytes_of = Network(policy, gym.spaces.Box(0, 255, (2, 8, 9), np.uint8), gym.spaces.Discrete(3))
    c = bytes_of.outputs(bytes_of.layers(theta), torch.from_numpy((255 * shares).astype(np.uint8))[None])
    assert torch.allclose(a, c, atol=0.05)


@pytest.mark.parametrize("shape", [(2, 8, 9), (8, 9, 2)])
def test_several_policies_on_images_give_what_each_gives_alone(shape):
    policy = Policy(conv=[Conv(3, 3, 2, [0, 1, 1, 0]), Conv(5, 2)], hidden=[8])
    network = Network(policy, gym.spaces.Box(0, 255, shape, np.uint8), gym.spaces.Discrete(3))
    rng = np.random.default_rng(0)
    theta = torch.stack([network.theta0(rng) for _ in range(12)]) + 0.1  # biases too
    images = torch.from_numpy(rng.integers(0, 256, (12, 6, *shape), dtype=np.uint8))  # more than a BLOCK
    together = network.outputs(network.layers(theta), images)
    alone = [network.outputs(network.layers(theta[n : n + 1]), images[n : n + 1])[0] for n in range(12)]
    assert torch.allclose(together, torch.stack(alone), rtol=1e-5, atol=1e-6)
    assert (together[0] - together[1]).abs().max() > 0.01


def test_images_without_bounds_are_refused():
    space = gym.spaces.Box(-np.inf, np.inf, (2, 8, 9))
    with pytest.raises(ConfigError, match="no finite bounds to scale them by"):
        Network(Policy(conv=[Conv(3, 3, 2)]), space, gym.spaces.Discrete(3))


@pytest.mark.parametrize("start", [0, 5])
@pytest.mark.parametrize("action", ["tanh", "clip"])
@pytest.mark.parametrize(("low", "high", "kind"), [*BOXES, (None, None, None)])
def test_one_compiled_call_gives_the_same_action_to_the_bit(low, high, kind, action, start):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Gymnasium's, of precision
        space = (
            gym.spaces.Discrete(4, start=start) if kind is None else gym.spaces.Box(kind(low), kind(high), (3,), kind)
        )
    network, rng = (
        Network(Policy(action=action, activation="relu", hidden=[9, 6]), BOX, space),
        np.random.default_rng(0),
    )
    theta = torch.stack([network.theta0(rng) * scale for scale in (1, 10)])
    seen, layers = rng.normal(size=(2, 50, 4)) * 3, network.layers(theta)
    batched = network.actions(network.outputs(layers, torch.from_numpy(seen)).numpy().reshape(100, -1))
    actors = [network.actor(weights) for weights in network.laid_out(theta)]
    single = [np.copy(act(obs)) for act, mine in zip(actors, seen, strict=True) for obs in mine]
    assert np.stack(single).tolist() == batched.tolist()
    assert kind is None or all(a.dtype == space.dtype for a in single)
    assert len(np.unique(batched)) > 2
    with pytest.raises(TrialFailure, match="NaN"):
        network.actor(np.full(network.D, np.nan, np.float32))(seen[0, 0])
