"""What a task has in common with the catalogue's, and when it has no claim to its threshold."""

from dataclasses import replace

import pytest

from rl_intdim.config import cli
from rl_intdim.config.likeness import borrowed_threshold, unlike_catalogue
from rl_intdim.config.schema import Goal, Statistics
from rl_intdim.training.trial import check


def task(*words):
    return cli.load("sweep", list(words)).env


def test_a_task_other_than_the_catalogues_is_noticed():
    cartpole = task("env=CartPole")
    assert unlike_catalogue(cartpole) == []
    easy = unlike_catalogue(replace(cartpole, threshold=10.0, kwargs={"max_episode_steps": 20}))
    assert easy == ["threshold=10.0, not 475.0", "kwargs={'max_episode_steps': 20}, not {}"]
    odd = Statistics("0 0 0 0", "1 1 1 1.5")
    assert unlike_catalogue(replace(cartpole, statistics=odd)) == ["other statistics"]
    assert unlike_catalogue(replace(cartpole, max_episode_steps=100)) == ["max_episode_steps=100, not None"]
    assert unlike_catalogue(replace(cartpole, vector="slots")) == []  # the same episodes
    walker = replace(cartpole, id="Walker2d-v5", threshold=10.0)
    assert not any("threshold" in word for word in unlike_catalogue(walker))  # the catalogue's has none yet
    (goal,) = unlike_catalogue(replace(cartpole, goal=Goal("x_position", 3)))
    assert "x_position" in goal
    assert unlike_catalogue(replace(cartpole, id="HumanoidStandup-v5")) == []  # it has none
    short = {"threshold": 180.0, "kwargs": {"max_episode_steps": 200}, "name": "CartPole200"}
    assert unlike_catalogue(replace(cartpole, **short)) == []  # CartPole200, of the same id


def test_another_way_to_play_an_atari_game_is_noticed():
    """As single environments: other pictures, and no sticky actions of the task's."""
    pong = task("env=Pong")
    assert unlike_catalogue(pong) == []
    assert unlike_catalogue(replace(pong, vector="slots")) == ["vector=slots, not atari"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["env=CartPole"], None),
        (["env=CartPole", "env.vector=slots", "env.budget=1000"], None),
        (["env=CartPole", "env.max_episode_steps=100"], "max_episode_steps=100, not None"),
        (["env=CartPole", "env.max_episode_steps=100", "env.threshold=95"], None),
        (["env=CartPole", "env.max_episode_steps=490", "env.threshold=475"], None),
        (["env=Pong", "env.sticky=0", "agent=ppo"], "sticky=0.0, not 0.25"),
        (["env=gym", "env.id=CartPole-v1", "env.threshold=475", "env.max_episode_steps=100"], None),
    ],
)
def test_a_threshold_of_another_game_is_told(words, said):
    note = borrowed_threshold(task(*words))
    assert (note is None) == (said is None)
    assert said is None or f"and here {said}. Give env.threshold=..." in note


def test_a_command_tells_it_before_it_trains():
    config, said = cli.load("sweep", ["env.max_episode_steps=100"]), []
    check(config.env, config.agent, say=said.append)
    assert borrowed_threshold(config.env) in said
