"""Checks of a projection: for the tests of your own, and before anything is measured with it. The shipped ones pass.

from rl_intdim.subspace.testing import check_projection

def test_blocks():
    check_projection(Blocks, exact=True)
"""

from math import sqrt

import numpy as np
import torch

from rl_intdim.errors import ConfigError, one_line
from rl_intdim.subspace.projections import Projection, find

SHAPES = ((1, 1), (2, 1), (2, 2), (64, 64), (65, 64), (300, 7), (1000, 1))
DRAWS = 150  # of which the mean squared norm of a column is taken
SLACK = 1.35  # of the memory stated: a sparse matrix draws how many entries it has


def check_projection(cls: type[Projection], exact: bool = False) -> None:
    """Check a type of projection by its properties; takes about a second. `exact`: columns have unit norm in every
    draw, not only in the mean of many. Raises AssertionError, which says what is wrong."""
    for D, d in SHAPES:
        check_products(cls, D, d)
    check_norms(cls, exact)
    check_rank(cls)
    check_seed(cls)
    check_nested(cls)
    check_memory(cls)


def check_own(name: str) -> None:
    """Check the projection of this import path before anything is measured with it: that its products fit its d, that
    it has d independent columns of unit norm, and that the generator alone decides it. The shipped ones are tested.
    Raises ConfigError."""
    if "." not in name:
        return
    cls = find(name)
    try:
        for D, d in ((2, 2), (300, 7)):
            check_products(cls, D, d)
        check_norms(cls, exact=False)
        check_rank(cls)
        check_seed(cls)
    except Exception as error:  # a class of the user's own may raise anything
        raise ConfigError(f"subspace.projection={name}: {one_line(error)}") from None


def matrix(cls: type[Projection], D: int, d: int, seed: int = 0) -> torch.Tensor:
    """The P of a seed, (D, d)."""
    return cls(D, d, np.random.default_rng(seed)).apply(torch.eye(d)).T


def check_products(cls: type[Projection], D: int, d: int, seed: int = 0) -> None:
    """Check that `apply` is linear, on batches too, and `adjoint` its transpose, in float32 and float64."""
    rng = np.random.default_rng(seed)
    x, y = torch.from_numpy(rng.standard_normal((2, d)))
    g = torch.from_numpy(rng.standard_normal(D))
    for dtype, near in ((torch.float32, 1e-4), (torch.float64, 1e-6)):
        P = cls(D, d, np.random.default_rng(seed)).to("cpu", dtype)
        x, y, g = x.to(dtype), y.to(dtype), g.to(dtype)
        _hold(P.d == d, f"d is {P.d}", D, d)
        _hold(P.apply(x).shape == (D,), f"apply gave {tuple(P.apply(x).shape)}", D, d)
        _hold(P.adjoint(g).shape == (d,), f"adjoint gave {tuple(P.adjoint(g).shape)}", D, d)
        _hold(P.apply(x).dtype == P.adjoint(g).dtype == dtype, f"products are not of {dtype}", D, d)
        _near(P.apply(2 * x - y), 2 * P.apply(x) - P.apply(y), near, "apply is not linear", D, d)
        both = torch.stack([x, y])
        _near(P.apply(both), torch.stack([P.apply(x), P.apply(y)]), near, "apply differs on a batch", D, d)
        _near(P.apply(x) @ g, x @ P.adjoint(g), near * sqrt(D), "<P x, g> is not <x, P^T g>", D, d)
    transposed = torch.stack([P.adjoint(row) for row in torch.eye(D, dtype=torch.float64)[:: 1 + D // 100]])
    P_D = P.apply(torch.eye(d, dtype=torch.float64)).T[:: 1 + D // 100]
    _near(P_D, transposed, near, "adjoint is not the transpose of apply", D, d)


def check_norms(cls: type[Projection], exact: bool) -> None:
    """Check that columns have unit norm, in every draw if `exact`, and otherwise in the mean of DRAWS."""
    D, d = 300, 7
    # A draw's columns may vary as one, so the draws are what is independent.
    squares = torch.stack([matrix(cls, D, d, seed).square().sum(0) for seed in range(DRAWS)])
    near = 1e-5 if exact else 5 * squares.mean(1).std().item() / sqrt(DRAWS) + 1e-5
    off = (squares - 1).abs().max() if exact else (squares.mean() - 1).abs()
    _hold(off.item() <= near, f"a column's squared norm is off 1 by {off.item():.3g}", D, d)


def check_rank(cls: type[Projection]) -> None:
    """Check that the columns are independent: d of them otherwise span fewer than d dimensions."""
    D, d = 300, 7
    rank = int(torch.linalg.matrix_rank(matrix(cls, D, d)))
    _hold(rank == d, f"its columns span {rank} dimensions", D, d)


def check_seed(cls: type[Projection]) -> None:
    """Check that the generator that P is given alone decides it: no global one, and no number of threads."""
    D, d = 50, 7
    first, threads = matrix(cls, D, d, 1), torch.get_num_threads()
    states = np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    try:
        torch.set_num_threads(2)
        torch.manual_seed(5)
        np.random.seed(5)  # noqa: NPY002
        again = matrix(cls, D, d, 1)
    finally:
        torch.set_num_threads(threads)
        np.random.set_state(states[0])  # noqa: NPY002
        torch.set_rng_state(states[1])
    _hold(torch.equal(again, first), "the same seed gave another P", D, d)
    _hold(not torch.equal(matrix(cls, D, d, 2), first), "another seed gave the same P", D, d)


def check_nested(cls: type[Projection]) -> None:
    """Check what `nested` says of the first columns at a larger d."""
    wide, narrow = (matrix(cls, 400, d) for d in (9, 4))
    is_so = torch.equal(wide[:, :4], narrow)
    words = f"the first columns at a smaller d are {'' if is_so else 'not '}equal"
    _hold(is_so == cls.nested, f"nested is {cls.nested}, and {words}", 400, 9)


def check_memory(cls: type[Projection]) -> None:
    """Check that P's tensors take no more than `memory` says, which decides whether a P is drawn at all."""
    D, d = 20_000, 100
    P = cls(D, d, np.random.default_rng(0))
    used, stated = sum(_bytes(t) for t in vars(P).values() if isinstance(t, torch.Tensor)), cls.memory(D, d)
    _hold(used <= SLACK * stated, f"memory is {stated:,} bytes, and its tensors take {used:,}", D, d)


def _bytes(t: torch.Tensor) -> int:
    parts = [t.crow_indices(), t.col_indices(), t.values()] if t.layout == torch.sparse_csr else [t]
    return sum(part.numel() * part.element_size() for part in parts)


def _near(a: torch.Tensor, b: torch.Tensor, near: float, what: str, D: int, d: int) -> None:
    _hold(torch.allclose(a, b, rtol=near, atol=near), f"{what}: off by {(a - b).abs().max().item():.3g}", D, d)


def _hold(ok: bool, what: str, D: int, d: int) -> None:
    if not ok:
        raise AssertionError(f"at D = {D:,}, d = {d:,}: {what}.")
