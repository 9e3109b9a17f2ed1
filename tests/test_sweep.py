"""Whole sweeps on small real tasks: the answer, the run folder, resuming, and failing well."""

import json
import os
import signal
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from factories import FOLDER, PYTHONPATH, argv, command, lines, record, run

from rl_intdim import sweep
from rl_intdim.analysis import sweep_plots
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError, TrialFailure, WriteFailure
from rl_intdim.records import summary
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.reader import read_trials
from rl_intdim.search.adaptive import answer
from rl_intdim.search.loop import outcomes
from rl_intdim.solution import loading

FAST = ["env.budget=10000", "workers=0", "search.direct=1", "search.d_max=8", "search.seed=0"]
KEYS = {
    *("env", "agent", "projection", "d_int", "ci95", "threshold", "D", "budget", "trials", "env_steps", "seconds"),
    *("direct", "status", "versions", "commit", "command"),
}


def swept(*words):
    config = cli.load("sweep", [*FAST, *words])
    return sweep.sweep(config), Path(config.out)


def test_below_1():
    """A threshold that theta0 alone reaches: nothing has to be learned."""
    result, folder = swept("env.threshold=5")
    assert (result.status, result.d_int, result.ci95) == ("below_1", 0, (0, 0))
    assert {t["d"] for t in lines(folder)} == {0, "direct"}
    assert json.loads((folder / "result.json").read_text())["status"] == "below_1"


def test_above_max():
    """A threshold that no policy reaches, up to d = 2."""
    result, folder = swept("env.threshold=501", "env.budget=2000", "search.d_max=2")
    assert (result.status, result.d_int, result.ci95) == ("above_max", None, (2, None))
    assert not (folder / "solution.json").exists()
    assert result.direct == (0, 1)
    assert "direct training failed" in " ".join(result.warnings)


def test_a_search_leaves_a_whole_run_folder(capsys):
    result, folder = swept("env.threshold=100", "env.budget=20000", "search.max_trials=60")
    assert set(json.loads((folder / "result.json").read_text())) >= KEYS
    assert result.status in ("found", "undecided")  # d_int is about 2
    assert 1 <= result.ci95[0] <= result.d_int <= result.ci95[1] <= 8
    assert {p.name for p in folder.iterdir()} - {".lock"} == {
        "config.yaml", "trials.jsonl", "result.json", "plot.png", "curves.png", "solution.json",
        "sessions.jsonl",
    }  # fmt: skip
    trials = lines(folder)
    assert result.trials == len(trials) - 1
    assert result.env_steps == sum(t["env_steps"] for t in trials)
    for t in trials:
        assert t["solved"] == (t["score"] >= 100)
        assert t["score"] in [mean for _, mean in t["confirmations"]]  # of the best policy confirmed
        if t["d"] and not t["solved"]:
            assert t["curve"]
    best = loading.load(folder / "solution.json")
    assert best.d == min(t["d"] for t in trials if t["solved"] and t["d"] != "direct")
    printed = capsys.readouterr().out
    assert "d_int" in printed
    assert "round of" in printed


def test_a_sweep_by_a_gradient_agent_from_first_trial_to_solution():
    """PPO on the trivial task: theta0 alone fails, and a few dimensions are enough."""
    task = ["env=gym", "env.id=test/Echo-v0", "env.name=Echo", "+env.kwargs.kind=continuous",
            "env.threshold=8.5", "env.policy.hidden=[8]",
            "env.scoring.look_episodes=5", "env.scoring.confirm_episodes=20"]  # fmt: skip
    ppo = ["agent=ppo", "agent.settings.n_epochs=5", "agent.settings.batch_size=64"]
    result, folder = swept(*task, *ppo, "env.budget=2500", "search.max_trials=12")
    assert 1 <= result.ci95[0] <= result.d_int <= 8
    assert result.direct == (1, 1)
    trials = lines(folder)
    assert len(trials) == 1 + 6 + 12  # direct, theta0 alone, and those that the limit counts
    assert all(len(t["theta_d"]) == t["d"] for t in trials if t["d"] != "direct")
    best = loading.load(folder / "solution.json", trust=True)
    assert (best.agent, best.task.id) == ("ppo", "test/Echo-v0")
    again = best.returns(20, np.random.default_rng(1))[0].mean()
    assert again == pytest.approx(best.score, abs=1)


def test_resumed_repeated_or_with_other_workers_the_answer_is_the_same(monkeypatch):
    words = ["env.threshold=100", "env.budget=3000", "search.max_trials=24"]
    whole, folder = swept(*words)
    decided = sorted((t["d"], t["seed"], t["score"]) for t in lines(folder) if t["d"] != "direct")
    # Cut in the middle of a round, and finished by two processes.
    half, other = lines(folder)[:15], Path("other")
    other.mkdir()
    (other / "config.yaml").write_text((folder / "config.yaml").read_text())
    (other / "trials.jsonl").write_text("".join(json.dumps(t) + "\n" for t in half))
    again, _ = swept(*words, "workers=2", f"out={other}")
    assert sorted((t["d"], t["seed"], t["score"]) for t in lines(other) if t["d"] != "direct") == decided
    assert (whole.d_int, whole.ci95, whole.env_steps) == (again.d_int, again.ci95, again.env_steps)
    # Finished: nothing is run again, and nothing written anew.
    monkeypatch.setattr("rl_intdim.training.trial.run_trial", None)
    before = (folder / "trials.jsonl").read_bytes()
    assert swept(*words)[0].d_int == whole.d_int
    assert (folder / "trials.jsonl").read_bytes() == before


def test_a_grid_runs_exactly_that():
    result, folder = swept("search.ds=[1,4]", "search.seeds=3", "search.d_max=null")
    assert result.tested.keys() == {1, 4}
    assert all(n == 3 for n, _ in result.tested.values())
    assert result.d_max == 4
    assert len(lines(folder)) == 7


def test_d_that_are_given_can_be_ended_with_fewer_seeds_and_go_on_with_more():
    words = ["search.ds=[1,4]", "search.d_max=null", "search.direct=0"]
    swept(*words, "search.seeds=2")
    result, folder = swept(*words, "search.seeds=3")
    assert [(t["d"], t["seed"]) for t in lines(folder)] == [(1, 0), (4, 1), (1, 2), (4, 3), (1, 4), (4, 5)]
    assert {d: n for d, (n, _) in result.tested.items()} == {1: 3, 4: 3}
    assert swept(*words, "search.seeds=1")[0].trials == 6  # none is thrown away


def test_the_papers_grid():
    """search=grid: log-spaced d, every trial to the end of its budget, and the paper's rule on their scores."""
    result, folder = swept("search=grid", "search.grid=3", "search.seeds=2", "env.threshold=100", "env.budget=5000")
    trials = lines(folder)
    assert {t["d"] for t in trials} == {1, 3, 8, "direct"}
    assert all(4500 < t["env_steps"] <= 5000 for t in trials)
    assert result.stopped_by == "search.ds"
    rule = result.d90_paper
    means = {d: sum(t["score"] for t in trials if t["d"] == d) / 2 for d in (1, 3, 8)}
    assert rule.level == pytest.approx(0.9 * next(t["score"] for t in trials if t["d"] == "direct"))
    assert rule.d_int90 == next((d for d in (1, 3, 8) if means[d] >= rule.level), None)
    assert swept("out=other", "search.ds=[1]", "search.seeds=1", "search.d_max=null")[0].d90_paper is None


def test_a_result_says_that_its_plots_are_there(monkeypatch):
    """Else an atlas, which looks for the result alone, would never draw them again."""

    def full(*args):
        raise WriteFailure("no space left")

    monkeypatch.setattr("rl_intdim.analysis.sweep_plots.curves", full)
    with pytest.raises(WriteFailure):
        swept("env.threshold=5", "search.d_max=2")
    assert not list(Path("runs").rglob("result.json"))


def test_a_result_that_is_read_again_keeps_its_provenance():
    words = ["env.threshold=5", "search.d_max=2"]
    _, folder = swept(*words)
    path = folder / "result.json"
    path.write_text(path.read_text().replace(json.loads(path.read_text())["command"], "as it was typed then"))
    swept(*words)
    assert json.loads(path.read_text())["command"] == "as it was typed then"


def test_the_smaller_budgets_are_answered_from_the_recorded_steps():
    result, folder = swept("search.ds=[2,8]", "search.seeds=4", "env.threshold=100", "search.d_max=null")
    config = cli.load("sweep", ["search.ds=[2,8]"])
    half = answer(config.search, 8, outcomes(read_trials(folder, config), 5_000))
    assert result.by_budget["half"].d_int == half.d_int
    assert result.by_budget["all"].d_int == result.d_int


def test_a_trial_that_breaks_down_is_tried_again_and_never_counted(monkeypatch):
    from rl_intdim.training import trial

    real, broken = trial.run_trial, []

    def flaky(spec):
        if spec.seed == 2 and len(broken) < limit:
            broken.append(spec)
            raise ValueError("a NaN, say")
        return real(spec)

    monkeypatch.setattr("rl_intdim.training.trial.run_trial", flaky)
    words = ["search.ds=[1]", "search.seeds=4", "search.d_max=null", "env.budget=2000"]
    limit = 2
    with pytest.raises(
        TrialFailure, match=r"d=1 seed=2 broke down 2 times.*a NaN, say.*It failed in the same way each time"
    ):
        swept(*words)
    folder = Path("runs/CartPole-cma")
    assert len(lines(folder)) == 4  # all the others, and the direct run
    assert len((folder / "failures.jsonl").read_text().splitlines()) == 2
    result, _ = swept(*words)
    assert result.tested == {1: (4, 0)}


def test_a_worker_that_is_killed_fails_alone(monkeypatch):
    """Real processes; one kills itself on its first attempt."""
    monkeypatch.setenv("PYTHONPATH", PYTHONPATH)
    words = ["+env.kwargs.mark=mark", "env.id=killer:test/Killer-v0", "env.vector=slots", "env.threshold=1"]
    Path("mark").touch()
    words += [*FAST, "search.ds=[1]", "search.seeds=3", "workers=2", "search.d_max=null", "env.budget=200"]
    done = run("sweep", *words)
    assert done.returncode == 0, done.stderr
    assert len(lines()) == 4
    assert "process died" in (FOLDER / "failures.jsonl").read_text()


def test_ctrl_c_keeps_what_is_finished_and_the_same_command_goes_on(monkeypatch, capsys):
    words = ["env.budget=10000", "env.threshold=501", "search.ds=[1]", "search.seeds=6", "search.direct=0"]
    process = subprocess.Popen(
        argv("sweep", *words, "workers=2"),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, process_group=0,
    )  # fmt: skip
    log = FOLDER / "trials.jsonl"
    deadline = time.monotonic() + 600
    while not (log.exists() and "\n" in log.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "same command" in errors
    assert "Traceback" not in errors
    kept = lines()
    assert 1 <= len(kept) < 6
    while _group_lives(process.pid):  # the fork server ends when it sees its parent gone
        assert time.monotonic() < deadline + 60
        time.sleep(0.05)
    assert command(monkeypatch, "sweep", sweep.sweep, *words, "workers=0") == 0  # the number of workers is free
    assert f"{len(kept)} trials are finished" in capsys.readouterr().out
    assert lines()[: len(kept)] == kept
    assert len(lines()) == 6


def _group_lives(group):
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_d_above_D_is_refused_and_nothing_written():
    for words in (["search.ds=[4,563]", "search.d_max=null"], ["search.d_max=563"]):
        with pytest.raises(ConfigError, match=r"above D = 562"):
            swept(*words)
    with pytest.raises(ConfigError, match=r"search\.d_max=8: must be at least the largest of search\.ds, 64"):
        swept("search.ds=[4,64]", "search.d_max=8")
    assert not Path("runs").exists()


def test_a_finished_trials_state_that_a_kill_left_behind_is_removed():
    _, folder = swept("env.threshold=5")
    left = folder / "checkpoints" / "d-0-seed-0"
    left.mkdir(parents=True)
    swept("env.threshold=5")
    assert not left.exists()


def test_curves_show_what_the_goal_names_too():
    config = cli.load("sweep", ["env=Humanoid", "agent=cma"])
    looks = [[10, 100.0, 0.1, 0.25], [20, 6001.0, 0.2, 7.5]]
    trials = [record(d, solved=True, env_steps=20, curve=looks, D=166_673) for d in (700, "direct")]
    said = summary.summarise(config, 166_673, 700, trials, Provenance())
    score, far = sweep_plots.curves(said, trials).axes
    assert [line.get_ydata()[-1] for line in score.lines[:4]] == [6001.0] * 4  # a line and a dot each
    assert [line.get_ydata()[-1] for line in far.lines] == [7.5] * 4 + [5.0]
    assert "x_position" in far.get_ylabel()
    assert len(sweep_plots.curves(replace(said, goal=None), trials).axes) == 1


ROAMING = """
import os
import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv

class Roaming(CartPoleEnv):
    def reset(self, *, seed=None, options=None):
        os.chdir("/")
        return super().reset(seed=seed)

gym.register("Roaming-v0", Roaming, max_episode_steps=100)
"""


@pytest.mark.parametrize("words", [[], ["env.checkpoint=1000"]])
def test_an_environment_that_changes_the_folder_moves_no_file(monkeypatch, words):
    Path("roaming.py").write_text(ROAMING)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    given = ["env=gym", "env.id=roaming:Roaming-v0", "env.budget=3000", "env.threshold=101", "out=runs/here"]
    _, folder = swept(*given, "search.ds=[1]", "search.seeds=2", "search.d_max=null", "search.direct=0", *words)
    assert len(lines(folder)) == 2


def test_an_undecided_sweep_says_what_goes_on(capsys):
    result, _ = swept("env.threshold=100", "env.budget=3000", "search.direct=0", "search.max_trials=6")
    assert (result.status, result.stopped_by) == ("undecided", "search.max_trials")
    assert "Undecided: the same command with search.max_trials=12 keeps these trials" in capsys.readouterr().out
    words = ["env.threshold=501", "env.budget=2000", "search.direct=5", "search.max_env_steps=22000"]
    result, _ = swept(*words, "out=runs/few")
    assert (result.stopped_by, result.env_steps) == ("search.max_env_steps", 22_000)
    assert "search.max_env_steps=44_000 keeps these trials" in capsys.readouterr().out


def test_more_than_a_folder_holds_is_proposed(capsys):
    words = ["env.threshold=100", "env.budget=3000", "search.direct=0"]
    swept(*words, "search.max_trials=12")
    swept(*words, "search.max_trials=6")
    assert "search.max_trials=24 keeps these trials" in capsys.readouterr().out.rpartition("Undecided")[2]


def test_a_sweep_that_has_ended_measures_no_pace_and_one_that_goes_on_does(monkeypatch):
    """As with Pong, whose trials have checkpoints."""
    words = ["env.threshold=100", "env.budget=3000", "env.checkpoint=1000", "search.direct=0"]
    measured = []
    monkeypatch.setattr("rl_intdim.runners.throughput.print_expected_time", lambda *_: measured.append(1))
    for more, times in (
        (["search.max_trials=6"], 1),
        (["search.max_trials=6"], 1),
        (["search.max_trials=12"], 2),
        (["search.max_trials=12"], 2),
    ):
        swept(*words, *more)
        assert len(measured) == times
