"""A sweep that runs or was stopped, as the page shows and follows it."""

import signal
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from factories import argv, finished, run, trial
from filelock import FileLock

from rl_intdim import report
from rl_intdim.analysis import report_page
from rl_intdim.analysis.running_sweep import snapshot, sweep_time_left
from rl_intdim.config import cli
from rl_intdim.records.run_folder import Store
from rl_intdim.solution import video
from rl_intdim.training.progress import ProgressFile


def begun(folder, jobs=(), words=("agent=cma", "subspace.projection=dense", "search.seed=0")):
    """The folder of a sweep of which trials (d, seed, solved) have finished."""
    with Store(Path(folder)).open(cli.load("sweep", list(words))) as store:
        for job in jobs:
            store.append(trial(*job))
    return Path(folder)


WHOLE = [(d, seed, d > 1) for seed, d in enumerate([0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32])]
PART = [(64, 12, True), (64, 14, True)]  # of a round of six


@contextmanager
def held(folder):
    """The folder, as it is while a process runs its sweep."""
    with FileLock(folder / ".lock"):
        yield


def told(folder, d, seed, curve=()):
    """A trial of the folder tells its progress."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    ProgressFile(folder / f"checkpoints/d-{d}-seed-{seed}", d, seed).write(90.0, curve)


def test_a_running_sweep_is_shown_as_it_stands():
    folder = begun("run", WHOLE + PART)
    with held(folder):
        told(folder, 64, 13, [[10_000, 50.0, 0.1], [20_000, 77.5, 0.2]])
        told(folder, 64, 15)
        text = report_page.page([folder], video.clip, follow=True)
    assert ">running</span>" in text
    assert "8 trials of the search, 6 of theta0 alone, 0 direct" in text
    assert "2 finished trials are drawn and not counted yet" in text
    assert "<td>77.5</td><td>20,000 of 500,000</td><td>90 s</td>" in text
    assert "<td>0 of 500,000</td>" in text  # before its first look
    assert "running: d = 64, seed 13" in text
    assert "running: d = 64, seed 15" not in text  # no curve yet
    assert "117 more by search.max_trials, each its whole budget, 2 at a time" in text
    assert "location.reload" in text
    assert "d = 64, seed 14: solved" in text
    assert [n for n in range(20) if f'"after {n} trials' in text] == [6, 12]  # each whole round is answered


def test_the_time_left_is_shared_by_the_slots_that_trials_fill():
    jobs = [(0, 0, False), (4, 1, True), (0, 2, False)]
    words = ("agent=cma", "subspace.projection=dense", "search.seed=0", "search.ds=[0,4]", "search.direct=0")
    one, four = (
        sweep_time_left(snapshot(begun(f"run{workers}", jobs, (*words, "search.seeds=2", f"workers={workers}"))))
        for workers in (1, 4)
    )
    assert one == four
    assert "1 more by search.ds, each its whole budget, 1 at a time" in one
    ran = begun("ran", jobs[:2], (*words, "search.seeds=1"))
    assert sweep_time_left(snapshot(ran)).startswith("none")


def test_a_limit_of_env_steps_limits_the_time_left():
    jobs = [(0, 0, False), (4, 1, True), (0, 2, False)]
    words = ("agent=cma", "subspace.projection=dense", "search.seed=0", "workers=1")
    longer, capped = (
        sweep_time_left(snapshot(begun(f"to{most}", jobs, (*words, f"search.max_env_steps={most}"))))
        for most in (20_000_000, 5_500_000)
    )
    assert longer.partition(" at most")[0] != capped.partition(" at most")[0]


def test_a_sweep_that_was_stopped_is_shown_and_not_followed():
    folder = begun("run", WHOLE)
    told(folder, 64, 13, [[10_000, 50.0, 0.1]])  # a killed sweep leaves it
    text = report_page.page([folder], video.clip)
    assert ">stopped before its end</span>" in text
    assert "the same command goes on from here" in text
    assert "running: d = 64" not in text
    assert "location.reload" not in text
    done = run("report", "run", "follow=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No sweep is running. Wrote report.html.\n"


@pytest.mark.parametrize("ds", [(), (0,) * 6], ids=["no trial yet", "some"])
def test_the_commands_of_a_sweep_that_was_stopped_find_the_user_s_own_files(ds, monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Mine.yaml").write_text("id: CartPole-v1\nthreshold: 300\nbudget: 500_000\n")
    typed = "rl_intdim.sweep --config-dir mine env=Mine agent=cma search.seed=0 subspace.projection=dense out=run"
    monkeypatch.setattr("sys.orig_argv", ["/bin/python3", "-m", *typed.split()])
    config = cli.load("sweep", typed.split()[3:], [Path("mine")])
    with Store(Path("run")).open(config) as store:
        for seed, d in enumerate(ds):
            store.append(trial(d, seed, False))
    text = report_page.page(["run"], video.clip)
    assert f"The sweep: <code>python -m {typed}</code>" in text
    assert "python -m rl_intdim.train --config-dir mine env=Mine agent=cma" in text


def test_a_sweep_without_a_finished_trial_is_shown():
    folder = begun("run")
    with held(folder):
        told(folder, "direct", 0, [[10_000, 50.0, 0.1]])
        text = report_page.page([folder], video.clip)
    assert "running: d = direct, seed 0" in text
    assert "1 min" not in text
    assert "at most: 125 more by search.max_trials" in text


def test_a_sweep_that_goes_on_after_its_end_is_not_taken_for_the_old_one():
    folder = finished("run")
    with held(folder):
        assert ">running</span>" in report_page.page([folder], video.clip)
    assert ">running</span>" not in report_page.page([folder], video.clip)


def test_follow_writes_when_a_trial_has_moved_and_ends_with_the_sweep(monkeypatch, capsys):
    folder, pages, waits = begun("run", WHOLE), [], iter([None, lambda: told(folder, 64, 13), None, "end"])
    lock = FileLock(folder / ".lock")
    monkeypatch.setattr(report_page, "page", lambda folders, clip, again: pages.append(again) or "page")

    def sleep(seconds):
        what = next(waits)
        lock.release() if what == "end" else what and what()

    monkeypatch.setattr("time.sleep", sleep)
    lock.acquire()
    report.follow([folder], Path("page.html"), video.clip)
    assert pages == [True, True, False]  # begun; moved; ended
    said = capsys.readouterr().out
    assert said == (
        "Open page.html in a browser: it follows run. Ctrl-C ends this.\n"
        "No sweep is running any more. Wrote page.html.\n"
    )


def test_ctrl_c_ends_following_with_a_line_and_a_page_that_stands_still():
    folder = begun("run", WHOLE)
    with (
        held(folder),
        subprocess.Popen(
            argv("report", "run", "follow=true"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout.readline().startswith("Open report.html in a browser")
        assert "location.reload" in Path("report.html").read_text()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 130
    assert said == "\nStopped following. report.html holds the sweeps as they are now.\n"
    assert "location.reload" not in Path("report.html").read_text()
