"""The commands as a user types them: forms of words, several runs at once, dry runs, single trials."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from factories import command

from rl_intdim import files, sweep, train
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.runners.throughput import pace
from rl_intdim.training.spec import TrialSpec


@pytest.mark.parametrize("every", [1000, "null"])
@pytest.mark.parametrize("file", ["solution.json", "trial.json"])
def test_a_disk_that_is_full_at_the_end_costs_only_what_came_after_the_checkpoint(monkeypatch, capsys, file, every):
    """The same command goes on, and ends with what an undisturbed one writes."""
    words = ["d=3", "env.budget=4000", "env.threshold=501", f"env.checkpoint={every}"]
    assert command(monkeypatch, "train", train.train, *words, "out=whole") == 0
    written = files.write_all

    def full(handle, data):
        if Path(handle.name).name == f"{file}.part":
            raise OSError(28, "No space left on device")
        written(handle, data)

    with monkeypatch.context() as patch:
        patch.setattr(files, "write_all", full)
        assert command(patch, "train", train.train, *words, "out=cut") == 1
    said = capsys.readouterr().err
    assert "No space left on device" in said
    assert said.count("\n") == 1
    assert Path("cut/checkpoint/state.pt").exists() == (every == 1000)
    assert command(monkeypatch, "train", train.train, *words, "out=cut") == 0
    whole, cut = (json.loads(Path(folder, "trial.json").read_text()) for folder in ("whole", "cut"))
    assert whole | {"seconds": 0} == cut | {"seconds": 0}
    assert Path("whole/solution.json").read_bytes() == Path("cut/solution.json").read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_reader_that_stops_reading_ends_no_training_and_a_full_disk_is_one_line():
    train = f"{sys.executable} -m rl_intdim.train d=3 env.budget=9000 env.threshold=501"
    words = f"{train} out=cut | head -1; {train} out=full > /dev/full; echo $?"
    done = subprocess.run(words, shell=True, capture_output=True, text=True)
    assert done.stderr == "error: standard output, or a file without a name: No space left on device.\n"
    assert done.stdout.endswith("\n2\n")
    assert Path("cut/trial.json").exists()


def test_a_whole_number_is_one_however_it_is_written():
    words = ["env.budget=1e6", "search.ds=[1e1,2.0]", "agent=ppo", "agent.settings.n_steps=1e2", "env.threshold=1e2"]
    config = cli.load("sweep", words)
    assert (config.env.budget, config.search.ds, config.agent.settings["n_steps"]) == (1_000_000, [10, 2], 100)
    assert isinstance(config.env.threshold, float)
    assert cli.load("train", ["d=1e3"]).d == 1000


def test_a_threshold_of_the_users_own_has_no_other_source(monkeypatch):
    assert "Gymnasium" in cli.load("sweep", []).env.threshold_source
    seen = []
    two = ["-m", "env.threshold=100,200", "out=runs/${env.threshold}"]
    for words in (["env.threshold=100"], two, ["env=Pong", "++env.threshold=1"]):
        command(monkeypatch, "sweep", lambda c: seen.append(c.env.threshold_source), *words)
    assert seen == ["the command line"] * 4
    mine = cli.load("sweep", ["env.threshold=100", "env.threshold_source='my own'"])
    assert mine.env.threshold_source == "my own"


@pytest.mark.parametrize("flag", ["-m", "--multirun"])
def test_each_combination_is_checked_with_its_own_agent(monkeypatch, capsys, flag):
    """The key is not of the default agent; the option stands anywhere."""
    seen = []
    words = ["agent=ppo,a2c", flag, "agent.n_envs=4", "+agent.settings.ent_coef=0.01", "out='a b'", "dry_run=true"]
    assert command(monkeypatch, "sweep", lambda c: seen.append((c.agent.name, c.agent.n_envs, c.out)), *words) == 0
    assert seen == [("ppo", 4, "a b"), ("a2c", 4, "a b")]
    assert command(monkeypatch, "sweep", lambda c: pytest.fail("ran"), flag, "agent=ppo,cma", "agent.n_envs=4") == 2
    assert "agent.n_envs=4: no such key" in capsys.readouterr().err


def test_the_plain_command_is_cartpole_by_cma(monkeypatch):
    seen = []
    assert command(monkeypatch, "sweep", lambda c: seen.append(c.out)) == 0
    assert seen == ["runs/CartPole-cma"]


def test_hydras_own_options(monkeypatch, capsys):
    assert command(monkeypatch, "sweep", lambda c: pytest.fail("ran"), "--cfg", "job", "env=Pong") == 0
    assert "id: ALE/Pong-v5" in capsys.readouterr().out


def test_any_gymnasium_environment_from_the_command_line(monkeypatch, capsys):
    words = ["env=gym", "env.id=Acrobot-v1", "env.threshold=-100", "env.budget=3000", "d=2"]
    assert command(monkeypatch, "train", train.train, *words) == 0
    assert "Acrobot-v1 by cma" in capsys.readouterr().out


def test_wrappers_and_kwargs(monkeypatch, capsys):
    words = ["env=gym", "env.id=FrozenLake-v1", "env.threshold=0.7", "env.kwargs.is_slippery=false",
             "env.budget=2000", "env.wrappers=[gymnasium.wrappers.FlattenObservation]", "d=2"]  # fmt: skip
    assert command(monkeypatch, "train", train.train, *words) == 0
    assert "D = 844" in capsys.readouterr().out  # 16-20-20-4


def test_dry_run_says_what_would_run_and_writes_nothing(monkeypatch, capsys):
    monkeypatch.setattr("rl_intdim.runners.throughput.SECONDS", 0.1)
    assert command(monkeypatch, "sweep", sweep.sweep, "dry_run=true") == 0
    said = capsys.readouterr().out
    assert "125 trials, 62,500,000 env steps" in said
    assert "besides, 6 of theta0 alone" in said
    assert "env steps/s of training a trial, measured now" in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize("agent", ["cma", "ppo", "dqn"])
def test_the_pace_is_that_of_training(agent, monkeypatch):
    """Even where making the algorithm takes longer than the measurement."""
    monkeypatch.setattr("rl_intdim.runners.throughput.SECONDS", 0.0)
    config = cli.load("sweep", [f"agent={agent}"])
    assert 10 < pace(TrialSpec(config.env, config.agent, "dense", "direct", 0)) < 10**6


def test_a_run_that_fails_keeps_no_other_from_its_turn(monkeypatch, capsys):
    seen = []

    def job(config):
        seen.append(config.env.threshold)
        if config.env.threshold < 300:
            raise TrialFailure("it broke down.") if config.env.threshold == 200 else ConfigError("it does not fit.")

    words = ["-m", "env.threshold=100,200,300", "out=runs/${env.threshold}"]
    assert command(monkeypatch, "sweep", job, *words) == 2
    assert seen == [100, 200, 300]
    assert capsys.readouterr().err.splitlines() == ["error: it does not fit.", "error: it broke down."]


def test_multirun_runs_every_combination(monkeypatch):
    seen = []
    words = ["-m", "env=CartPole,InvertedPendulum", "agent=cma,ppo"]
    assert command(monkeypatch, "sweep", lambda c: seen.append(c.out), *words) == 0
    assert seen == [f"runs/{e}-{a}" for e in ("CartPole", "InvertedPendulum") for a in ("cma", "ppo")]
    assert not list(Path().iterdir())


@pytest.mark.parametrize("agent", ["cma", "ppo", "random"])
def test_train_prints_the_score_and_writes_only_where_told(monkeypatch, capsys, agent):
    words = [f"agent={agent}", "d=10", "seed=3", "env.budget=1000"]
    assert command(monkeypatch, "train", train.train, *words) == 0
    assert f"CartPole by {agent}, d = 10 of D = 562, seed 3" in capsys.readouterr().out
    assert not list(Path().iterdir())
    assert command(monkeypatch, "train", train.train, *words, "out=here") == 0
    assert json.loads(Path("here/trial.json").read_text())["seed"] == 3
    assert json.loads(Path("here/solution.json").read_text())["d"] == 10
    assert command(monkeypatch, "train", train.train, *words, "out=here") == 2
    assert "out=here: holds a trial already" in capsys.readouterr().err
    Path("here/trial.json").unlink()
    assert command(monkeypatch, "train", train.train, *words, "out=here") == 2
    assert "out=here: holds a solution already" in capsys.readouterr().err
    Path("sweep").mkdir()
    Path("sweep/config.yaml").touch()
    assert command(monkeypatch, "train", train.train, *words, "out=sweep") == 2
    assert "out=sweep: is the run folder of a sweep." in capsys.readouterr().err


def test_train_removes_no_folder_of_something_else(monkeypatch, capsys):
    """A project may keep its models in a folder named checkpoint."""
    words = ["d=2", "env.budget=1000", "out=."]
    for theirs in ("checkpoint/model.zip", "checkpoint"):
        path = Path(theirs)
        path.parent.mkdir(exist_ok=True)
        path.write_text("mine")
        assert command(monkeypatch, "train", train.train, *words) == 2
        assert "its checkpoint is not that of a trial" in capsys.readouterr().err
        assert path.read_text() == "mine"
        path.unlink()
        if path.parent != Path():
            path.parent.rmdir()


@pytest.mark.parametrize("left", ["direct/state.pt", "state.pt.part", "progress.json"])
def test_train_goes_on_in_what_a_kill_left(monkeypatch, left):
    """Of a direct run, of a first checkpoint; and the log of the shell may lie there too."""
    path = Path("run/checkpoint") / left
    path.parent.mkdir(parents=True)
    path.write_bytes(b"")
    Path("run/checkpoint/.lock").touch()
    Path("run/log.txt").write_text("mine")
    assert command(monkeypatch, "train", train.train, "d=2", "env.budget=1000", "out=run") == 0
    assert sorted(path.name for path in Path("run").iterdir()) == ["log.txt", "solution.json", "trial.json"]


def test_a_trial_that_runs_keeps_its_folder_to_itself(monkeypatch, capsys):
    with train._held(Path("here")):
        assert command(monkeypatch, "train", train.train, "d=2", "env.budget=1000", "out=here") == 2
        assert "out=here: another process runs a trial there" in capsys.readouterr().err
    assert command(monkeypatch, "train", train.train, "d=2", "env.budget=1000", "out=here") == 0
    assert sorted(path.name for path in Path("here").iterdir()) == ["solution.json", "trial.json"]


def test_d_0_scores_theta0(monkeypatch, capsys):
    assert command(monkeypatch, "train", train.train, "d=0") == 0
    assert "0 env steps" in capsys.readouterr().out
