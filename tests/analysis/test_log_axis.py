"""Ticks of the log axis of d."""

from rl_intdim.analysis.log_axis import ZERO, round_ticks


def test_ticks_are_round_and_0_has_one():
    assert round_ticks(400, True, 1, 3) == ([ZERO, 1, 3, 10, 30, 100, 300], ["0", "1", "3", "10", "30", "100", "300"])
    assert round_ticks(1000, False, 1)[1] == ["1", "10", "100", "1,000"]
    assert round_ticks(ZERO, True, 1, 2, 5) == ([ZERO], ["0"])
