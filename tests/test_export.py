"""Trials of run folders as a table."""

import io
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from factories import record, run

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.records import trials_table
from rl_intdim.records.run_folder import Store


@pytest.fixture
def folders():
    for agent in ("cma", "ppo"):
        with Store(Path(agent)).open(cli.load("sweep", [f"agent={agent}"])) as store:
            store.append(record(3, 0, solved=True))
            store.append(record("direct", 1))
    return ["cma", "ppo"]


def test_a_frame_has_a_row_for_every_trial(folders):
    table = trials_table.frame(folders)
    assert list(table.columns) == trials_table.COLUMNS
    assert list(table.agent) == ["cma", "cma", "ppo", "ppo"]
    assert list(table.d) == [3, "direct"] * 2
    assert table.solved_at.isna().tolist() == [False, True] * 2
    assert set(table.budget) == {500_000}
    assert not table.counted[table.d == 3].any()  # of its round one trial has finished
    assert not table.counted[table.d == "direct"].any()  # of five


def test_csv_to_standard_output_and_to_a_file(folders):
    printed = run("export", *folders).stdout
    assert run("export", *folders, "out=all.csv").stdout == ""
    assert Path("all.csv").read_text() == printed
    read = pd.read_csv(io.StringIO(printed))
    assert len(read) == 4
    assert read.score.tolist() == [500.0, 20.0] * 2


def test_a_line_being_written_is_left_out(folders):
    with Path("cma/trials.jsonl").open("a") as file:
        file.write('{"d": 4')
    assert len(trials_table.frame(["cma"])) == 2


def test_mistakes(folders):
    with pytest.raises(ConfigError, match=r"nowhere: not a run folder.*Run folders there: cma, ppo"):
        trials_table.frame(["nowhere"])
    for words, said in ((["nowhere"], "Run folders there"), (["cma", "to=x"], "to=x: no such key. Valid: out.")):
        done = run("export", *words)
        assert done.returncode == 2
        assert said in done.stderr
        assert "Traceback" not in done.stderr
    with Path("cma/trials.jsonl").open("a") as file:
        file.write("# a note\n")
    with pytest.raises(ConfigError, match=r"trials.jsonl, line 3: not a trial"):
        trials_table.frame(["cma"])


def test_files_beside_the_run_folders_are_passed_over(folders, monkeypatch):
    Path("atlas.md").write_text("what runs/* names after an atlas")
    seen: list[list[str]] = []
    for words in ([*folders, "atlas.md"], ["atlas.md"]):
        monkeypatch.setattr(sys, "argv", ["export", *words])
        cli.main_on_folders(lambda paths, _: seen.append([path.name for path in paths]), "", ())
    assert seen == [["cma", "ppo"], ["atlas.md"]]  # alone it is not passed over: it is the mistake


def test_ctrl_c_is_no_traceback(folders, monkeypatch, capsys):
    def stop(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "argv", ["export", *folders])
    with pytest.raises(SystemExit) as ended:
        cli.main_on_folders(stop, "", ())
    assert ended.value.code == 130
    assert capsys.readouterr().err == "\nStopped.\n"


def test_a_reader_that_stops_reading_is_no_error(folders):
    with Store(Path("cma")).open(cli.load("sweep", [])) as store:
        for seed in range(2, 2000):
            store.append(record(3, seed))
    done = subprocess.run(
        f"{sys.executable} -m rl_intdim.export cma | head -1",
        shell=True,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
