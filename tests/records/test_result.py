"""Figures of a result as text."""

from dataclasses import replace
from io import StringIO

import pytest
from factories import compared
from rich.console import Console

from rl_intdim.analysis.tables import table
from rl_intdim.records.result import points
from rl_intdim.records.sweep import read


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0.0"), (17.87, "17.9"), (-110.0, "-110.0"), (5.046, "5.05"), (0.66, "0.660"), (-0.0954, "-0.0954")],
)
def test_a_score_has_enough_digits_to_be_held_against_its_threshold(value, text):
    assert points(value) == text


def test_brackets_in_a_source_or_a_note_are_text():
    sweep = read(compared("run", 4))
    record = replace(sweep.record, threshold_source="see [/docs/x]", warnings=["from [runs/threshold]"])
    console = Console(width=200, file=StringIO())
    console.print(table(record))
    said = console.file.getvalue()
    assert "see [/docs/x]" in said
    assert "from [runs/threshold]" in said
