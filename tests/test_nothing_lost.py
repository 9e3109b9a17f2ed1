"""Kills, hangs and full disks: no finished trial is lost, none is counted twice, no process is left behind."""

import json
import signal
import subprocess
import sys
import time
from contextlib import suppress
from io import FileIO
from pathlib import Path

import psutil
import pytest
from factories import FOLDER, HERE, PYTHONPATH, argv, lines, run, told

from rl_intdim import sweep
from rl_intdim.config import cli
from rl_intdim.errors import WriteFailure
from rl_intdim.files import write_all, write_whole

WORDS = ["env.budget=500", "search.ds=[1,4]", "search.seeds=2", "search.direct=1", "workers=0"]
TRIALS = 5


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    sweep.sweep(cli.load("sweep", [*WORDS, f"out={folder}/run"]))
    return told(folder / "run")


# Each takes a process of its own: a file that is replaced whole, one that grows, and the last to be written.
POINTS = ["config.yaml:1:written", "trials.jsonl:3:half", "result.json:1:half"]
MORE = ["config.yaml:1:half", "trials.jsonl:1:before", "trials.jsonl:3:unsynced", "trials.jsonl:5:written",
        "result.json:1:written", "plot.png:1:half"]  # fmt: skip


@pytest.mark.parametrize("point", [*POINTS, *(pytest.param(point, marks=pytest.mark.slow) for point in MORE)])
def test_killed_at_a_point_of_the_write_path(point, undisturbed):
    killed = subprocess.run([sys.executable, HERE / "kill_at.py", point, *WORDS], capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    finished = FOLDER / "trials.jsonl"
    counted = finished.read_text().count("\n") if finished.exists() else 0
    name, n, moment = point.split(":")
    assert counted == (
        0 if name == "config.yaml" else TRIALS if name != "trials.jsonl" else int(n) - (moment in ("before", "half"))
    )
    kept = lines() if finished.exists() and moment != "half" else []
    sweep.sweep(cli.load("sweep", WORDS))
    assert told() == undisturbed
    assert lines()[: len(kept)] == kept
    assert len(lines()) == TRIALS
    assert not list(FOLDER.glob("*.part"))


def test_a_killed_sweep_leaves_no_process():
    words = ["search.ds=[1,2]", "workers=2", "search.direct=0", "env.budget=50000000"]
    process = subprocess.Popen(argv("sweep", *words), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600  # torch is imported twice, on a machine that may be busy
    while not FOLDER.exists() or len(left := psutil.Process(process.pid).children(True)) < 4:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(left) >= 4  # fork server, its tracker, and two workers in trials that take minutes
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(left, timeout=20)
    assert not alive


def server_of(process, but=None):
    """The fork server of a sweep that has started a worker, which is not the server `but`; None if the sweep ends."""
    deadline = time.monotonic() + 600
    while process.poll() is None:
        assert time.monotonic() < deadline
        with suppress(psutil.NoSuchProcess):  # it has just ended
            for child in psutil.Process(process.pid).children():
                if child != but and child.children():
                    return child
        time.sleep(0.05)
    return None


def kill(server):
    workers = server.children()
    server.kill()
    assert not psutil.wait_procs(workers, timeout=60)[1]  # none goes on with the same trial


def gated(way):
    """A sweep of four seeds, two at a time, whose trials wait for a file `mark`, and its words."""
    words = ["env.id=killer:test/Killer-v0", "env.vector=slots", "env.threshold=1", "env.budget=200", "out=run",
             "+env.kwargs.mark=mark", f"+env.kwargs.way={way}", "search.ds=[1]", "search.seeds=4", "search.direct=0",
             "workers=2", "env.scoring.looks=1"]  # fmt: skip
    return subprocess.Popen(argv("sweep", *words), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True), words


def test_a_killed_fork_server_costs_an_attempt_and_the_sweep_goes_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    process, _ = gated("gate")
    while not Path("run/trials.jsonl").exists():
        assert process.poll() is None
        time.sleep(0.05)
    kill(server_of(process))
    Path("mark").touch()
    said, errors = process.communicate()
    assert "Traceback" not in said
    assert (process.returncode, errors) == (0, "")
    assert len({trial["seed"] for trial in lines(Path("run"))}) == len(lines(Path("run"))) == 4


def test_fork_servers_that_are_killed_again_and_again_end_the_sweep_and_the_same_command_goes_on(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    process, words = gated("shut")
    kills, server = 0, None
    while server := server_of(process, but=server):  # each costs the trials under way an attempt, or all that wait
        kill(server)
        kills += 1
    said, errors = process.communicate()
    assert 2 <= kills <= 8  # four trials, of two attempts each
    assert process.returncode == 1
    assert errors.count("\n") == 1
    assert "broke down 2 times" in errors
    assert "Traceback" not in said
    Path("mark").touch()
    assert run("sweep", *words).returncode == 0
    assert len({trial["seed"] for trial in lines(Path("run"))}) == len(lines(Path("run"))) == 4


def test_a_trial_that_hangs_is_stopped_and_tried_again(monkeypatch):
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    Path("mark").touch()
    words = ["env.id=killer:test/Killer-v0", "env.vector=slots", "env.threshold=1", "env.budget=200",
             "+env.kwargs.mark=mark", "+env.kwargs.way=hang", "search.ds=[1]", "search.seeds=2", "search.direct=0",
             "workers=2", "trial_hours=0.005"]  # fmt: skip
    done = run("sweep", *words)
    assert done.returncode == 0, done.stderr
    assert len(lines()) == 2
    assert "longer than trial_hours=0.005" in (FOLDER / "failures.jsonl").read_text()


def test_a_full_disk_is_said_and_the_same_command_goes_on(undisturbed):
    """No file may grow to all lines of the trials: the system refuses the rest of the last one."""
    size = sum(len(json.dumps(trial)) for trial in undisturbed[1])  # each without its seconds
    code = (
        "import resource\nfrom rl_intdim import sweep\nfrom rl_intdim.config import cli\n"
        "from rl_intdim.records import run_folder\nappend = run_folder.append_line\n"
        "def append_to_a_full_disk(path, line):\n"  # config.yaml, which is as long, is written before
        f"    resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, resource.RLIM_INFINITY))\n"
        "    append(path, line)\n"
        "run_folder.append_line = append_to_a_full_disk\n"
        "cli.main('sweep', sweep.sweep)"
    )
    done = subprocess.run([sys.executable, "-c", code, *WORDS], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("error: runs/CartPole-cma/trials.jsonl: cannot be written: File too large.")
    assert done.stderr.count("\n") == 1
    assert 1 <= len(lines()) < TRIALS  # whole lines only
    sweep.sweep(cli.load("sweep", WORDS))
    assert told() == undisturbed


def test_a_file_is_replaced_whole_or_not_at_all():
    write_whole(Path("a"), "old")
    Path("a.part").mkdir()
    with pytest.raises(WriteFailure, match=r"a: cannot be written: Is a directory"):
        write_whole(Path("a"), "new")
    assert Path("a").read_text() == "old"


def test_a_write_that_takes_only_a_part_goes_on():
    class Slow(FileIO):
        def write(self, data):
            return super().write(data[:3])

    with Slow("x", "w") as file:
        write_all(file, b"0123456789")
    assert Path("x").read_bytes() == b"0123456789"
