"""The sweep from Python."""

import pytest
from matplotlib.figure import Figure
from rich.console import Console

import rl_intdim
from rl_intdim.errors import ConfigError

WORDS = ["env.budget=2000", "search.ds=[1,4]", "search.seeds=2", "search.direct=1"]


def test_a_sweep_in_a_notebook():
    result = rl_intdim.intrinsic_dimension(*WORDS, env="CartPole", agent="cma", workers=0)
    assert result.status in ("found", "undecided", "above_max")
    assert result.ci95 == tuple(result.summary["ci95"])
    assert len(result.trials) == 5
    assert set(result.trials.d) == {1, 4, "direct"}
    figure = result.plot()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 3
    assert "CartPole by cma: d_int" in repr(result)
    assert "Intrinsic dimension of CartPole" in result._repr_html_()
    console = Console(record=True, width=90)
    console.print(result)
    assert "95 % interval" in console.export_text()
    again = rl_intdim.intrinsic_dimension(*WORDS, workers=0)  # resumed: nothing is run anew
    assert again.trials.equals(result.trials)


def test_a_mistake_is_an_exception():
    with pytest.raises(ConfigError, match="Did you mean CartPole"):
        rl_intdim.intrinsic_dimension(env="CartPol")
    with pytest.raises(AttributeError, match="intrinsic_dimensions"):
        rl_intdim.intrinsic_dimensions  # noqa: B018
