"""The atlas: a set of tasks measured within the hours, its table, picture and page, and what was not run."""

import json
import sys
from pathlib import Path

import pytest
from factories import compared

from rl_intdim import atlas
from rl_intdim.config import task_sets
from rl_intdim.errors import ConfigError
from rl_intdim.records.reader import read_config
from rl_intdim.records.run_folder import Store
from rl_intdim.runners import throughput
from rl_intdim.runners.prepare import prepare
from rl_intdim.search import narrowing

POLE = "id: CartPole-v1\nthreshold: 100\nbudget: 4000\nvector: compiled\nscoring: {looks: 5}\n"
BROKEN = """
import gymnasium as gym
from gymnasium.envs.classic_control import CartPoleEnv

class Broken(CartPoleEnv):
    def step(self, action):
        raise ValueError("no joint")

gym.register("Broken-v0", Broken, max_episode_steps=100)
"""


def run(monkeypatch, *words):
    monkeypatch.setattr(sys, "argv", ["atlas", *words])
    try:
        atlas.main()
    except SystemExit as stop:
        return stop.code
    return 0


@pytest.fixture
def mine(monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Pole.yaml").write_text(POLE)
    Path("mine/envs/Sticks.yaml").write_text(POLE)
    monkeypatch.setattr(throughput, "SECONDS", 0.05)
    monkeypatch.setattr(narrowing, "DRAWS", 4)
    return ["--config-dir", "mine", "workers=0", "search.direct=1"]


def test_the_atlas_measures_shows_and_resumes(monkeypatch, mine, capsys):
    words = [*mine, "tasks=Pole,Sticks", "agents=cma,sac,cma", "hours=1", "search.max_trials=6"]
    assert run(monkeypatch, *words) == 0
    page = Path("runs/atlas.md").read_text()
    for name in ("Pole", "Sticks"):
        result = json.loads(Path(f"runs/{name}-cma/result.json").read_text())
        assert sum(n for d, (n, _) in result["tested"].items() if d != "0") == 6
        said = f"python -m rl_intdim.sweep env={name} agent=cma --config-dir mine workers=0"
        assert result["command"].startswith(said)
        assert f"| {name} |" in page
    assert "- Pole by sac: agent=sac: " in page
    assert "## Harder than" in page
    assert "| all |" in page
    assert Path("runs/atlas.png").stat().st_size > 10_000
    assert "Pole by cma" in Path("runs/atlas.html").read_text()
    said = capsys.readouterr().out
    assert "Pole by cma: not begun; the next round is worth" in said
    assert "2 of 2 sweeps in turn" in said
    trials = Path("runs/Pole-cma/trials.jsonl").read_text()
    stamp = Path("runs/Pole-cma/result.json").stat().st_mtime_ns
    assert run(monkeypatch, *words) == 0
    assert Path("runs/Pole-cma/trials.jsonl").read_text() == trials
    assert Path("runs/Pole-cma/result.json").stat().st_mtime_ns == stamp  # its versions are those of its trials


def test_without_hours_it_shows_what_is_there(monkeypatch, capsys):
    compared("runs/CartPole-cma", 8, "agent=cma", "search.seed=0", "subspace.projection=dense")
    words = ["tasks=CartPole,Acrobot", "hours=0", "search.ds=[1,2,4,8,16,32]", "search.seed=0"]
    assert run(monkeypatch, *words) == 0
    page = Path("runs/atlas.md").read_text()
    assert "| CartPole |" in page
    assert "- Acrobot by cma: not begun within the hours" in page


def test_a_simulator_that_fails_is_left_out_with_its_reason(monkeypatch, mine, capsys):
    Path("broken.py").write_text(BROKEN)
    monkeypatch.syspath_prepend(".")
    Path("mine/envs/Bad.yaml").write_text(
        POLE.replace("CartPole-v1", "broken:Broken-v0").replace("compiled", "slots")
    )
    assert run(monkeypatch, *mine, "tasks=Bad,Pole", "hours=0") == 0
    out = capsys.readouterr().out
    assert "left out: Bad by cma: the environment's step raised ValueError: no joint" in out
    assert "Pole by cma" in out


def test_a_reason_is_printed_as_it_is(monkeypatch, capsys):
    def refused(config):
        raise ConfigError("pip install rl_intdim[contrib] :warning: [/data/x]")

    monkeypatch.setattr("rl_intdim.atlas.prepare", lambda c: prepare(c) if c.agent.name == "cma" else refused(c))
    assert run(monkeypatch, "tasks=CartPole", "agents=cma,tqc", "hours=0") == 0
    assert "left out: CartPole by tqc: pip install rl_intdim[contrib] :warning: [/data/x]" in capsys.readouterr().out


def test_another_projection_is_said_to_be_off_the_ladder(monkeypatch, capsys):
    compared("runs/CartPole-cma", 8, "agent=cma", "search.seed=0", "subspace.projection=sparse")
    words = ["tasks=CartPole", "hours=0", "search.ds=[1,2,4,8,16,32]", "search.seed=0", "subspace.projection=sparse"]
    assert run(monkeypatch, *words) == 0
    page = Path("runs/atlas.md").read_text()
    assert "- CartPole by cma: measured, and not on the ladder" in page
    assert "| all |  |  | 65 |" in page


def test_a_sweep_that_runs_elsewhere_keeps_no_other_from_its_result(monkeypatch):
    for name in ("CartPole", "CartPole200"):
        compared(f"runs/{name}-cma", 8, f"env={name}", "agent=cma", "search.seed=0", "subspace.projection=dense")
    words = ["tasks=CartPole,CartPole200", "hours=0", "search.ds=[1,2,4,8,16,32]", "search.seed=0"]
    config = read_config(Path("runs/CartPole-cma"))
    with Store(Path("runs/CartPole-cma")).open(config):
        assert run(monkeypatch, *words) == 0
    assert "- CartPole by cma: out=runs/CartPole-cma: another process" in Path("runs/atlas.md").read_text()
    assert Path("runs/CartPole200-cma/result.json").exists()
    assert not Path("runs/CartPole-cma/result.json").exists()
    assert run(monkeypatch, *words) == 0
    assert json.loads(Path("runs/CartPole-cma/result.json").read_text())["status"] == "undecided"
    assert run(monkeypatch, *words, "search.ci_ratio=3") == 0
    assert json.loads(Path("runs/CartPole-cma/result.json").read_text())["status"] == "found"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("tasks=smal", "'smal' is no task, and no set. Did you mean small?"),
        ("tasks=CartPole,Pogn", "'Pogn' is no task, and no set. Did you mean Pong?"),
        ("hours=soon", "hours=soon: must be a number"),
        ("env=CartPole", "env=CartPole: the atlas takes tasks=..."),
        ("agents=cmaa", "agent=cmaa: no such agent. Did you mean cma?"),
        ("serach.round=3", "Did you mean search?"),
        ("tasks=Walker2d", "scripts/threshold.py env=Walker2d"),
        ("hours", "expected key=value. Write hours=..."),
    ],
)
def test_a_mistake_is_one_line(monkeypatch, capsys, word, message):
    words = [word] if word.startswith("tasks") else ["tasks=CartPole", word]
    assert run(monkeypatch, *words) == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1
    assert not Path("runs").exists()


def test_the_sets_hold_what_has_a_threshold():
    small, without = task_sets.tasks("small")
    every, all_without = task_sets.tasks("all")
    assert {"CartPole", "Acrobot", "Swimmer"} <= set(small) < set(every)
    assert "Pong" in set(every) - set(small)
    assert not set(every) & set(all_without)
    assert without.items() <= all_without.items()
