"""The ladder of tasks: which sweep speaks for a task, and what the picture holds."""

from io import BytesIO

import pytest
from factories import compared
from PIL import Image

from rl_intdim.analysis.ranking import harder
from rl_intdim.analysis.task_ladder import TaskRung, plot, rungs, table, unanswered
from rl_intdim.config import cli
from rl_intdim.records.sweep import read

TASKS = {name: cli.load("sweep", [f"env={name}"]).env for name in ("CartPole", "Acrobot", "MountainCar")}


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """CartPole by two agents, and easier variants of it: another network, projection, budget, threshold, a learned
    theta0; and two more tasks."""
    folder = tmp_path_factory.mktemp("sweeps")
    return [
        read(compared(folder / "ppo", 16, "agent=ppo")),
        read(compared(folder / "cma", 8, "agent=cma")),
        read(compared(folder / "wide", 4, "agent=cma", "env.policy.hidden=[64,64]")),
        read(compared(folder / "sparse", 2, "agent=cma", "subspace.projection=sparse")),
        read(compared(folder / "acrobot", 64, "env=Acrobot", "agent=cma")),  # nothing solves
        read(compared(folder / "car", 16, "env=MountainCar", "agent=cma")),
        read(compared(folder / "short", 2, "agent=cma", "env.budget=100_000")),
        read(compared(folder / "low", 1, "agent=cma", "env.threshold=100")),
        read(compared(folder / "learned", 1, "agent=cma", "subspace.burn_in=1000")),
    ]


def test_a_task_has_the_smallest_d_int_of_its_agents_as_the_task_is_meant(sweeps):
    ours = [r for r in rungs(sweeps, TASKS) if not r.paper]
    assert [(r.task, r.agent) for r in ours] == [("CartPole", "cma"), ("MountainCar", "cma")]
    assert 4 < ours[0].d_int <= 8
    assert ours[0].hidden == "20-20"


def test_an_undecided_sweep_stands_for_its_task_only_where_no_other_is_decided(sweeps, tmp_path):
    found = read(compared(tmp_path / "found", 16, "agent=a2c", "search.ci_ratio=2"))
    smaller = sweeps[1]
    assert (found.answer.status, smaller.answer.status) == ("found", "undecided")
    assert smaller.answer.d_int < found.answer.d_int
    (row,) = (r for r in rungs([smaller, found], TASKS) if not r.paper)
    assert (row.agent, row.below["cma"]) == ("a2c", (10, 40))


def test_a_row_says_what_was_tried_below_it_by_every_agent(sweeps):
    rows = rungs(sweeps, TASKS)
    pole = next(r for r in rows if r.task == "CartPole")
    assert pole.below == {"cma": (0, 30), "ppo": (0, 30)}  # ten seeds at each of d = 1, 2, 4
    shown = table(rows, TASKS)
    assert list(shown["task"]) == ["CartPole", "MountainCar"]
    assert shown["solved below it"][0] == "cma 0 of 30; ppo 0 of 30"
    assert shown["D / d_int"][0] == f"{562 / pole.d_int:.0f}"


def test_a_task_that_nothing_solves_is_listed_apart(sweeps):
    assert [(r.task, r.agent, r.d_int, r.low) for r in unanswered(sweeps, TASKS)] == [("Acrobot", "cma", None, 32)]


def test_who_is_harder_is_said_with_its_probability_at_equal_protocol_alone(sweeps):
    own = [s for s in sweeps if s.folder.name in ("cma", "car", "acrobot")]
    by = harder(own)["cma"].set_index("harder than")
    assert list(by.index) == list(by.columns) == ["CartPole", "MountainCar"]
    assert float(by.loc["MountainCar", "CartPole"]) > 0.95
    assert float(by.loc["CartPole", "MountainCar"]) < 0.05
    assert by.loc["CartPole", "CartPole"] == ""
    other_budget = [s for s in sweeps if s.folder.name in ("short", "car")]
    assert harder(other_budget) == {}
    assert harder([s for s in sweeps if s.folder.name in ("ppo", "car")]) == {}  # two agents
    assert harder([s for s in sweeps if s.folder.name in ("learned", "car")]) == {}


def test_the_papers_rows_stand_where_they_belong(sweeps):
    rows = rungs(sweeps, TASKS)
    assert [r.d_int for r in rows] == sorted(r.d_int for r in rows)
    assert {r.task for r in rows if r.paper} >= {"Pong-v0", "Humanoid-v1"}
    assert all(r.low is None for r in rows if r.paper)


@pytest.mark.parametrize(("high", "end", "right"), [(0, 0.5, 6000), (None, 562, 6000), (None, 0.95 * 160, 100)])
def test_a_bar_ends_where_its_interval_does_and_an_arrow_at_D_or_the_border(monkeypatch, high, end, right):
    drawn = []
    monkeypatch.setattr("rl_intdim.analysis.task_ladder.png", lambda figure, _: drawn.append(figure) or b"")
    paper = TaskRung("Pong-v0", "ES", "ConvNet", 10**6, right, None, None, "", paper=True)
    plot([TaskRung("CartPole", "cma", "20-20", 562, 0, 0, high, "below_1"), paper])
    bar, *marks = drawn[0].axes[0].lines
    assert bar.get_xdata()[1] == end
    assert [mark.get_xdata()[0] for mark in marks if mark.get_marker() == ">"] == [end] * (high is None)


def test_the_picture_says_in_its_metadata_what_it_shows(sweeps):
    picture = Image.open(BytesIO(plot(rungs(sweeps, TASKS), "what it shows")))
    assert picture.info["Description"] == "what it shows"
    assert picture.width > 1000
