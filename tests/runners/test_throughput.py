"""The time that a sweep will take, from the pace of one trial."""

import pytest

from rl_intdim.config import cli
from rl_intdim.runners.throughput import hours, pace


class Paced:
    """A runner on which training makes 1,000 env steps a second, and scoring 5,000 in episodes of 100."""

    slots = 2

    def call(self, function, *args):
        return 1000.0 if function is pace else (5000.0, 100.0)


@pytest.mark.parametrize("words", [[], ["search.ds=[2,4]"]])
def test_no_sweep_is_expected_to_take_longer_than_the_longest(words):
    config = cli.load("sweep", words)
    _, (whole, likely, none, longest) = hours(config, Paced(), 562, 562)
    assert 0 < whole < likely <= longest
    assert whole < none <= longest
