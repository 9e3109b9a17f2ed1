"""The subspace and its optimiser."""

import numpy as np
import pytest
import torch

from rl_intdim.projections import Identity
from rl_intdim.subspace import Subspace, SubspaceOptimizer


def linear(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3)


def flat(module):
    return torch.nn.utils.parameters_to_vector(module.parameters()).detach()


def loss_of(module):
    return (module(torch.ones(2, 4)) - 1).square().sum() + module.weight.square().sum()


def test_direct_steps_as_plain_adam():
    mine, plain = linear(), linear()
    optimizer = SubspaceOptimizer(Subspace(flat(mine), Identity(15)), mine.parameters(), [], lr=0.01, scale=1.0)
    adam = torch.optim.Adam(plain.parameters(), lr=0.01)
    for module, stepper in ((mine, optimizer), (plain, adam)):
        for _ in range(20):
            stepper.zero_grad()
            loss_of(module).backward()
            stepper.step()
    assert torch.allclose(flat(mine), flat(plain), atol=1e-5)


def test_stays_in_the_subspace_to_the_bit_and_learns():
    module = linear()
    subspace = Subspace.draw(flat(module), 3, "dense", np.random.default_rng(0))
    optimizer = SubspaceOptimizer(subspace, module.parameters(), [], lr=0.01, scale=1.0)
    before = loss_of(module).item()
    for _ in range(50):
        optimizer.zero_grad()
        loss_of(module).backward()
        optimizer.step()
        assert torch.equal(flat(module), subspace.theta(optimizer.theta_d.detach()))
    assert loss_of(module).item() < before
    assert optimizer.theta_d.abs().min() > 0


def test_the_learning_rate_is_read_at_every_step_and_scaled():
    """SB3 writes its schedule into the groups: lr 0 must stop the actor and the free parameters."""
    module, free = linear(), torch.nn.Parameter(torch.ones(2))
    subspace = Subspace.draw(flat(module), 3, "dense", np.random.default_rng(0))
    optimizer = SubspaceOptimizer(subspace, module.parameters(), [free], lr=0.01, scale=7.0)
    (loss_of(module) + free.square().sum()).backward()
    optimizer.step()
    assert optimizer.theta_d.detach().abs().tolist() == pytest.approx([0.07] * 3, rel=1e-3)  # Adam's first step
    assert free.tolist() == pytest.approx([0.99] * 2, rel=1e-3)
    at = optimizer.theta_d.detach().clone()
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    optimizer.step()
    assert torch.equal(optimizer.theta_d.detach(), at)
    assert free.tolist() == pytest.approx([0.99] * 2, rel=1e-3)


def test_step_scale_moves_a_parameter_as_much_at_every_d():
    for d in (1, 10, 100):
        subspace = Subspace.draw(torch.zeros(2000), d, "dense", np.random.default_rng(0))
        moved = subspace.theta(torch.full((d,), subspace.step_scale))
        assert moved.square().mean().sqrt().item() == pytest.approx(1.0, rel=0.25)
