"""Check that an SB3 actor computes the task's policy, before training and after: both must act alike on random
observations.

The number of parameters can agree while their order or an activation does not; then the scored policy would not be
the trained one.
"""

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from stable_baselines3.common.base_class import BaseAlgorithm

from rl_intdim.config.schema import GradientAgent
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.subspace import flat
from rl_intdim.tasks.network import Network
from rl_intdim.training.sb3.subspace_actor import SubspaceActor

BATCH = 64  # observations
FAR, LARGE = 5.0, "large outputs"
CLOSE = 1e-3  # relative tolerance of outputs: float32 sums differ with their order and the device
MOST = 0.9  # of the observations, after training: large outputs, of a sum with large terms, may be less close


@torch.no_grad()
def check_agreement(model: BaseAlgorithm, actor: SubspaceActor, agent: GradientAgent, network: Network) -> None:
    """Raise ConfigError unless the algorithm's deterministic actions are the network's, at theta0, at a random theta,
    and where outputs are large, since an actor may cut them off. The actor is left at theta0."""
    rng = np.random.default_rng(0)
    theta0 = flat(actor.actor).detach().clone()
    random = torch.from_numpy(rng.normal(0, 0.3, theta0.numel())).to(theta0)
    far = theta0.clone()
    far[-network.sizes[-1] :] = FAR  # the last bias
    for name, theta in (("theta0", theta0), ("a random theta", random), (LARGE, far)):
        _write(actor, theta)
        agree = _agreeing(model, actor, network, rng)
        _write(actor, theta0)
        if not agree.all():
            clipped = name == LARGE and hasattr(getattr(model.policy, "actor", None), "clip_mean") and model.use_sde
            raise ConfigError(
                f"agent.actor={agent.actor}: at {name} the actor of {agent.algorithm} takes the action of the task's "
                f"policy on {agree.mean():.0%} of {BATCH} observations; valid: the modules of the policy in the "
                "order from input to output, with env.policy.activation between them."
                + " With use_sde SB3 cuts outputs off; agent.policy_kwargs.clip_mean=0 ends that."
                * clipped
            )


@torch.no_grad()
def check_trained(model: BaseAlgorithm, actor: SubspaceActor, agent: GradientAgent, network: Network) -> None:
    """Raise TrialFailure if the trained algorithm no longer acts as the network does, such as one with running
    statistics of its own. Hidden layers in bfloat16 are not compared."""
    if agent.precision != "float32":
        return
    agree = _agreeing(model, actor, network, np.random.default_rng(0))
    if agree.mean() < MOST:
        raise TrialFailure(
            f"{agent.algorithm} was trained as another policy than is scored: it takes the same action on "
            f"{agree.mean():.0%} of {BATCH} observations, and before training it did on all. Does it keep statistics?"
        )


def _agreeing(model: BaseAlgorithm, actor: SubspaceActor, network: Network, rng: np.random.Generator) -> np.ndarray:
    """On which random observations the algorithm takes the network's action now, (BATCH,) bool."""
    obs, theta = observations(model.observation_space, rng), flat(actor.actor).detach()
    theirs = model.predict(obs, deterministic=True)[0]
    outputs = network.outputs(network.layers(theta[None]), _seen(obs, network, theta)[None])[0].cpu().numpy()
    return _agree(theirs, outputs, model, network)


def observations(space: Any, rng: np.random.Generator) -> np.ndarray:
    """Random observations as the algorithm sees them, (BATCH, ...), within the space's bounds."""
    assert isinstance(space, spaces.Box)
    normal = rng.normal(0, 1, (BATCH, *space.shape))
    inside = np.isfinite(space.low) & np.isfinite(space.high) & (space.high - space.low.astype(float) < 1e6)
    low, high = np.where(inside, space.low, -1.0), np.where(inside, space.high, 1.0)
    drawn = np.where(inside, rng.uniform(low, high, normal.shape), normal)
    if space.dtype.kind in "biu":  # cut off, every one-hot observation would be 0, on which any two networks agree
        drawn = np.rint(drawn)
    return np.clip(drawn, space.low, space.high).astype(space.dtype)


def _write(actor: SubspaceActor, theta: torch.Tensor) -> None:
    start = 0
    for p in actor.actor:
        p.copy_(theta[start : start + p.numel()].view_as(p))
        start += p.numel()


def _seen(obs: np.ndarray, network: Network, theta: torch.Tensor) -> torch.Tensor:
    """The observations in the shape that the network takes: images again, since FlatPictures has flattened them."""
    x = torch.as_tensor(obs, device=theta.device)
    if not network.conv_shapes:
        return x
    channels, height, width = network.picture
    x = x.view(-1, height, width, channels)
    return x if network.channels_last else x.permute(0, 3, 1, 2)


def _agree(theirs: np.ndarray, outputs: np.ndarray, model: BaseAlgorithm, network: Network) -> np.ndarray:
    """Which actions match the outputs, (BATCH,) bool; nearly equal outputs may round either way."""
    if network.discrete:
        taken = np.take_along_axis(outputs, theirs.reshape(-1, 1).astype(int), 1)[:, 0]
        return outputs.max(1) - taken <= CLOSE * (1 + np.abs(outputs).max(1))
    space: Any = model.action_space
    squashed = getattr(model.policy, "squash_output", False)
    theirs = network.within(theirs) if squashed else network.actions(theirs)
    mine = network.actions(outputs)
    wide = np.minimum(1.0, space.high.astype(float) - space.low) if network.spec.action == "clip" else network.span
    step = 0.51 if network.dtype.kind in "iu" else 0.0  # an integer action may round to either neighbour
    gap = np.abs(theirs.astype(float) - mine)
    return (gap <= CLOSE * (wide + np.abs(mine)) + 2 * step).all(1)
