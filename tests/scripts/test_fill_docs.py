"""Marks in the pages: what is filled, and what is refused. `make check` holds the committed pages to the records."""

import json
import re

import docs_benchmarks
import fill_docs
import pytest
from fill_docs import ROOT, filled

from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import read

FILLERS = {"table": lambda *words: f"| {' '.join(words)} |\n", "answer": lambda: "42"}


def test_a_block_and_a_figure_within_a_sentence_are_filled():
    page = "a\n<!-- fill: table b 'c d' -->\nold\n<!-- /fill -->\nIt is <!-- fill: answer -->7<!-- /fill -->.\n"
    new = filled(page, FILLERS)
    block = "<!-- fill: table b 'c d' -->\n\n| b c d |\n\n<!-- /fill -->"
    assert new == f"a\n{block}\nIt is <!-- fill: answer -->42<!-- /fill -->.\n"
    assert filled(new, FILLERS) == new


@pytest.mark.parametrize(
    ("page", "message"),
    [
        ("<!-- fill: tabel -->\n<!-- /fill -->", "not known. Valid: answer, table"),
        ("<!-- fill: table -->\n", "not closed"),
        ("a <!-- fill: answer -->1 <!-- fill: answer -->1<!-- /fill -->", "not closed"),
        ("a\n<!-- fill: answer -->1<!-- /fill --> b", "first in its line"),
    ],
)
def test_a_mark_that_would_not_do_what_it_says_is_refused(page, message):
    with pytest.raises(ValueError, match=message):
        filled(page, FILLERS)


def test_a_figure_is_read_from_its_record(tmp_path, monkeypatch):
    monkeypatch.setattr(docs_benchmarks, "RESULTS", tmp_path)
    (tmp_path / "figures.json").write_text(json.dumps({"a": {"0.5": 1234}, "b": [0.97245, True]}))
    docs_benchmarks.record.cache_clear()
    assert docs_benchmarks.value("figures.json", "a/0.5") == "1,234"
    assert docs_benchmarks.value("figures.json", "b/0", ".1%") == "97.2 %"
    assert docs_benchmarks.value("figures.json", "b/1") == "yes"


def test_the_readme_is_short_and_defines_d_int_before_any_figure():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 150
    assert text.index("smallest integer d at which a fresh seed") < text.index("<!-- fill:")


TYPED = ("README.md", "docs/index.md", "docs/findings.md", "docs/performance.md")  # pages of measured figures
# What is no measurement: code, links and their targets, what a mark fills, and settings of a benchmark.
NO_MEASUREMENT = (
    r"(?s)```.*?```",
    r"(?m)^    .*$",
    r"(?s)<!-- fill:.*?<!-- /fill -->",
    r"`[^`]*`",
    r"\[[^\]]*\]\([^)]*\)",
)
SETTINGS = {
    "2",
    "95",
    "1/2",
    "3.11",
    "3.13",
    "0.95",
    "100,000",
    "64",
    "4",
    "1",
    "1,005,366",
    "6,000",
    "0",
    "90",
    "1.5",
    "0.25",
    "6000",
    "159,505",
}


@pytest.mark.parametrize("page", TYPED)
def test_no_measured_figure_is_typed(page):
    text = (fill_docs.ROOT / page).read_text(encoding="utf-8")
    for pattern in NO_MEASUREMENT:
        text = re.sub(pattern, "", text)
    figures = re.findall(r"(?<![\w.])\d[\d,./]*\d|(?<![\w.-])\d(?!\w)", text)
    assert set(figures) <= SETTINGS


def test_the_outside_check_is_of_the_records_as_they_are():
    """psignifit.md takes psignifit to make, so the figures that do not are compared."""
    rows = [
        line.split(" | ") for line in (ROOT / "docs/results/psignifit.md").read_text().splitlines() if "[" in line
    ]
    assert len(rows) == 10
    for name, trials, *_, ours in rows:
        answer = read(ROOT / "docs/results" / name.removeprefix("| ")).answer
        said = f"{shown(answer.d_int)} {interval(answer.ci95)}"
        assert (trials, ours.removesuffix(" |")) == (str(answer.trials), said), name
