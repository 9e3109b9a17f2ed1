"""The commands as a user types them: what works, and one clear message with exit status 2 for what does not."""

import json
import shlex
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from factories import command

from rl_intdim import files, sweep, train
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.runners.throughput import pace
from rl_intdim.training.trial import TrialSpec

USER_TASK = """
id: Acrobot-v1
threshold: -100
budget: 3000
policy: {hidden: [4]}
"""


BAD = {
    "env=CartPol": "Did you mean CartPole? Valid: CartPole",
    "agent=pp": "Did you mean ppo? Valid: ppo",
    "env.treshold=3": "Did you mean threshold?",
    "serach.round=3": "Did you mean search?",
    "env.policy.hiden=[3]": "Did you mean hidden?",
    "env.threshold=abc": "env.threshold=abc",
    "env.threshold=nan": "must be a finite number",
    "env.threshold=null": "env.threshold",
    "env.budget=1.5": "env.budget=1.5",
    "env.budget=0": "must be from 1 to",
    "env.policy.hidden=[0]": "env.policy.hidden",
    "env.policy.activation=tnah": "Did you mean tanh?",
    "env.policy=3": "env.policy=3",
    "env.vector=fast": "Valid: atari, compiled, native, slots",
    "env.wrappers=[gymnasium.wrappers.NormalizeObservation]": "valid: env.statistics",
    "env.statistics.mean=0.1": "as many numbers as env.statistics.mean has (1)",
    "env.statistics.mean=0.1 env.statistics.std=0.0": "env.statistics.std=0.0: must be",
    "env.statistics.mean=nan env.statistics.std=1": "env.statistics.mean=nan: must be",
    "env.statistics.mean=x env.statistics.std=1": "env.statistics.mean=x: must be finite numbers",
    "env.statistics.clip=0": "env.statistics.clip",
    "env.vector=native env.statistics.mean=0.1 env.statistics.std=1": "give env.vector=slots",
    "env=gym": "env.id: missing",
    "env=gym env.id=Acrobot-v1": "env.threshold: missing",
    "search.ds=[-1]": "0 or more",
    "search.ds=[2,2]": "twice",
    "search.ds=[]": "search.ds",
    "search.ds=[a]": "search.ds",
    "search.ci_ratio=0.5": "1 or more",
    "search.round=0": "must be from 1 to 1,000",
    "search.max_trials=5": "search.round=6 or more",
    "search.max_env_steps=100 search.ds=[2]": "is for a search",
    "search.max_env_steps=2_499_999": "must be 2,500,000 or more, for search.direct=5",
    "agent.popsize=x": "agent.popsize=x",
    "agent.popsize=1": "must be from 2",
    "agent.sigma=0": "positive",
    "agent.patience=0": "must be from 1",
    "agent.growth=0": "must be from 1",
    "agent.diagonal_above=-1": "must be from 0",
    "agent=openai_es agent.learning_rate=0": "positive",
    "agent=openai_es agent.weight_decay=-1": "0 or more",
    "agent=openai_es agent.popsize=7": "must be even",
    "env=CartPole env.vector=native agent.common=true": "env.vector=slots",
    "agent=ppo agent.multiplier=-1": "positive",
    "agent.strategy=cmaes": "Did you mean cma?",
    "subspace.projection=dens": "Did you mean dense?",
    "workers=-1": "must be from 0",
    "threads=0": "must be from 1",
    "search=gird": "Did you mean grid?",
    "search.grid=3 search.ds=[1]": "beside search.ds",
    "trial_hours=0": "above 0",
    "agent.trainer=gradient": "evolution",
    "dry_run": "dry_run",
    "--config-dir nowhere": "no such folder",
    "-m env=CartPole,CartPol": "Did you mean CartPole?",
    "~env": "env",
    "agent=cma,random": "Give -m for a run with each",
    "search.ds=2,4": "Write 'search.ds=[2,4]', or give -m",
    "++foo=1": "++foo=1: no such key",
    "+agent.foo=1": "+agent.foo=1: no such key. Valid: common",
    "agent.n_envs=4": "agent.n_envs=4: no such key",
    "--config-dir": "Give --config-dir FOLDER",
    "--config-dir=": "Give --config-dir FOLDER",
    "--cfg": "--cfg/-c: expected one argument",
    "--cfg=jbo": "invalid choice: 'jbo'",
    "--nosuch": "unrecognized arguments: --nosuch",
    "env CartPole": "Write env=CartPole",
    "env": "Write env=... with one of Acrobot",
    "CartPole": "Write env=CartPole",
    "ppo": "Write agent=ppo",
    "seeds=3": "Did you mean search.seeds?",
    "env.budget=2.5e0": "env.budget=2.5e0",
    "out=a(b)": "'out=\"a(b)\"'",
    "out=#b": "'out=\"#b\"'",
    "out=~{b": "'out=\"~{b\"'",
    "env.id=[a": "env.id=[a: the value does not parse",
}


@pytest.mark.parametrize("line", BAD)
def test_a_mistake_gets_one_message_and_status_2(monkeypatch, capsys, line):
    assert command(monkeypatch, "sweep", lambda config: pytest.fail("ran"), *line.split()) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith("error: ")
    assert said.err.count("\n") == 1
    assert BAD[line] in said.err
    assert not list(Path().iterdir())


LATE = {  # what needs the environment, or the algorithm
    "env=gym env.id=CartPoel-v1 env.threshold=1": "CartPole-v1",
    "env=gym env.id=FrozenLake-v1 env.threshold=1": "FlattenObservation",
    "env.vector=slots +env.kwargs.nosuch=1": "nosuch",
    "env.vector=slots env.wrappers=[gymnasium.wrappers.Nosuch]": "Nosuch",
    "search.d_max=600": "above D = 562",
    "agent=ppo agent.noise=0.1": "agent.noise=0.1",
    "env=Humanoid env.goal.info=x_positon": "Did you mean x_position",
    "agent=ppo agent.algorithm=stable_baselines3.PP": "PPO",
    "agent=ppo +agent.settings.nosuch=1": "nosuch",
    "agent=ppo agent.actor=[action_net]": "562",
    "agent=ppo agent.actor=[actor_net]": "actor_net",
    "agent=ppo agent.algorithm=pathlib.Path": "not a Stable-Baselines3 algorithm",
}


@pytest.mark.parametrize("line", LATE)
def test_a_mistake_that_needs_the_environment(monkeypatch, capsys, line):
    assert command(monkeypatch, "sweep", sweep.sweep, *line.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith("error: ")
    assert LATE[line] in said.err
    assert "Traceback" not in said.err
    assert not list(Path().iterdir())


def test_a_quoted_value_is_taken_as_the_message_says(monkeypatch):
    """The word that the message gives, as a shell hands it on."""
    outs = ["a (b)", "#b", "~{b", 'say "c"', "a,b", "it's", "a=b", "back\\"]
    for out in outs:
        seen = []
        with pytest.raises(ConfigError) as caught:
            cli.load("sweep", [f"out=[{out}"])
        word = (
            shlex.split(str(caught.value).rpartition("too: ")[2].replace("[", "", 1))[0] if "'" not in out else None
        )
        if word:
            assert command(monkeypatch, "sweep", lambda c, seen=seen: seen.append(c.out), word) == 0
            assert seen == [out]


@pytest.mark.parametrize(
    ("name", "words", "says"),
    [
        ("play", ["file.json"], "Write solution=file.json"),
        ("sweep", ["out=taken"], "out=taken: taken is a file. Name a folder."),
        ("sweep", ["out=taken/below"], "is a file. Name a folder."),
        ("train", ["out=taken"], "out=taken: taken is a file. Name a folder."),
        ("train", ["out=shut/here"], "shut cannot be written to"),
        ("sweep", ["out=shut"], "shut cannot be written to"),
        ("compress", ["solution=x", "out=folder"], "out=folder: is a folder. Name a file."),
        ("compress", ["solution=x", "out=no/file"], "out=no/file: there is no folder no."),
        ("compress", ["solution=x", "out=shut/file"], "shut cannot be written to"),
        ("play", ["solution=x", "out=shut/film.gif"], "shut cannot be written to"),
        ("report", ["runs", "out=shut/page.html"], "shut cannot be written to"),
        ("export", ["runs", "out=folder"], "out=folder: is a folder. Name a file."),
        ("compare", ["runs", "out=folder"], "out=folder: is a folder. Name a file."),
    ],
)
def test_where_nothing_can_be_written_is_said_before_anything_runs(monkeypatch, capsys, name, words, says):
    def refuse(dir, **more):
        if Path(dir).name == "shut":  # a user who is root may write anywhere
            raise PermissionError(13, "Permission denied")
        return tempfile.TemporaryFile(dir=dir, **more)

    monkeypatch.setattr("rl_intdim.files.TemporaryFile", refuse)
    monkeypatch.setattr("rl_intdim.training.trial.run_trial", lambda *_: pytest.fail("ran"))
    Path("taken").touch()
    Path("shut").mkdir()
    Path("folder").mkdir()
    monkeypatch.setattr(sys, "argv", [name, *words])
    with pytest.raises(SystemExit) as stop:
        import_module(f"rl_intdim.{name}").main()
    said = capsys.readouterr()
    assert stop.value.code == 2
    assert says in said.err
    assert said.err.count("\n") == 1
    assert sorted(p.name for p in Path().rglob("*")) == ["folder", "shut", "taken"]


@pytest.mark.parametrize("file", ["solution.json", "trial.json"])
def test_a_disk_that_is_full_at_the_end_costs_only_what_came_after_the_checkpoint(monkeypatch, capsys, file):
    """The same command goes on, and ends with what an undisturbed one writes."""
    words = ["d=3", "env.budget=4000", "env.threshold=501", "env.checkpoint=1000"]
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
    assert Path("cut/checkpoint/state.pt").exists()
    assert command(monkeypatch, "train", train.train, *words, "out=cut") == 0
    whole, cut = (json.loads(Path(folder, "trial.json").read_text()) for folder in ("whole", "cut"))
    assert whole | {"seconds": 0} == cut | {"seconds": 0}
    assert Path("whole/solution.json").read_bytes() == Path("cut/solution.json").read_bytes()


def test_a_whole_number_is_one_however_it_is_written():
    words = ["env.budget=1e6", "search.ds=[1e1,2.0]", "agent=ppo", "agent.settings.n_steps=1e2", "env.threshold=1e2"]
    config = cli.load("sweep", words)
    assert (config.env.budget, config.search.ds, config.agent.settings["n_steps"]) == (1_000_000, [10, 2], 100)
    assert isinstance(config.env.threshold, float)
    assert cli.load("train", ["d=1e3"]).d == 1000


def test_a_whole_number_in_a_file(monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Mine.yaml").write_text("id: CartPole-v1\nthreshold: 3\nbudget: 1e6\npolicy: {hidden: [8.0]}\n")
    task = cli.load("sweep", ["env=Mine"], [Path("mine")]).env
    assert (task.budget, task.policy.hidden) == (1_000_000, [8])


def test_a_threshold_of_the_users_own_has_no_other_source(monkeypatch):
    assert "Gymnasium" in cli.load("sweep", []).env.threshold_source
    seen = []
    for words in (["env.threshold=100"], ["-m", "env.threshold=100,200"], ["env=Pong", "++env.threshold=1"]):
        command(monkeypatch, "sweep", lambda c: seen.append(c.env.threshold_source), *words)
    assert seen == ["the command line"] * 4
    mine = cli.load("sweep", ["env.threshold=100", "env.threshold_source='my own'"])
    assert mine.env.threshold_source == "my own"


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


@pytest.mark.parametrize("d", ["-1", "563", "2.5", "all", "true"])
def test_a_wrong_d(monkeypatch, capsys, d):
    assert command(monkeypatch, "train", train.train, f"d={d}") == 2
    assert f"d={d}".lower() in capsys.readouterr().err.lower()


def test_mistakes_are_answered_before_torch_is_imported():
    code = (
        "import sys\nfrom rl_intdim import sweep\nfrom rl_intdim.config import cli\nsys.argv[1:] = ['env=CartPol']\n"
        "try:\n    cli.main('sweep', sweep.sweep)\nexcept SystemExit as stop:\n"
        "    print(stop.code, 'torch' in sys.modules, 'gymnasium' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "2 False False\n"


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
    assert "expected" in said
    assert "env steps/s of training a trial, measured now" in said
    assert not list(Path().iterdir())


@pytest.mark.parametrize("agent", ["cma", "ppo", "dqn"])
def test_the_pace_is_that_of_training(agent, monkeypatch):
    """Even where making the algorithm takes longer than the measurement."""
    monkeypatch.setattr("rl_intdim.runners.throughput.SECONDS", 0.0)
    config = cli.load("sweep", [f"agent={agent}"])
    assert 10 < pace(TrialSpec(config.env, config.agent, "dense", "direct", 0)) < 10**6


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


def test_a_device_that_is_not_there_is_said_before_anything_runs(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name, job in (("sweep", sweep.sweep), ("train", train.train)):
        assert command(monkeypatch, name, job, "device=cuda") == 2
        assert "finds no CUDA device here; valid: auto, cpu." in capsys.readouterr().err
        assert not list(Path().iterdir())


def test_d_0_scores_theta0(monkeypatch, capsys):
    assert command(monkeypatch, "train", train.train, "d=0") == 0
    assert "0 env steps" in capsys.readouterr().out
