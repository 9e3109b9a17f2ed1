"""Tasks and agents from YAML files, ours and the user's own, as a command line names them."""

from pathlib import Path

import pytest
from factories import command

from rl_intdim import sweep, train
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError

USER_TASK = """
id: Acrobot-v1
threshold: -100
budget: 3000
policy: {hidden: [4]}
"""


def test_numbers_are_numbers_and_a_key_stands_once(monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    task = Path("mine/envs/Hill.yaml")
    text = "id: MountainCar-v0\nthreshold: -110\nkwargs: {goal_velocity: 1e-2}\n"
    task.write_text(text)
    assert cli.load("sweep", ["env=Hill"], [Path("mine")]).env.kwargs == {"goal_velocity": 0.01}
    task.write_text(text + "threshold: -200\n")
    with pytest.raises(
        ConfigError, match=r"Hill\.yaml, line 4, column 1: not valid YAML: found duplicate key threshold"
    ):
        cli.load("sweep", ["env=Hill"], [Path("mine")])


def test_no_task_or_agent_goes_by_the_name_of_another(monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Mine.yaml").write_text("name: CartPole\nid: Acrobot-v1\nthreshold: 3\n")
    with pytest.raises(ConfigError, match=r"Mine\.yaml: name: 'CartPole': must be the file's own, Mine"):
        cli.load("sweep", ["env=Mine"], [Path("mine")])
    for word, right in (("env.name='Acrobot'", "env=Acrobot"), ("agent.name=ppo", "agent=ppo")):
        with pytest.raises(ConfigError, match=f"has this name. To take it: {right}"):
            cli.load("sweep", [word])
    assert cli.load("sweep", ["env.name=Pole"]).env.name == "Pole"


def test_a_whole_number_in_a_file(monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Mine.yaml").write_text("id: CartPole-v1\nthreshold: 3\nbudget: 1e6\npolicy: {hidden: [8.0]}\n")
    task = cli.load("sweep", ["env=Mine"], [Path("mine")]).env
    assert (task.budget, task.policy.hidden) == (1_000_000, [8])


def test_a_task_names_its_agent(monkeypatch):
    agent = {"CartPole": "cma", "Pong": "ppo", "gym": "cma"}
    more = ["env.id=Acrobot-v1", "env.threshold=-100"]
    for env, name in agent.items():
        config = cli.load("sweep", [f"env={env}", *(more if env == "gym" else [])])
        assert config.agent.name == name
    pong = cli.load("sweep", ["env=Pong"])
    assert pong.agent.extractor == "shared"  # as tuned for Pong
    assert cli.load("sweep", ["env=Pong", "agent=dqn"]).agent.name == "dqn"
    assert cli.load("train", ["agent=random", "env=Pong"]).agent.name == "random"
    seen = []
    assert command(monkeypatch, "sweep", lambda c: seen.append(c.out), "-m", "env=CartPole,Pong") == 0
    assert seen == ["runs/CartPole-cma", "runs/Pong-ppo"]


def test_a_run_folder_is_named_by_a_name_without_slashes():
    for name, folder in (("ALE/Pong-v5", "ALE-Pong-v5"), ("line:Line-v0", "line-Line-v0")):
        assert cli.load("sweep", ["env=gym", f"env.id={name}", "env.threshold=1"]).out == f"runs/{folder}-cma"


def test_what_a_file_no_longer_tunes_is_forgotten():
    Path("mine/agents").mkdir(parents=True)
    text = "trainer: evolution\nstrategy: cma\npopsize: 16\n"
    Path("mine/agents/cma.yaml").write_text(text + "tasks: {CartPole: {popsize: 64}}\n")
    assert cli.load("sweep", ["env=CartPole"], [Path("mine")]).agent.popsize == 64
    assert cli.load("sweep", ["env=CartPole"]).agent.popsize == 16


def test_a_whole_number_among_the_settings_of_a_task():
    Path("mine/agents").mkdir(parents=True)
    Path("mine/agents/es.yaml").write_text("trainer: evolution\nstrategy: cma\ntasks: {CartPole: {popsize: 1e2}}\n")
    assert cli.load("sweep", ["agent=es"], [Path("mine")]).agent.popsize == 100


def test_settings_for_a_task_that_is_none_are_refused():
    Path("mine/agents").mkdir(parents=True)
    Path("mine/agents/es.yaml").write_text("trainer: evolution\nstrategy: cma\ntasks: {Cartpole: {popsize: 64}}\n")
    with pytest.raises(ConfigError, match=r"es\.yaml: tasks: Cartpole: no such task\. Did you mean CartPole"):
        cli.load("sweep", ["agent=es"], [Path("mine")])


def test_a_users_task_names_a_users_agent(monkeypatch, capsys):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/agents").mkdir()
    task = Path("mine/envs/Mine.yaml")
    task.write_text("id: CartPole-v1\nthreshold: 3\nagent: es\n")
    Path("mine/agents/es.yaml").write_text("trainer: evolution\nstrategy: cma\npopsize: 8\n")
    assert cli.load("sweep", ["env=Mine"], [Path("mine")]).agent.popsize == 8
    task.write_text("id: CartPole-v1\nthreshold: 3\n")  # read again, since it changed
    assert cli.load("sweep", ["env=Mine"], [Path("mine")]).agent.name == "cma"
    task.write_text("id: CartPole-v1\nthreshold: 3\nagent: ess\n")
    assert command(monkeypatch, "sweep", sweep.sweep, "--config-dir", "mine", "env=Mine") == 2
    assert "Mine.yaml: agent: ess: no such agent. Did you mean es?" in capsys.readouterr().err
    assert cli.load("sweep", []).env.name == "CartPole"


def test_a_file_that_does_not_fit_concerns_only_who_asks_for_it(monkeypatch, capsys):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/agents").mkdir()
    Path("mine/envs/Good.yaml").write_text("id: CartPole-v1\nthreshold: 3\n")
    Path("mine/envs/Bad.yaml").write_text("id: CartPole-v1\nthreshold: 3\n")
    Path("mine/envs/Theirs.yaml").write_text("id: CartPole-v1\nthreshold: 3\nagent: bad\n")
    Path("mine/agents/bad.yaml").write_text("trainer: evolution\nstrategy: cma\nsizes: 3\n")
    Path("mine/agents/empty.yaml").write_text("trainer: evolution\nstrategy: cma\ntasks:\n  CartPole:\n")
    Path("mine/agents/two.yaml").write_text("trainer: [evolution]\n")
    assert cli.load("sweep", ["env=Bad"], [Path("mine")]).env.threshold == 3
    Path("mine/envs/Bad.yaml").write_text("id: CartPole-v1\nthreshold: a word\n")  # broken after it was read
    assert cli.load("sweep", ["env=Good"], [Path("mine")]).agent.name == "cma"
    assert cli.load("sweep", ["env=Theirs", "agent=random"], [Path("mine")]).agent.name == "random"
    bad = {"env=Bad": "Bad.yaml: threshold: must be a number", "agent=bad": "bad.yaml: sizes: no such key",
           "env=Theirs": "bad.yaml: sizes: no such key", "agent=bad nosuch=3": "bad.yaml: sizes: no such key",
           "-m env=Good,Bad": "Bad.yaml: threshold: must be a number", "env=Bd": "Did you mean Bad?",
           "agent=two": "two.yaml: trainer: ['evolution'] is no trainer. Did you mean evolution?",
           "agent=empty": "empty.yaml: tasks.CartPole: expected `key: value` lines, got None."}  # fmt: skip
    for words, says in bad.items():
        assert command(monkeypatch, "sweep", sweep.sweep, "--config-dir", "mine", *words.split()) == 2
        said = capsys.readouterr().err
        assert says in said
        assert said.count("\n") == 1


def test_yaml_that_does_not_parse_is_named_with_its_line(monkeypatch, capsys):
    Path("mine/env").mkdir(parents=True)
    Path("mine/env/Mine.yaml").write_text("id: CartPole-v1\nthreshold: [1\nbudget: 3\n")
    assert command(monkeypatch, "sweep", sweep.sweep, "--config-dir", "mine", "env=Mine") == 2
    assert "Mine.yaml, line 3" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "said"), [("treshold: 3", "Did you mean"), ("budget: x", "budget"), ("- 1", "list")]
)
def test_yaml_that_does_not_fit_is_named_with_its_key(monkeypatch, capsys, text, said):
    Path("mine/env").mkdir(parents=True)
    Path("mine/env/Mine.yaml").write_text(text)
    assert command(monkeypatch, "sweep", sweep.sweep, "--config-dir=mine", "env=Mine") == 2
    error = capsys.readouterr().err
    assert "Mine.yaml" in error
    assert said in error


def test_a_source_is_one_line_as_a_solution_needs_it(monkeypatch, capsys):
    Path("mine/env").mkdir(parents=True)
    Path("mine/env/Mine.yaml").write_text("id: CartPole-v1\nthreshold: 3\nthreshold_source: |\n  two\n  lines\n")
    assert command(monkeypatch, "sweep", sweep.sweep, "--config-dir=mine", "env=Mine") == 2
    assert "env.threshold_source='two\\nlines\\n': must be one line" in capsys.readouterr().err


def test_a_task_of_the_users_own(monkeypatch, capsys):
    Path("mine/env").mkdir(parents=True)
    Path("mine/env/Mine.yaml").write_text(USER_TASK)
    words = ["--config-dir", "mine", "env=Mine", "d=2", "env.policy.hidden=[5]"]
    assert command(monkeypatch, "train", train.train, *words) == 0
    assert "Mine by cma, d = 2 of D = 53" in capsys.readouterr().out  # 6-5-3


def test_an_agent_of_the_users_own_with_tuned_settings(monkeypatch):
    """Defaults, then what is tuned for the task, then the command line."""
    Path("mine/agents").mkdir(parents=True)
    Path("mine/agents/es.yaml").write_text(
        "trainer: evolution\nstrategy: cma\npopsize: 8\ntasks:\n  CartPole: {popsize: 10, sigma: 0.5}\n"
    )
    seen = []
    for words in (["env=InvertedPendulum"], ["env=CartPole"], ["agent.popsize=12"]):
        argv = ["--config-dir", "mine", "agent=es", *words]
        assert command(monkeypatch, "sweep", lambda c: seen.append((c.agent.popsize, c.agent.sigma)), *argv) == 0
    assert seen == [(8, 0.2), (10, 0.5), (12, 0.5)]
