"""Quantised solutions: the quantiser by hand, and the command on a solution that solves."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import command
from hypothesis import given
from hypothesis import strategies as st

from rl_intdim import compress
from rl_intdim.config import cli
from rl_intdim.config.schema import CompressConfig
from rl_intdim.solution import loading, solution
from rl_intdim.solution.quantisation import quantise, scale_up, size

numbers = st.lists(st.floats(-100, 100, width=32), min_size=1, max_size=8).filter(lambda x: max(map(abs, x)) > 1e-3)


@given(numbers, st.integers(1, 12))
def test_levels_and_error(theta_d, bits):
    theta_d = np.array(theta_d)
    coded = quantise(theta_d, bits)
    scale = scale_up(float(np.abs(theta_d).max()))
    step = 2 * scale / 2**bits
    assert np.abs(coded - theta_d).max() <= step / 2 * (1 + 1e-6)
    index = coded / step - 0.5
    assert index == pytest.approx(np.round(index), abs=1e-3)
    assert len(np.unique(np.round(index))) <= 2**bits
    assert np.abs(np.round(index) + 0.5).max() <= 2 ** (bits - 1)
    assert quantise(coded.astype(float), bits).shape == theta_d.shape


@given(st.floats(1e-3, 1e3))
def test_the_scale_is_a_float_of_eight_bits(x):
    scale = scale_up(x)
    assert x <= scale <= x * (1 + 1 / 8)
    mantissa, _ = np.frexp(scale)
    assert (mantissa * 16) % 1 == 0


def test_the_scale_stays_within_its_bits():
    """Its largest value is 15/16 of 2^15: 3 bits of mantissa do not say 16/16 at the end of the exponents."""
    assert scale_up(2.0**15 * 15 / 16) == scale_up(2.0**15) == scale_up(1e9) == 2.0**15 * 15 / 16
    assert scale_up(1e-30) == 2.0**-17


def test_one_bit_is_the_sign():
    assert quantise(np.array([0.1, -3.0, 4.0]), 1).tolist() == [2.0, -2.0, 2.0]
    assert quantise(np.zeros(2), 3).tolist() == [0.0, 0.0]


def test_size_by_hand(solved):
    found = loading.load(solved)
    told = size(replace(found, seeds_tried=100, theta_d=[0.5] * 4), 3, 16)
    assert (told.theta_d, told.scale, told.d, told.width, told.seed) == (12, 8, 5, 4, 7)
    assert told.total == 36
    # A seed beyond those tried needs its own length: without it nobody could rebuild the policy.
    assert size(replace(found, seeds_tried=1, seed=31), 3, 16).seed == 5
    assert size(replace(found, seeds_tried=1, seed=0), 3, 16).seed == 0


def test_the_smallest_width_that_solves(monkeypatch, solved):
    """Every width is confirmed on episodes of its own; the first that reaches the threshold is kept."""
    scores, seen = iter([400.0, 480.0]), []

    def returns(self, episodes, rng):
        seen.append((self.bits, int(rng.integers(2**31))))
        return np.full(episodes or 100, next(scores)), None

    monkeypatch.setattr(solution.Solution, "returns", returns)
    small = compress.compress(CompressConfig(solution=str(solved), out="small.json"))
    assert (small.bits, small.score) == (2, 480.0)
    assert [bits for bits, _ in seen] == [1, 2]
    assert seen[0][1] != seen[1][1]
    again = loading.load(Path("small.json"))
    assert again.theta_d == small.theta_d
    assert len(set(np.abs(again.theta_d))) <= 2


def test_the_command(monkeypatch, capsys, solved):
    assert command(monkeypatch, "compress", compress.compress, f"solution={solved}", "episodes=20", "out=s.json") == 0
    said = capsys.readouterr().out
    assert "upper bound on the description length" in said
    assert json.loads(Path("s.json").read_text())["bits"] < 16
    impossible = json.loads(solved.read_text())
    impossible["task"]["threshold"] = 501
    Path("no.json").write_text(json.dumps(impossible))
    words = ["solution=no.json", "episodes=5", "max_bits=2", "out=t.json"]
    assert command(monkeypatch, "compress", compress.compress, *words) == 1
    assert "no width up to 2 bits" in capsys.readouterr().err
    assert not Path("t.json").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "solution: missing"),
        (["solution=nowhere.json"], "nowhere.json"),
        (["solution=x.json", "maxbits=3"], "Did you mean max_bits?"),
        (["solution=x.json", "max_bits=0"], "must be from 1 to 24"),
    ],
)
def test_mistakes(monkeypatch, capsys, words, said):
    assert command(monkeypatch, "compress", compress.compress, *words) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def test_a_solution_is_never_written_over(monkeypatch, capsys, solved):
    Path("a.json").write_text(solved.read_text())
    assert command(monkeypatch, "compress", compress.compress, "solution=a.json", "out=./a.json") == 2
    assert "is the solution itself" in capsys.readouterr().err
    assert Path("a.json").read_text() == solved.read_text()


def test_the_return_alone_does_not_compress(monkeypatch, capsys):
    """Humanoid's theta0 soon falls; at a threshold of 0 only the goal is not reached."""
    task = cli.load("sweep", ["env=Humanoid", "env.threshold=0"]).env
    solution.Solution(task, "cma", "dense", 0, 0, 100.0, []).save(Path("falls.json"))
    assert command(monkeypatch, "compress", compress.compress, "solution=falls.json", "episodes=2", "max_bits=1") == 1
    said = capsys.readouterr()
    assert "solves" not in said.out
    assert "no width up to 1 bits" in said.err
