"""The subspace and its optimiser, on modules that have nothing to do with reinforcement learning."""

import copy

import numpy as np
import pytest
import torch

from rl_intdim.config.schema import DIRECT
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.projections import PROJECTIONS
from rl_intdim.subspace.subspace import Subspace, flat


def linear(seed=0):
    torch.manual_seed(seed)
    return torch.nn.Linear(4, 3)


def loss_of(module):
    return (module(torch.ones(2, 4)) - 1).square().sum() + module.weight.square().sum()


def train(module, optimizer, steps=20):
    for _ in range(steps):
        optimizer.zero_grad()
        loss_of(module).backward()
        optimizer.step()


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.SGD, torch.optim.AdamW])
def test_direct_steps_as_the_plain_optimiser(kind):
    mine, plain = linear(), linear()
    train(mine, SubspaceOptimizer(Subspace(mine, DIRECT), kind, lr=0.01, weight_decay=0.0))
    train(plain, kind(plain.parameters(), lr=0.01, weight_decay=0.0))
    assert torch.allclose(flat(mine.parameters()), flat(plain.parameters()), atol=1e-5)


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_stays_in_the_subspace_to_the_bit_and_learns(projection):
    module = linear()
    subspace = Subspace(module, d=5, projection=projection, seed=1)
    optimizer = SubspaceOptimizer(subspace, lr=0.01)
    before, storage = loss_of(module).item(), module.weight.data_ptr()
    for _ in range(50):
        train(module, optimizer, 1)
        assert torch.equal(flat(module.parameters()), subspace.theta(optimizer.theta_d))
    assert loss_of(module).item() < before
    assert module.weight.data_ptr() == storage  # written in place


def test_the_learning_rate_is_read_at_every_step_and_scaled():
    """SB3 writes its schedule into the groups: lr 0 must stop the actor and the free parameters."""
    module, free = linear(), torch.nn.Parameter(torch.ones(2))
    optimizer = SubspaceOptimizer(Subspace(module, 3, "dense"), free=[free], scale=7.0, lr=0.01)
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


def test_schedules_and_settings_of_a_group_reach_the_inner_optimiser():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 3, "dense"), torch.optim.SGD, lr=1.0, momentum=0.0)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, 1, gamma=0.5)
    moved = []
    for _ in range(3):
        before = optimizer.theta_d.detach().clone()
        optimizer.zero_grad()
        flat(module.parameters()).sum().backward()  # a constant gradient
        optimizer.step()
        schedule.step()
        moved.append((optimizer.theta_d.detach() - before).norm().item())
    assert moved == pytest.approx([moved[0], moved[0] / 2, moved[0] / 4], rel=1e-4)
    optimizer.param_groups[0]["momentum"] = 0.9
    optimizer.step()
    assert optimizer.inner.param_groups[0]["momentum"] == 0.9


class Counting(torch.optim.SGD):
    """Counts its steps in its groups, as schedule-free optimisers do."""

    def step(self, closure=None):
        for group in self.param_groups:
            group["k"] = group.get("k", 0) + 1
        return super().step(closure)


def test_what_the_inner_optimiser_keeps_in_its_groups_stays():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 3, "dense"), Counting, lr=1.0)
    for _ in range(5):
        loss_of(module).backward()
        optimizer.step()
    assert [group["k"] for group in optimizer.inner.param_groups] == [5]


def test_clipping_works_on_the_full_gradient():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 3, "dense"), torch.optim.SGD, lr=1.0)
    (1000 * loss_of(module)).backward()
    torch.nn.utils.clip_grad_norm_(module.parameters(), 0.5)
    optimizer.step()
    assert 0 < optimizer.theta_d.norm().item() <= 0.5 * 1.6  # the norm of P: 3 unit columns in 15 dimensions


def test_a_saved_state_goes_on_to_the_bit():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 3, "sparse", seed=4), lr=0.05)
    origin = linear()
    train(module, optimizer, 5)
    saved = copy.deepcopy(optimizer.state_dict())
    train(module, optimizer, 5)
    resumed = SubspaceOptimizer(Subspace(origin, 3, "sparse", seed=4), lr=0.3)
    resumed.load_state_dict(saved)
    train(origin, resumed, 5)
    assert torch.equal(flat(origin.parameters()), flat(module.parameters()))
    assert torch.equal(resumed.theta_d, optimizer.theta_d)


def test_a_state_is_restored_with_its_theta0_and_refused_by_another_subspace():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 3, "dense", seed=4), lr=0.05)
    train(module, optimizer, 5)
    saved, trained = copy.deepcopy((optimizer.state_dict(), module.state_dict()))
    fresh = linear()
    fresh.load_state_dict(trained)  # so theta0 is taken from trained weights
    SubspaceOptimizer(Subspace(fresh, 3, "dense", seed=4), lr=0.05).load_state_dict(saved)
    assert torch.equal(flat(fresh.parameters()), flat(module.parameters()))
    for other in (Subspace(linear(), 3, "dense", seed=5), Subspace(linear(), 1, "dense", seed=4)):
        with pytest.raises(ValueError, match="the state is of another subspace"):
            SubspaceOptimizer(other, lr=0.05).load_state_dict(saved)
    older = {key: value for key, value in saved.items() if key not in ("theta0", "P")}
    again = linear()
    SubspaceOptimizer(Subspace(again, 3, "dense", seed=4), lr=0.05).load_state_dict(older)
    assert torch.equal(flat(again.parameters()), flat(module.parameters()))


@pytest.mark.parametrize("d", [2.7, True, "dirct", 3])
def test_a_d_that_is_not_valid_is_refused(d):
    with pytest.raises(ConfigError, match="d="):
        Subspace(linear(), d, Subspace(linear(), 7, "dense").projection)


def test_parameters_are_not_added_afterwards():
    optimizer = SubspaceOptimizer(Subspace(linear(), 3, "dense"), lr=0.05)
    with pytest.raises(ValueError, match="cannot be added to a subspace"):
        optimizer.add_param_group({"params": [torch.nn.Parameter(torch.zeros(2))]})


def test_frozen_parameters_stay_where_they_are():
    module = linear()
    module.bias.requires_grad_(False)
    frozen = module.bias.clone()
    subspace = Subspace(module, 2, "dense")
    train(module, SubspaceOptimizer(subspace, lr=0.05), 5)
    assert module.weight.numel() == subspace.D
    assert torch.equal(module.bias, frozen)
    with pytest.raises(ValueError, match="no parameter to train"):
        Subspace([module.bias], 1)


def test_lbfgs_calls_its_closure_in_the_subspace():
    module = linear()
    subspace = Subspace(module, 6, "dense")
    optimizer = SubspaceOptimizer(subspace, torch.optim.LBFGS, lr=1.0, max_iter=50)
    before = loss_of(module).item()

    def closure():
        optimizer.zero_grad()
        loss = loss_of(module)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert loss_of(module).item() < before
    loss_of(module).backward()
    g_d = subspace.projection.adjoint(optimizer.theta_d.new_zeros(15) + flat(p.grad for p in module.parameters()))
    assert g_d.norm() < 1  # near the least loss of the subspace
    assert torch.equal(flat(module.parameters()), subspace.theta(optimizer.theta_d))


def test_parameters_that_are_not_contiguous():
    module = linear()
    module.weight = torch.nn.Parameter(torch.randn(4, 3).T)
    assert not module.weight.is_contiguous()
    subspace = Subspace(module, 5, "dense")
    train(module, SubspaceOptimizer(subspace, lr=0.01))
    assert not module.weight.is_contiguous()
    assert not torch.equal(flat(module.parameters()), subspace.theta0)


def test_a_parameter_without_a_gradient_counts_as_zero():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 5, "dense"), lr=0.01)
    module.weight.sum().backward()
    optimizer.step()
    assert optimizer.theta_d.abs().sum() > 0


def test_a_step_that_is_not_finite_is_said():
    module = linear()
    optimizer = SubspaceOptimizer(Subspace(module, 2), torch.optim.SGD, lr=1.0)
    for parameter in module.parameters():
        parameter.grad = torch.full_like(parameter, torch.nan)
    optimizer.step()
    with pytest.raises(TrialFailure, match="theta_d is not finite"):
        optimizer.step()


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_a_seed_sequence_gives_the_same_P_each_time(projection):
    seed = np.random.SeedSequence(3)
    first, again = (Subspace(torch.zeros(50), 4, projection, seed).theta(torch.ones(4)) for _ in range(2))
    assert torch.equal(first, again)


def test_d_above_D():
    with pytest.raises(ConfigError, match="from 0 to D = 15"):
        Subspace(linear(), d=16)


def test_step_scale_moves_a_parameter_as_much_at_every_d():
    for d in (1, 10, 100):
        subspace = Subspace(torch.zeros(2000), d, "dense")
        moved = subspace.theta(torch.full((d,), subspace.step_scale))
        assert moved.square().mean().sqrt().item() == pytest.approx(1.0, rel=0.25)
