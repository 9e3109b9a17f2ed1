"""Chances that were counted: the d_int that each task is said to have is that of its table."""

import pytest
import replay_counts


@pytest.mark.parametrize("name", replay_counts.TASKS)
def test_the_chance_first_reaches_half_at_d_int(name):
    task = replay_counts.TASKS[name]
    assert [task.chance(d) >= 0.5 for d in range(1, int(task.place) + 1)] == [False] * (int(task.place) - 1) + [True]


def test_shares_are_of_all_sweeps():
    said = replay_counts.replay(replay_counts.TASKS["CartPole by CMA-ES"], 2)
    assert said["covers"] in (0, 0.5, 1)
    assert said["found and wrong, not flagged"] <= 1 - said["covers"]
    assert said["trials"] >= 6
