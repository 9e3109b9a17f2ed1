"""Projections by their properties, for every type in the registry."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rl_intdim.projections import PROJECTIONS

shapes = st.integers(1, 60).flatmap(lambda D: st.tuples(st.just(D), st.integers(1, D)))
seeds = st.integers(0, 2**31 - 1)


def draw(name, D, d, seed=0):
    return PROJECTIONS[name](D, d, np.random.default_rng(seed))


def matrix(projection, d):
    return projection.apply(torch.eye(d)).T  # (D, d)


@pytest.mark.parametrize("name", PROJECTIONS)
class TestEvery:
    @given(shapes, seeds)
    @settings(max_examples=30, deadline=None)
    def test_linear_and_adjoint(self, name, shape, seed):
        D, d = shape
        P, rng = draw(name, D, d, seed), np.random.default_rng(seed)
        x, y = torch.from_numpy(rng.standard_normal((2, d))).float()
        g = torch.from_numpy(rng.standard_normal(D)).float()
        assert torch.allclose(P.apply(2 * x - y), 2 * P.apply(x) - P.apply(y), atol=1e-4)
        assert torch.allclose(P.apply(x) @ g, x @ P.adjoint(g), atol=1e-3)
        assert torch.allclose(P.apply(torch.stack([x, y])), torch.stack([P.apply(x), P.apply(y)]), atol=1e-5)

    @given(shapes, seeds)
    @settings(max_examples=20, deadline=None)
    def test_unit_columns(self, name, shape, seed):
        D, d = shape
        assert torch.allclose(matrix(draw(name, D, d, seed), d).norm(dim=0), torch.ones(d), atol=1e-5)

    def test_the_seed_alone_decides(self, name):
        assert torch.equal(matrix(draw(name, 50, 7, 1), 7), matrix(draw(name, 50, 7, 1), 7))
        assert not torch.equal(matrix(draw(name, 50, 7, 1), 7), matrix(draw(name, 50, 7, 2), 7))

    def test_zero_dimensions_move_nothing(self, name):
        assert torch.equal(draw(name, 50, 0).apply(torch.zeros(0)), torch.zeros(50))


def test_dense_is_nested():
    assert torch.equal(matrix(draw("dense", 50, 9), 9)[:, :4], matrix(draw("dense", 50, 4), 4))


def test_dense_draws_are_pinned():
    """The draws of a seed are part of every published solution; they must never change."""
    first = matrix(draw("dense", 562, 2, seed=3), 2)[:3]
    assert first.flatten().tolist() == pytest.approx(PINNED, abs=0)


PINNED = [
    0.08731582760810852,
    -0.09249934554100037,
    -0.10933800041675568,
    -0.13849571347236633,
    0.017887355759739876,
    -0.04313977435231209,
]
