"""What an environment prints or warns of reaches the user once, and nothing else is touched."""

import logging
import re
import sys
import warnings
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from factories import HERE, PYTHONPATH, command, run

from rl_intdim import play, sweep, train
from rl_intdim.config import cli
from rl_intdim.solution.isolation import isolated
from rl_intdim.solution.solution import Solution
from rl_intdim.tasks.border import Border
from rl_intdim.tasks.output import LONGEST, MOST, Once, hearing

WORDS = ["env=gym", "env.id=loud:test/Loud-v0", "env.name=Loud", "env.threshold=1", "env.budget=300",
         "env.scoring.look_episodes=2", "env.scoring.confirm_episodes=2"]  # fmt: skip
SWEEP = ["search.ds=[1]", "search.seeds=3", "search.direct=0", "out=run"]


def line(words):
    return next(i for i, text in enumerate((HERE / "loud.py").read_text().splitlines(), 1) if words in text)


MESSAGES = ["prints: loud is imported", r"prints: \[made\] in red", r"prints: reward [\d.e-]+", "prints: no newline",
            rf"warns: UserWarning: an old asset \(loud.py, line {line('an old asset')}\)",
            rf"warns: RuntimeWarning: gap of [\d.e-]+ closed \(loud.py, line {line('gap of')}\)"]  # fmt: skip


def check_said(output):
    """Every message stands there once, as a line of its own."""
    lines = output.splitlines()
    for message in MESSAGES:
        assert sum(bool(re.fullmatch(f"Note: the environment {message}", line)) for line in lines) == 1, message
    loud = [line for line in lines if re.search("imported|made|reward|newline|asset|closed", line)]
    assert len(loud) == len(MESSAGES)


def test_a_sweep_tells_it_once_for_all_trials(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    done = run("sweep", *WORDS, *SWEEP, "workers=2")
    assert (done.returncode, done.stderr) == (0, "")
    check_said(done.stdout)
    assert len(Path("run/trials.jsonl").read_text().splitlines()) == 3
    assert not Path("run/checkpoints").exists()


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("name", "job", "words"),
    [
        ("sweep", sweep.sweep, [*SWEEP, "workers=0"]),
        ("train", train.train, ["d=1", "agent=cma"]),
        ("train", train.train, ["d=1", "agent=ppo"]),
    ],
)
def test_a_command_in_one_process_tells_it_once(monkeypatch, capsys, name, job, words):
    sys.modules.pop("loud", None)
    assert command(monkeypatch, name, job, *WORDS, *words) == 0
    said = capsys.readouterr()
    assert said.err == ""
    check_said(said.out)


def test_play_tells_it_once(monkeypatch, capfd):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    task = cli.load("train", WORDS).env
    Solution(task, "cma", "dense", 1, 0, 0.0, [0.1]).save(Path("solution.json"))
    command(monkeypatch, "play", isolated(play.play), "solution=solution.json", "trust=true", "episodes=3")
    check_said(capfd.readouterr().out)


def test_what_an_environment_said_before_its_process_died_is_told(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    done = run("sweep", *WORDS, *SWEEP, "+env.kwargs.dies=true", "workers=1", "search.seeds=1")
    assert done.returncode == 1
    assert done.stdout.count("Note: the environment prints: licence expired\n") == 1
    assert done.stdout.count("Note: a trial broke down and will be tried again: its process died") == 1
    assert re.fullmatch("error: the trial d=1 seed=.* broke down 2 times: its process died.*\n", done.stderr)


def test_messages_that_differ_in_numbers_are_one_and_their_number_is_limited():
    told = []
    once = Once(told.append)
    for i in range(100):
        once(f"reward {i / 7 - 3} at 1.5e-{i:02}")
    assert len(told) == 1
    for i in range(100):
        once(f"asset {'x' * i} is missing")
    assert len(told) == MOST + 1
    assert "more" in told[-1]


class Line(gym.Env):
    observation_space = gym.spaces.Box(-1, 1, (2,), np.float32)

    def step(self, action):
        print(action, end="")
        return np.zeros(2, np.float32), 0.0, False, False, {}


def test_what_other_code_writes_goes_where_it_went(capsys):
    told, env = [], Border(Line())
    with hearing(told.append):
        print("ours")
        env.step("a\nb")
        with pytest.warns(UserWarning, match="ours"):
            warnings.warn("ours", stacklevel=1)
        logger = logging.StreamHandler()  # keeps the stream, as an environment's logger may
        with hearing(lambda message: print(f"inner {message}")):
            env.step("c")
            env.step("x" * 10_000)
    assert told == [f"the environment prints: {words}" for words in ("a", "b")]
    logger.stream.write("later\n")
    said = capsys.readouterr()
    assert said.out == f"ours\ninner the environment prints: c{'x' * (LONGEST - 1)}\n"
    assert said.err == "later\n"
