"""Trials on a real Ray of this machine: the same answer as locally, and nothing lost when a worker is."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from factories import PYTHONPATH, lines, told

from rl_intdim import sweep
from rl_intdim.config import cli

WORDS = ["env.budget=2000", "search.ds=[1,4]", "search.seeds=2", "search.direct=1", "workers=0"]
RAY = ["runner=ray", "workers=2"]


def command(*words):
    return [sys.executable, "-m", "rl_intdim.sweep", *words]


def tasks(process):
    """The processes in which Ray runs trials."""
    found = []
    for child in psutil.Process(process.pid).children(True):
        with suppress(psutil.NoSuchProcess):
            found += [child] if "ray::attempt" in " ".join(child.cmdline()) else []
    return found


def test_the_same_answer_as_locally_to_the_bit(tmp_path):
    words = [word for word in WORDS if not word.startswith("workers")]
    sweep.sweep(cli.load("sweep", [*WORDS, f"out={tmp_path}/local"]))
    done = subprocess.run(command(*words, *RAY), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert told() == told(tmp_path / "local")


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_one_attempt_of_one_trial(monkeypatch, tmp_path):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    (tmp_path / "mark").touch()
    words = ["env.id=killer:test/Killer-v0", "env.vector=slots", "env.threshold=1", "env.budget=200",
             f"+env.kwargs.mark={tmp_path}/mark", "search.ds=[1]", "search.seeds=3", "search.direct=0"]  # fmt: skip
    done = subprocess.run(command(*words, *RAY), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert len(lines()) == 3
    failures = Path("runs/CartPole-cma/failures.jsonl").read_text().splitlines()
    assert len(failures) == 1
    assert "its worker was lost" in failures[0]


@pytest.mark.slow
def test_a_killed_trial_goes_on_from_its_checkpoint_elsewhere(tmp_path):
    """Of two equal sweeps one loses its worker in the middle of a trial; they end with the same trial, to the bit."""
    words = ["agent=a2c", "env.threshold=501", "env.budget=12_000", "env.checkpoint=2000", "search.ds=[4]",
             "search.seeds=1", "search.seed=0", "search.direct=0", "env.scoring.look_episodes=2",
             "env.scoring.confirm_episodes=2", "runner=ray", "workers=1"]  # fmt: skip
    with subprocess.Popen(command(*words, "out=killed"), stdout=subprocess.DEVNULL) as process:
        state, deadline = Path("killed/checkpoints/d-4-seed-0/state.pt"), time.monotonic() + 600
        while not state.exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        tasks(process)[0].kill()
    assert process.returncode == 0
    assert len(Path("killed/failures.jsonl").read_text().splitlines()) == 1
    sweep.sweep(cli.load("sweep", [*words[:-2], "workers=0", "out=undisturbed"]))
    assert told(Path("killed")) == told(Path("undisturbed"))


@pytest.mark.slow
@pytest.mark.parametrize("way", [signal.SIGINT, signal.SIGKILL])
def test_a_sweep_that_is_ended_leaves_no_task_running(way):
    words = ["search.ds=[1,2]", "search.direct=0", "env.budget=50000000"]
    process = subprocess.Popen(command(*words, *RAY), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 600
    while len(tasks(process)) < 2:
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.2)
    left = [
        p for p in psutil.Process(process.pid).children(True) if "Agent" not in p.name()
    ]  # these end a minute later
    process.send_signal(way)
    _, said = process.communicate(timeout=60)
    if way == signal.SIGINT:
        assert process.returncode == 130
        assert "same command" in said
        assert "Traceback" not in said
    _, alive = psutil.wait_procs(left, timeout=60)
    assert not alive


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["runner=ray", "runner.address=127.0.0.1:1"], "no Ray cluster there"),
        (
            ["runner=ray", "runner.gpus=1", "workers=1"],
            "runner.gpus=1: more than any node of the cluster has (1 CPU, 0 GPU)",
        ),
        (["runner=rya"], "Did you mean ray?"),
        (["runner.cpus=2"], "is for runner=ray"),
        (["runner=ray", "workers=0"], "must be from 1"),
        (["runner=ray", "runner.cpus=0"], "runner.cpus=0"),
    ],
)
def test_mistakes(words, said):
    done = subprocess.run(command("search.ds=[1]", *words), capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "Traceback" not in json.dumps(done.stderr)
