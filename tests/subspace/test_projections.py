"""Projections by their properties, for every type in the registry."""

import re
import sys
from math import sqrt
from types import ModuleType

import numpy as np
import psutil
import pytest
import torch
from blocks import Blocks
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_intdim.config import schema
from rl_intdim.errors import ConfigError
from rl_intdim.subspace import projections, testing
from rl_intdim.subspace.projections import PROJECTIONS, check_memory, find, resolve
from rl_intdim.subspace.projections.fastfood import hadamard
from rl_intdim.subspace.testing import check_own

shapes = st.integers(1, 60).flatmap(lambda D: st.tuples(st.just(D), st.integers(1, D)))
seeds = st.integers(0, 2**31 - 1)
EXACT = ["dense", "countsketch"]  # unit columns exactly; the others in expectation


def draw(name, D, d, seed=0):
    return PROJECTIONS[name](D, d, np.random.default_rng(seed))


def matrix(projection, d):
    return projection.apply(torch.eye(d)).T  # (D, d)


@pytest.mark.parametrize("name", PROJECTIONS)
class TestEvery:
    def test_the_checks_that_one_of_ones_own_can_be_given(self, name):
        testing.check_projection(PROJECTIONS[name], exact=name in EXACT)

    @given(shapes, seeds)
    @settings(max_examples=40, deadline=None)
    def test_products(self, name, shape, seed):
        testing.check_products(PROJECTIONS[name], *shape, seed)

    def test_columns_point_anywhere(self, name):
        """Different columns are uncorrelated, and so are neighbouring rows."""
        products = []
        for seed in range(300):
            P = matrix(draw(name, 64, 5, seed), 5)
            products.append([P[:, 0] @ P[:, 1], (P[:-1] * P[1:]).sum(), P.sum() / sqrt(5 * 64)])
        mean, std = np.mean(products, 0), np.std(products, 0)
        assert (np.abs(mean) <= 5 * std / sqrt(300) + 1e-6).all()

    def test_draws_are_pinned(self, name):
        """The draws of a seed are part of every published solution; they must never change."""
        P = matrix(draw(name, 562, 9, seed=3), 9)
        entry = P.flatten()[P.flatten().nonzero()[:3, 0]].tolist()
        assert entry == pytest.approx(PINNED[name], rel=1e-6)

    def test_zero_dimensions_move_nothing(self, name):
        P = projections.draw(name, 50, 0, np.random.default_rng(0))
        assert torch.equal(P.apply(torch.zeros(0)), torch.zeros(50))
        assert P.adjoint(torch.ones(50)).shape == (0,)

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
    def test_the_same_on_a_gpu(self, name):
        here, there = draw(name, 500, 20), draw(name, 500, 20).to("cuda", torch.float32)
        x, g = torch.randn(20), torch.randn(500)
        assert torch.allclose(there.apply(x.cuda()).cpu(), here.apply(x), atol=1e-5)
        assert torch.allclose(there.adjoint(g.cuda()).cpu(), here.adjoint(g), atol=1e-4)

    def test_memory_is_known_before(self, name):
        """The bytes of its tensors, within a third (sparse draws its number of non-zeros)."""
        D, d = 20_000, 100
        P = draw(name, D, d)
        used = sum(testing._bytes(t) for t in vars(P).values() if isinstance(t, torch.Tensor))
        assert used == pytest.approx(PROJECTIONS[name].memory(D, d), rel=0.35)


@pytest.mark.parametrize("name", EXACT)
@given(shape=shapes, seed=seeds)
@settings(max_examples=20, deadline=None)
def test_unit_columns_exactly(name, shape, seed):
    D, d = shape
    assert torch.allclose(matrix(draw(name, D, d, seed), d).norm(dim=0), torch.ones(d), atol=1e-5)


@given(shapes, seeds)
@settings(max_examples=40, deadline=None)
def test_countsketch_is_balanced_and_orthonormal(shape, seed):
    D, d = shape
    P = matrix(draw("countsketch", D, d, seed), d)
    assert ((P != 0).sum(1) == 1).all()
    assert set((P != 0).sum(0).tolist()) <= {D // d, -(-D // d)}
    assert torch.allclose(P.T @ P, torch.eye(d), atol=1e-5)


def test_countsketch_rows_share_a_column_as_often_as_a_pairwise_independent_hash():
    """Rows of different blocks: probability 1/d."""
    D, d, n = 40, 8, 2000
    columns = np.array([matrix(draw("countsketch", D, d, s), d).abs().argmax(1).numpy() for s in range(n)])
    for i, j in ((0, 8), (3, 21), (7, 39)):
        assert (columns[:, i] == columns[:, j]).mean() == pytest.approx(1 / d, abs=5 * sqrt(1 / d / n))


def test_sparse_has_the_density_of_the_paper():
    P = matrix(draw("sparse", 10_000, 50), 50)
    assert (P != 0).float().mean().item() == pytest.approx(0.01, rel=0.1)


def test_hadamard_against_its_definition():
    H = torch.ones(1, 1)
    for _ in range(4):
        H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)])
    x = torch.randn(3, 16)
    assert torch.allclose(hadamard(x.clone()), x @ H, atol=1e-5)


def test_what_does_not_fit_is_refused_and_what_fits_is_named(monkeypatch):
    with pytest.raises(ConfigError, match=r"dense.*GiB.*These fit: .*countsketch"):
        check_memory("dense", 10**8, 10**6)
    little = psutil.virtual_memory()._replace(available=100)
    monkeypatch.setattr(projections.psutil, "virtual_memory", lambda: little)
    with pytest.raises(ConfigError, match="None fits"):
        projections.draw("dense", 1000, 10, np.random.default_rng(0))


def test_auto_is_dense_while_that_is_small():
    assert resolve("auto", 562, 562) == "dense"
    assert resolve("auto", 1_005_366, 6000) == "countsketch"
    assert resolve("sparse", 562, 562) == "sparse"


def test_by_import_path_or_not_at_all():
    assert find("rl_intdim.subspace.projections.dense.Dense") is PROJECTIONS["dense"]
    for name, said in (
        ("dens", "dense"),
        ("rl_intdim.subspace.projections.dense.Dens", "Dense"),
        ("nosuch.module", "nosuch"),
    ):
        with pytest.raises(ConfigError, match=said):
            find(name)


def test_one_of_ones_own():
    testing.check_projection(Blocks, exact=True)


class Bent(Blocks):
    def apply(self, theta_d):
        return super().apply(theta_d).abs()


class NotTransposed(Blocks):
    def adjoint(self, g_D):
        return 2 * super().adjoint(g_D)


class Long(Blocks):
    def __init__(self, *args):
        super().__init__(*args)
        self.values *= 1.01


class Narrow(Blocks):
    def __init__(self, D, d, rng):
        super().__init__(D, 1, rng)


class Unseeded(Blocks):
    def __init__(self, D, d, rng):
        super().__init__(D, d, np.random)


class Constant(Blocks):
    def __init__(self, D, d, rng):
        super().__init__(D, d, np.random.default_rng(0))


class SaysNested(Blocks):
    nested = True


class Understated(Blocks):
    @staticmethod
    def memory(D, d):
        return D


class Single(Blocks):
    def apply(self, theta_d):
        return super().apply(theta_d).float()


class Repeated(Blocks):
    """Each column stands there twice."""

    def __init__(self, D, d, rng):
        super().__init__(D, (d + 1) // 2, rng)
        self.d = d

    def apply(self, theta_d):
        d = self.d
        return super().apply(theta_d[..., 0::2] + torch.nn.functional.pad(theta_d[..., 1::2], (0, d % 2)))

    def adjoint(self, g_D):
        half = self.values.new_zeros((self.d + 1) // 2).index_add_(0, self.block, self.values * g_D)
        return half.repeat_interleave(2)[: self.d]


WRONG = {
    Bent: "apply is not linear",
    NotTransposed: "<P x, g> is not",
    Long: "squared norm is off 1 by 0.02",
    Repeated: "its columns span 4 dimensions",
    Unseeded: "the same seed gave another P",
    Constant: "another seed gave the same P",
    SaysNested: "nested is True, and the first columns at a smaller d are not equal",
    Understated: "memory is 20,000 bytes, and its tensors take 240,000",
    Single: "not of torch.float64",
}


@pytest.mark.parametrize("cls", WRONG)
def test_the_checks_find_what_is_wrong(cls):
    with pytest.raises(AssertionError, match=WRONG[cls]):
        testing.check_projection(cls, exact=True)


def test_the_names_that_the_command_line_takes():
    assert ("auto", *PROJECTIONS) == schema.PROJECTIONS


PINNED = {
    "dense": [0.08731582760810852, -0.09249934554100037, 0.04338347539305687],
    "sparse": [0.20538367331027985, -0.20538367331027985, -0.20538367331027985],
    "fastfood": [0.09555285423994064, 0.03744769096374512, -0.039673808962106705],
    "countsketch": [0.1270001232624054, -0.1270001232624054, -0.1270001232624054],
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("Unseeded", "the same seed gave another P"),
        ("Narrow", "d is 1"),
        ("NotTransposed", "<P x, g> is not <x, P^T g>"),
        ("Long", "a column's squared norm is off 1 by 0.02"),
        ("Repeated", "its columns span 4 dimensions"),
    ],
)
def test_one_of_ones_own_is_checked_before_anything_is_measured(monkeypatch, name, said):
    own = ModuleType("own_projections")
    vars(own).update(Unseeded=Unseeded, Narrow=Narrow, NotTransposed=NotTransposed, Long=Long, Repeated=Repeated)
    monkeypatch.setitem(sys.modules, "own_projections", own)
    with pytest.raises(ConfigError, match=f"own_projections.{name}: at D = .*{re.escape(said)}"):
        check_own(f"own_projections.{name}")
    with pytest.raises(ConfigError, match=r"math\.pi: is no projection; valid: a class"):
        check_own("math.pi")
    check_own("blocks.Blocks")
    check_own("dense")
