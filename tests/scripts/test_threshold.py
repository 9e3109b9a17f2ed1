"""The rule for a threshold: measured, resumed, fed with trials from elsewhere, and written into the task's file."""

import json
import shutil
import sys
from pathlib import Path

import pytest
import threshold
import yaml
from factories import command
from threshold import Mean, edited, lines, random_returns, rule

from rl_intdim import train
from rl_intdim.config import cli
from rl_intdim.config.schema import Scoring
from rl_intdim.errors import TrialFailure
from rl_intdim.records import reader

FILE = """\
# Balance a pole on a cart.
id: CartPole-v1
agent: cma
budget: 20_000
vector: compiled
"""
OUT = Path("docs/results/thresholds/Pole-cma")


@pytest.fixture
def file():
    path = Path("mine/envs/Pole.yaml")
    path.parent.mkdir(parents=True)
    path.write_text(FILE)
    return path


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["threshold.py", "--config-dir", "mine", "env=Pole", "workers=0", *words])
    try:
        cli.main_on_words(threshold.measure, "", ("write", "out"))
    except SystemExit as stop:
        return stop.code
    return 0


def test_a_threshold_is_measured_written_and_resumed(monkeypatch, file, capsys):
    assert run(monkeypatch, "write=true", "search.direct=3") == 0
    record = json.loads((OUT / "threshold.json").read_text())
    random, direct = record["random"]["value"], record["direct"]["value"]
    assert 15 < random < 30 < direct
    task = yaml.safe_load(file.read_text())
    assert task["threshold"] == pytest.approx(random + 0.9 * (direct - random), rel=1e-3)
    assert "mean of 3 seeds, the best of 20,000 env steps" in task["threshold_source"]
    assert cli.load("sweep", ["env=Pole"], [Path("mine")]).env.threshold == task["threshold"]
    config = reader.read_config(OUT)
    assert config.search.full_budget  # else every look would end after half of its episodes
    trials = (OUT / "trials.jsonl").read_text()
    assert [json.loads(line)["seed"] for line in trials.splitlines()] == [500_000, 500_001, 500_002]
    assert run(monkeypatch, "search.direct=3") == 0
    assert (OUT / "trials.jsonl").read_text() == trials
    assert "3 trials are finished" in capsys.readouterr().out


def test_a_direct_run_made_elsewhere_counts_once_it_is_copied_in(monkeypatch, file):
    assert run(monkeypatch, "search.direct=0") == 0
    words = ["--config-dir", "mine", "env=Pole", "d=direct", "seed=500000", "env.threshold=1e9", "out=there"]
    assert command(monkeypatch, "train", train.train, *words) == 0
    shutil.copy("there/trial.json", OUT / "trials.jsonl")
    assert run(monkeypatch, "search.direct=2") == 0
    copied, ours = (json.loads(line) for line in (OUT / "trials.jsonl").read_text().splitlines())
    assert (copied["seed"], ours["seed"]) == (500_000, 500_001)
    (OUT / "trials.jsonl").unlink()
    assert run(monkeypatch, "search.direct=1") == 0
    again = json.loads((OUT / "trials.jsonl").read_text())
    learned = ("d", "seed", "D", "solved", "env_steps")
    assert [again[key] for key in learned] == [copied[key] for key in learned]
    assert [row[0::2] for row in again["curve"]] == [row[0::2] for row in copied["curve"]]  # the same policies


def test_only_the_environment_of_the_file_is_written_into_it(monkeypatch, file, capsys):
    assert run(monkeypatch, "write=true", "env.sticky=0") == 2
    assert "write=true: env.sticky=0 is not in the task's file" in capsys.readouterr().err
    assert run(monkeypatch, "write=yes") == 2
    assert file.read_text() == FILE


def test_the_rule_is_the_designs_and_refuses_what_learned_nothing(echo):
    config = cli.load("sweep", ["env=Pong"])
    value, source = rule(config, Mean(-20.3, 0.1), Mean(15.05, 1.0), 5, OUT)
    assert value == pytest.approx(-20.3 + 0.9 * (15.05 + 20.3), abs=0.01)
    assert source.startswith("-20.3 + 0.9 (15.05 + 20.3), from random actions")
    with pytest.raises(TrialFailure, match="Pong has no threshold by ppo"):
        rule(config, Mean(-20.3, 0.1), Mean(-20.1, 0.3), 5, OUT)
    with pytest.raises(TrialFailure, match="Pong has no threshold by ppo"):
        rule(config, Mean(-21.0, 0.0), Mean(-21.0, 0.0), 5, OUT)


def test_a_threshold_that_hardly_trained_policies_reach_is_refused():
    def trials(name):
        folder = Path(__file__).parents[2] / "docs/results/thresholds" / name
        return reader.read_trials(folder, reader.read_config(folder))

    cliff = trials("CliffWalking-ppo")
    assert [trial.curve[0][1] for trial in cliff] == [-200] * 5  # they stand still
    with pytest.raises(TrialFailure, match=r"5 of 5 direct runs reach -215\.1 at their first look, after 10,240 env"):
        threshold.check_trained("CliffWalking", -215.1, cliff)
    threshold.check_trained("CliffWalking", -32.06, cliff)
    threshold.check_trained("Blackjack", -0.09581, trials("Blackjack-ppo"))  # 2 of 5 looks, by luck


def test_random_actions_score_what_chance_gives(echo):
    task = echo(scoring=Scoring(confirm_episodes=80))
    returns = random_returns(task)
    assert len(returns) == 80  # as many as the direct runs' confirmations
    assert Mean.of(returns).value == pytest.approx(5, abs=0.6)  # ten steps, each right with chance 1/2
    assert returns == random_returns(task)


def test_a_last_line_without_its_end_is_replaced_too():
    assert edited("id: X-v0\nthreshold: 3\nthreshold_source: old", "threshold: 4\n") == "id: X-v0\nthreshold: 4\n"


@pytest.mark.parametrize("before", ["", "threshold: 3\n", "threshold: 3\nthreshold_source: >-\n  old and\n  long\n"])
def test_the_lines_replace_those_that_the_file_has(before):
    head, tail = "# A task.\nid: X-v0\n", "budget: 10\npolicy:\n  hidden: [8]\n"
    after = edited(head + before + tail, lines(4.5, "measured: here"))
    assert after.startswith(head)
    assert after.endswith(tail)
    assert yaml.safe_load(after) == {
        **{"id": "X-v0", "threshold": 4.5, "threshold_source": "measured: here", "budget": 10},
        "policy": {"hidden": [8]},
    }
