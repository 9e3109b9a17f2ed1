"""A solution rebuilt, verified and filmed."""

import json
from pathlib import Path

import pytest
from test_cli import command

from rl_intdim import play


def run(monkeypatch, *words):
    return command(monkeypatch, "play", play.play, *words)


def test_a_solution_is_verified(monkeypatch, capsys, solved):
    assert run(monkeypatch, f"solution={solved}", "episodes=20") == 0
    said = capsys.readouterr().out
    assert "verified" in said
    assert "20 fresh episodes" in said
    once = run(monkeypatch, f"solution={solved}", "episodes=20", "seed=1"), capsys.readouterr().out
    again = run(monkeypatch, f"solution={solved}", "episodes=20", "seed=1"), capsys.readouterr().out
    assert once == again


def test_one_that_does_not_solve_is_said_with_status_1(monkeypatch, capsys, solved):
    data = json.loads(solved.read_text())
    data["theta_d"] = [0.0] * len(data["theta_d"])
    Path("zero.json").write_text(json.dumps(data))
    assert run(monkeypatch, "solution=zero.json", "episodes=10") == 1
    said = capsys.readouterr()
    assert "verified\n" not in said.out
    assert "not verified" in said.err


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
        (["solution=x.json", "out=film.mp4"], "must end in .gif"),
        (["solution=x.json", "epsiodes=3"], "Did you mean episodes?"),
        (["solution=x.json", "episodes=0"], "must be from 1"),
    ],
)
def test_mistakes(monkeypatch, capsys, words, said):
    assert run(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1
