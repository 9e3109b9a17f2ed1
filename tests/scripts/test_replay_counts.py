"""Chances that were counted: the d_int that each task is said to have is that of its table."""

from types import SimpleNamespace

import pytest
import replay_counts


@pytest.mark.parametrize("name", replay_counts.TASKS)
def test_the_chance_first_reaches_half_at_d_int(name):
    task = replay_counts.TASKS[name]
    assert [task.chance(d) >= 0.5 for d in range(1, int(task.place) + 1)] == [False] * (int(task.place) - 1) + [True]


def test_shares_are_of_all_sweeps(monkeypatch):
    """Four sweeps of a task whose d_int is 4: right; wrong and flagged; wrong and not; undecided, without an end."""
    says = iter([("found", (3, 5)), ("found", (5, 6)), ("found", (5, 6)), ("undecided", (2, None))])
    odd = iter([0.5, 0.001, 0.5, 0.5])

    def answer(*_):
        status, ci95 = next(says)
        return SimpleNamespace(status=status, ci95=ci95, p_falling=0.0, trials=10)

    monkeypatch.setattr(replay_counts, "drive", lambda *_: [])
    monkeypatch.setattr(replay_counts, "answer", answer)
    monkeypatch.setattr(replay_counts, "misfit", lambda *_: next(odd))
    said = replay_counts.replay(replay_counts.TASKS["CartPole by CMA-ES"], 4)
    shares = {"covers": 0.5, "found": 0.75, "found and wrong, not flagged": 0.25, "misfit": 0.25, "falling": 0.0}
    assert said == {"d_int": 4, **shares, "trials": 10.0}
