"""The ladder of tasks: which sweep speaks for a task, and what the picture holds."""

from io import BytesIO

import pytest
from factories import compared
from PIL import Image

from rl_intdim.analysis.task_ladder import plot, rungs
from rl_intdim.records.sweep import read

HIDDEN = {"CartPole": "20-20", "Acrobot": "20-20"}


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """CartPole by two agents, by another network and by another projection, the last two easier; and Acrobot."""
    folder = tmp_path_factory.mktemp("sweeps")
    return [
        read(compared(folder / "ppo", 16, "agent=ppo")),
        read(compared(folder / "cma", 8, "agent=cma")),
        read(compared(folder / "wide", 4, "agent=cma", "env.policy.hidden=[64,64]")),
        read(compared(folder / "sparse", 2, "agent=cma", "subspace.projection=sparse")),
        read(compared(folder / "acrobot", 64, "env=Acrobot", "agent=cma")),  # nothing solves
    ]


def test_a_task_has_the_smallest_d_int_of_its_agents_on_its_own_network_and_projection(sweeps):
    ours = [r for r in rungs(sweeps, HIDDEN) if not r.paper]
    assert [(r.task, r.agent) for r in ours] == [("CartPole", "cma")]
    assert 4 < ours[0].d_int <= 8
    assert ours[0].hidden == "20-20"


def test_the_papers_rows_stand_where_they_belong(sweeps):
    rows = rungs(sweeps, HIDDEN)
    assert [r.d_int for r in rows] == sorted(r.d_int for r in rows)
    assert {r.task for r in rows if r.paper} >= {"Pong-v0", "Humanoid-v1"}
    assert all(r.low is None for r in rows if r.paper)


def test_the_picture_says_in_its_metadata_what_it_shows(sweeps):
    picture = Image.open(BytesIO(plot(rungs(sweeps, HIDDEN), "what it shows")))
    assert picture.info["Description"] == "what it shows"
    assert picture.width > 1000
