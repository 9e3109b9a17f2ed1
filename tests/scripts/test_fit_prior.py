"""A prior fitted to records: the flat one is the search's own, and trials move it where they point."""

import fit_prior
import numpy as np
import pytest

from rl_intdim.search import posterior


def test_the_flat_prior_is_that_of_the_search(monkeypatch):
    tested = {4: (10, 2), 8: (10, 9)}
    own = posterior.Posterior(64)
    monkeypatch.setattr(posterior, "SHAPES", fit_prior.flat().shapes())
    same = posterior.Posterior(64)
    assert sum(p for p, *_ in posterior.SHAPES) == pytest.approx(1)
    _, expected = own.distribution(own.update(tested))
    assert same.distribution(same.update(tested))[1] == pytest.approx(expected)


def test_the_evidence_of_a_shape_by_hand():
    """Three trials at d = 4, one of which solved: averaged over the places of the curves of one shape."""
    seen = fit_prior.evidence({0: (6, 0), 4: (3, 1)}, 64)
    model = posterior.Posterior(64)
    p = model.chance(4)
    by_hand = np.bincount(model.shape, p * (1 - p) ** 2)
    together = np.concatenate([group.ravel() for group in seen])
    assert together / together.sum() == pytest.approx(by_hand / by_hand.sum())
    assert [group.shape for group in seen] == [tuple(map(len, values)) for _, *values in posterior.SHAPES]


def test_records_of_sharp_rises_make_narrow_widths_likely():
    sharp = fit_prior.evidence({4: (40, 0), 8: (40, 40), 64: (40, 40), 4096: (40, 40)}, 4096)
    fitted, flat = fit_prior.fit([sharp] * 10), fit_prior.flat()
    widths, levels = fitted.axes[0][:2]
    assert widths[:2].sum() > 0.7
    assert 0.01 < widths[-1] < flat.axes[0][0][-1]  # held to the flat one, so never 0
    assert levels.argmax() == 0
    assert fitted.groups[0] > flat.groups[0]
    assert fitted.groups.sum() == pytest.approx(1)
    assert fit_prior.log_evidence(fitted, sharp) > fit_prior.log_evidence(flat, sharp)
