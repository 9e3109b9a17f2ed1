"""The paper's toy problem, whose intrinsic dimension is known: 10."""

import pytest
from toy_problem import least_loss, trained_loss

from rl_intdim.subspace.projections import PROJECTIONS


@pytest.mark.parametrize("seed", [0, 1, 2])
@pytest.mark.parametrize("projection", PROJECTIONS)
def test_nine_dimensions_fail_and_ten_succeed(projection, seed):
    assert least_loss(9, projection, seed) > 1e-5  # by luck of the draw, seldom large: one equation too many
    assert least_loss(10, projection, seed) < 1e-16


@pytest.mark.parametrize("projection", PROJECTIONS)
def test_an_optimiser_gets_there_too(projection):
    assert trained_loss(12, projection) < 1e-6
    assert trained_loss(9, projection) > 1e-3
