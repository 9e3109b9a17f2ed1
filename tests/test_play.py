"""A solution rebuilt, verified and filmed."""

import json
from pathlib import Path

import pytest
from factories import command

from rl_intdim import play
from rl_intdim.config import cli
from rl_intdim.errors import RenderFailure
from rl_intdim.solution import loading, solution, video


def run(monkeypatch, *words):
    return command(monkeypatch, "play", play.play, *words)


def test_a_solution_is_verified(monkeypatch, capsys, solved):
    assert run(monkeypatch, f"solution={solved}", "episodes=20") == 0
    said = capsys.readouterr().out
    assert said.endswith("\nverified\n")
    assert "Note" not in said
    assert "20 fresh episodes" in said
    once = run(monkeypatch, f"solution={solved}", "episodes=20", "seed=1"), capsys.readouterr().out
    again = run(monkeypatch, f"solution={solved}", "episodes=20", "seed=1"), capsys.readouterr().out
    assert once == again


def test_one_that_does_not_solve_is_said_with_status_1(monkeypatch, capsys, solved):
    data = json.loads(solved.read_text())
    data |= {"theta_d": [0.0] * len(data["theta_d"]), "seeds_tried": 30}
    Path("zero.json").write_text(json.dumps(data))
    assert run(monkeypatch, "solution=zero.json", "episodes=10") == 1
    said = capsys.readouterr()
    assert said.out.endswith("\nnot verified\n")
    assert "not verified" in said.err
    assert "Its d is the smallest that solved in 30 trials" in said.err


def test_a_threshold_of_the_files_own_is_noticed_and_its_words_are_shown_as_they_are(monkeypatch, capsys, solved):
    data = json.loads(solved.read_text())
    data["task"] |= {"threshold": 5, "name": "[/red]"}
    Path("easy.json").write_text(json.dumps(data))
    assert run(monkeypatch, "solution=easy.json", "episodes=1") == 0
    said = capsys.readouterr().out
    assert "threshold=5.0, not 475.0" in said
    assert "[/red] by" in said


def test_a_task_of_another_name_does_not_excuse_an_easier_one(monkeypatch, capsys, solved):
    """CartPole200 has this threshold and this length, and the file says CartPole."""
    data = json.loads(solved.read_text())
    data["task"] |= {"threshold": 180, "kwargs": {"max_episode_steps": 200}, "vector": "compiled"}
    for name, noticed in (("CartPole", True), ("Mine", False), ("CartPole200", False)):
        data["task"]["name"] = name
        Path("easy.json").write_text(json.dumps(data))
        assert run(monkeypatch, "solution=easy.json", "episodes=1") == 0
        assert ("threshold=180.0, not 475.0" in capsys.readouterr().out) is noticed, name


def test_as_many_episodes_are_played_as_confirm_the_task(monkeypatch, capsys, solved):
    data = json.loads(solved.read_text())
    data["task"]["scoring"]["confirm_episodes"] = 40
    Path("forty.json").write_text(json.dumps(data))
    run(monkeypatch, "solution=forty.json")
    assert "on 40 fresh episodes" in capsys.readouterr().out


@pytest.mark.parametrize("task", ["CartPole", "InvertedPendulum"])
def test_without_a_display_the_verdict_stands_and_the_window_is_refused_in_words(monkeypatch, capsys, solved, task):

    monkeypatch.setattr(video, "has_display", lambda: False)
    data = json.loads(solved.read_text())
    data["task"] |= {"id": {"CartPole": "CartPole-v1", "InvertedPendulum": "InvertedPendulum-v5"}[task]}
    data["task"] |= {"threshold": 1, "vector": "slots"}
    Path("s.json").write_text(json.dumps(data))
    assert run(monkeypatch, "solution=s.json", "episodes=1", "show=true") == 1
    said = capsys.readouterr()
    assert said.out.endswith("\nverified\n")
    assert "there is no display. out=play.gif" in said.err


def test_a_display_that_draws_nothing_is_no_window(monkeypatch, solved):
    from dataclasses import replace

    from rl_intdim.errors import RenderFailure

    monkeypatch.setattr(video, "has_display", lambda: True)
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    found = loading.load(solved)
    short = replace(found, task=replace(found.task, kwargs={"max_episode_steps": 2}, vector="slots"))
    with pytest.raises(RenderFailure, match="pygame finds no display"):
        play.show(short, 0)


def test_a_film(monkeypatch, solved):
    from PIL import Image

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setattr(play, "MAX_STEPS", 30)
    assert run(monkeypatch, f"solution={solved}", "episodes=5", "out=play.gif") == 0
    with Image.open("play.gif") as film:
        assert film.n_frames >= 10
        assert film.width <= play.WIDTH


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "solution: missing"),
        (["solution=nowhere.json"], "nowhere.json"),
        ([f"solution={'x' * 300}"], "File name too long."),
        (["solution=x.json", "out=film.mp4"], "must end in .gif"),
        (["solution=x.json", "out=nowhere/film.gif"], "out=nowhere/film.gif: there is no folder nowhere."),
        (["solution=x.json", "epsiodes=3"], "Did you mean episodes?"),
        (["solution=x.json", "env=CartPole"], "env=CartPole: no such key. Valid: episodes"),
        (["solution=x.json", "episodes=0"], "must be from 1"),
    ],
)
def test_mistakes(monkeypatch, capsys, words, said):
    assert run(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_the_return_alone_does_not_verify(monkeypatch, capsys):
    """Humanoid's theta0 soon falls; at a threshold of 0 only the goal is not reached."""
    task = cli.load("sweep", ["env=Humanoid", "env.threshold=0"]).env
    solution.Solution(task, "cma", "dense", 0, 0, 100.0, []).save(Path("falls.json"))
    assert run(monkeypatch, "solution=falls.json", "episodes=2") == 1
    said = capsys.readouterr()
    assert "goal 5" in said.out
    assert "x_position is" in said.err


def test_an_atari_game_has_no_window_but_a_film():
    task = cli.load("sweep", ["env=Pong"]).env
    with pytest.raises(RenderFailure, match=r"Atari game; out=play\.gif"):
        play.show(solution.Solution(task, "ppo", "countsketch", 0, 0, -21.0, []), 0)
