"""Which trial a solution is made of."""

from dataclasses import replace
from pathlib import Path

from factories import trial

from rl_intdim.config import cli
from rl_intdim.solution.smallest import smallest


def test_no_solution_is_made_of_a_trial_that_ended_on_a_policy_that_does_not_solve():
    """With search.full_budget: solved at some look, worse at the end, or no longer where the goal is."""
    config = cli.load("sweep", ["agent=cma", "subspace.projection=dense"])
    worse = replace(trial(2, 0, True), score=470.0, confirmations=[[300, 480.25], [500, 470.0]])
    assert smallest(config, [worse], Path()) is None
    assert smallest(config, [worse, trial(4, 1, True)], Path()).d == 4
    walks = cli.load("sweep", ["env=Humanoid"])
    stands = replace(trial(2, 0, True), score=6100.0, confirmations=[[300, 6001.0, 9.0], [500, 6100.0, 4.0]])
    assert smallest(walks, [stands], Path()) is None
    assert smallest(walks, [replace(stands, score=6001.0)], Path()).d == 2
