"""The words of errors."""

import pytest

from rl_intdim.errors import one_line


@pytest.mark.parametrize(
    ("error", "says", "named"),
    [
        (ValueError("a\n  b"), "a b", "ValueError: a b"),
        (KeyError("x"), "no key 'x'", "KeyError: 'x'"),
        (RuntimeError(), "RuntimeError", "RuntimeError"),
        (ValueError("x" * 300), "x" * 200, "ValueError: " + "x" * 200),
    ],
)
def test_one_line(error, says, named):
    assert one_line(error) == says
    assert one_line(error, named=True) == named
