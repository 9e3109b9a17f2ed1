"""A file whose environment is deaf to signals, crashes or ends the process: the command has the last word."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from factories import PYTHONPATH, changed

from rl_intdim import child_process
from rl_intdim.config.schema import PlayConfig
from rl_intdim.solution import isolation


def start(monkeypatch, solved, way, command="play"):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    path = changed(solved, task__id="deaf:test/Deaf-v0", task__vector="slots", task__kwargs={"way": way})
    words = [sys.executable, "-m", f"rl_intdim.{command}", f"solution={path}", "episodes=1", "trust=true"]
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


@pytest.mark.parametrize(("command", "way"), [("play", signal.SIGTERM), ("compress", signal.SIGINT)])
def test_a_signal_ends_it_at_once(monkeypatch, solved, command, way):
    with start(monkeypatch, solved, "deaf", command) as process:
        deadline = time.monotonic() + 600
        while not Path("mark").exists():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.05)
        started = psutil.Process(process.pid).children(recursive=True)
        assert started
        process.send_signal(way)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == "\nStopped.\n"
    _, alive = psutil.wait_procs(started, timeout=60)
    assert not alive


def test_a_process_that_dies_is_one_message(monkeypatch, solved):
    with start(monkeypatch, solved, "crash") as process:
        _, said = process.communicate(timeout=600)
    assert process.returncode == 1
    assert said == "error: bad.json: the process that played it died (SIGSEGV): not verified.\n"


@pytest.mark.parametrize("error", [SystemExit(0), MemoryError(), RecursionError("too deep")])
def test_what_no_caller_expects_is_one_message(monkeypatch, capsys, error):
    """Status 0 would be taken for a solution that is verified."""

    def job(config):
        raise error

    monkeypatch.setattr(child_process, "begin", lambda: None)
    with pytest.raises(SystemExit) as stop:
        isolation._run(job, PlayConfig(solution="bad.json"))
    assert stop.value.code == 2
    assert capsys.readouterr().err.startswith(f"error: bad.json: breaks down: {type(error).__name__}: ")
