"""The figures that two libraries draw: worked out once, so what one shows the other shows too."""

import numpy as np
import pytest
from factories import compared, record

from rl_intdim.analysis import interactive, sweep_plots
from rl_intdim.analysis.ladder import ladder
from rl_intdim.analysis.log_axis import ZERO
from rl_intdim.analysis.sweep_figure import figure, spaced_ticks
from rl_intdim.config import cli
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.summary import summarise
from rl_intdim.records.sweep import read


def data(rises=8, ds=(0, 1, 2, 4, 8, 16, 562)):
    config = cli.load("sweep", ["search.ds=[1]"])
    trials = [record(d, 10 * i + j, solved=d >= rises) for i, d in enumerate(ds) for j in range(4)]
    trials += [record("direct", 500_000 + j, solved=j < 2) for j in range(3)]
    return figure(summarise(config, 562, 562, trials, Provenance()), trials)


def test_every_trial_and_every_d_has_its_place():
    found = data()
    assert len(found.points) == 7 * 4 + 3
    assert [(f.d, f.seeds, f.solved) for f in found.fractions if f.d in (4, 8, "direct")] == [
        (4, 4, 0), (8, 4, 4), ("direct", 3, 2)]  # fmt: skip
    for p in found.points:
        (x,) = [f.x for f in found.fractions if f.d == p.trial.d]
        assert abs(np.log2(p.x / x)) < 0.1
    assert found.fractions[0].x == ZERO
    assert [name for _, name in found.ticks] == ["0", "1", "2", "4", "8", "16", "562", "direct"]
    assert found.left < min(p.x for p in found.points)
    assert found.right > max(p.x for p in found.points) > 2 * 562 / 2**0.1
    assert found.span.low < 8 <= found.span.high
    assert [part.name for part in found.parts] == ["quarter", "half", "all"]
    assert found.band.shape == (80, 4)


def test_both_libraries_put_direct_and_all_else_at_the_same_place():
    found = data()
    axis = sweep_plots.draw(found).axes[2]
    page = interactive.sweep(found, ["command"] * len(found.points))
    assert tuple(axis.get_xticks()) == pytest.approx(page.layout.xaxis.tickvals)
    assert [text.get_text() for text in axis.get_xticklabels()] == list(page.layout.xaxis.ticktext)
    assert np.log10(axis.get_xlim()) == pytest.approx(page.layout.xaxis.range)
    assert axis.get_xticks()[-1] == found.fractions[-1].x  # direct
    scores = sweep_plots.draw(found).axes[0]
    drawn = sorted(tuple(xy) for points in scores.collections for xy in points.get_offsets())
    traces = [t for t in page.data if t.customdata is not None and t.yaxis == "y2"]
    shown = sorted((x, y) for t in traces for x, y in zip(t.x, t.y, strict=True))
    assert np.array(drawn) == pytest.approx(np.array(shown))


def test_where_theta0_alone_solves_there_is_no_span():
    found = data(rises=0, ds=[0] * 8)
    assert (found.record.status, found.span, found.parts, found.band) == ("below_1", None, [None] * 3, None)
    assert sweep_plots.draw(found)
    assert interactive.sweep(found, ["command"] * len(found.points))


def test_the_ladder_has_the_easiest_first_and_those_without_an_answer_last():
    sweeps = [read(compared(name, rise)) for name, rise in (("never", 99), ("hard", 16), ("easy", 4))]
    rungs = ladder(sweeps, ["never", "hard", "easy"])
    assert [r.label for r in rungs] == ["easy", "hard", "never"]
    assert rungs[0].low <= rungs[0].place == sweeps[2].answer.d_int <= rungs[0].high
    assert (rungs[2].bounded, rungs[2].place, rungs[2].high) == (False, 32, 32)


def test_ticks_are_spaced_and_the_largest_is_there():
    assert spaced_ticks([1, 2, 4]) == [1, 2, 4]
    assert spaced_ticks(range(1, 1001))[-1] == 1000
    assert len(spaced_ticks(range(1, 1001))) < 20


def test_an_interval_without_an_end_is_drawn_without_one():
    def arrows(found):
        return sum(line.get_marker() == ">" for line in sweep_plots.draw(found).axes[2].lines)

    assert arrows(data()) == 0
    nothing = data(rises=999)
    assert nothing.record.ci95[1] is None
    assert arrows(nothing) == 3
