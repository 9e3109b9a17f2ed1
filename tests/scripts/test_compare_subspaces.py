"""What a learned subspace saves in d, and what is not known of it."""

import re

import compare_subspaces
import pytest
from factories import compared

from rl_intdim.records.sweep import read

LEARNED = ("subspace.projection=trajectory", "subspace.direct_steps=1000")


@pytest.mark.parametrize(
    ("random", "learned", "said"),
    [
        (16, 4, r"\d+ \[\d+, \d+\]"),
        (99, 4, r"- \[\d+, \?\]"),  # random subspaces never solve
        (4, 99, r"- \[\?, -?\d+\]"),
    ],
)
def test_what_is_saved_is_the_difference_of_d_int_as_far_as_it_is_known(tmp_path, random, learned, said):
    base, s = (
        read(compared(tmp_path / name, rise, *words, seeds=20))
        for name, rise, words in (("random", random, ()), ("learned", learned, LEARNED))
    )
    text = compare_subspaces.saved(s, base)
    assert re.fullmatch(said, text), text
    if text[0] != "-":
        median, low, high = map(int, re.findall(r"\d+", text))
        assert low < median < high
        assert abs(median - (base.answer.d_int - s.answer.d_int)) <= 1  # medians of posteriors, in whole numbers
    assert [row["saved"] for row in compare_subspaces.answers([base, s]).to_dict("records")] == ["", text]


def test_a_sweep_is_compared_with_the_drawn_one_that_shares_most_trials(tmp_path):
    fewer, base, s = (
        read(compared(tmp_path / name, 4, *words, seeds=seeds))
        for name, seeds, words in (("fewer", 2, ()), ("random", 4, ()), ("learned", 5, LEARNED))
    )
    assert compare_subspaces.drawn(s, [fewer, base, s]) is base
