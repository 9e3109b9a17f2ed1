"""A mistake on the command line: one clear message, exit status 2, and nothing written."""

import shlex
import subprocess
import sys
import tempfile
from importlib import import_module
from pathlib import Path

import pytest
from factories import command

from rl_intdim import sweep, train
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError

BAD = {
    "env=CartPol": "Did you mean CartPole? Valid: CartPole",
    "agent=pp": "Did you mean ppo? Valid: ppo",
    "env.treshold=3": "Did you mean threshold?",
    "serach.round=3": "Did you mean search?",
    "env.policy.hiden=[3]": "Did you mean hidden?",
    "env.threshold=abc": "env.threshold=abc: must be a number.",
    "env.budget=many": "env.budget=many: must be a whole number from 1 to 1,000,000,000,000.",
    "env.policy.hidden=20": "env.policy.hidden=20: must be a list of whole numbers [...] from 1 to 100,000.",
    "env.kwargs=3": "env.kwargs=3: must be a mapping {key: value}.",
    "env.kwargs={a:{0:1}}": "a solution file, which is JSON, would hold something else",
    "dry_run=maybe": "dry_run=maybe: must be true or false.",
    "search.seed=x": "search.seed=x: must be a whole number from 0 to 2,146,483,647, or null.",
    "env.threshold=nan": "must be a finite number",
    "env.threshold=null": "env.threshold",
    "env.budget=1.5": "env.budget=1.5",
    "env.budget=0": "must be from 1 to",
    "env.policy.hidden=[0]": "env.policy.hidden",
    "env.policy.activation=tnah": "Did you mean tanh?",
    "env.policy=3": "env.policy=3",
    "env.vector=fast": "Valid: atari, compiled, native, slots",
    "env.wrappers=[gymnasium.wrappers.NormalizeObservation]": "valid: env.statistics",
    "env.wrappers=[stable_baselines3.common.atari_wrappers.AtariWrapper]": "clips them in training alone",
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
    "search.ds=[a]": "search.ds[0]: must be a list of whole numbers [...], 0 or more, or null.",
    "search.ci_ratio=0.5": "1 or more",
    "search.round=0": "must be from 1 to 1,000",
    "search.max_trials=5": "search.round=6 or more",
    "search.max_env_steps=100 search.ds=[2]": "is for a search",
    "search.max_env_steps=5_499_999": "must be 5,500,000 or more, for search.direct=5 runs and a round",
    "agent.popsize=x": "agent.popsize=x: must be a whole number from 2 to 1,000,000.",
    "agent.sigma=x": "agent.sigma=x: must be a positive number.",
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
    "env.id=MountainCar-v0": "env.id=MountainCar-v0: the threshold 475 of CartPole is for CartPole-v1. Give env.thre",
    "tensorboard=logs": "tensorboard=logs: an evolution strategy writes no logs.",
    "search.seeds=3": "search.seeds=3: is for search.ds or search.grid.",
    "subspace.snapshots=7": "subspace.snapshots=7: is for subspace.projection=trajectory",
    "env=Hopper env.kwargs={healthy_z_range:[0.5,inf]}": "env.kwargs=inf: no solution file can hold it",
    "-m env.budget=100000,200000": "out=runs/CartPole-cma: two of these runs have it.",
    "agent.weight_decay=1": "agent.weight_decay=1.0: cma does not read it, only openai_es.",
    "agent=openai_es agent.patience=3": "openai_es does not read it, only cma.",
    "agent=ppo agent.extractor=shared": "agent.extractor=shared: is for images, and an agent with a critic.",
    "env=Pong agent=dqn agent.extractor=shared": "an agent with a critic.",
    "env.sticky=0.5": "env.sticky=0.5: is for Atari games.",
    "env=Pong env.kwargs={episodic_life:true}": "env.kwargs.episodic_life=True: is set by the toolkit",
    "env=Pong env.kwargs={repeat_action_probability:0}": "give env.sticky.",
    "env=Pong env.kwargs={continuous:true}": "a policy has an output for each of the game's buttons",
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
    "agent=sac": "stable_baselines3.SAC does not take the discrete actions of env=CartPole; valid here: an "
    "agent that does, such as cma, ppo, a2c, dqn.",
    "env=InvertedPendulum agent=dqn": "does not take the continuous actions of env=InvertedPendulum; valid here: an "
    "agent that does, such as cma, ppo, a2c, sac, td3.",
    "env=Humanoid env.goal.info=x_positon": "Did you mean x_position",
    "agent=ppo agent.algorithm=stable_baselines3.PP": "PPO",
    "agent=ppo agent.algorithm=nosuch.PPO": "no package nosuch here. Install it; or if it is your own nosuch.py",
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


def test_a_package_that_an_extra_brings_is_named_by_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "sb3_contrib", None)
    assert command(monkeypatch, "sweep", sweep.sweep, "env=InvertedPendulum", "agent=tqc") == 2
    assert 'no package sb3_contrib here. pip install "rl_intdim[contrib]".' in capsys.readouterr().err


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
        ("play", ["solution=nosuch.json"], "solution=nosuch.json: no such file; valid: one such as runs/*/sol"),
        ("export", [], "no run folder is named. Give one or more, such as runs/*"),
        ("compare", [], "no run folder is named. Give one or more, such as runs/*"),
        ("sweep", ["-m", "hydra.job.chdir=true"], "hydra.job.chdir=true: a command stays in the folder"),
        ("sweep", ["search.ds=[[1,2],[3,4]]"], "search.ds=[[1, 2], [3, 4]]: [1, 2] is within a list"),
        ("sweep", ["env.wrappers=[[a]]"], "env.wrappers=[['a']]: ['a'] is within a list"),
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


def test_a_device_that_is_not_there_is_said_before_anything_runs(monkeypatch, capsys):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for name, job in (("sweep", sweep.sweep), ("train", train.train)):
        assert command(monkeypatch, name, job, "device=cuda") == 2
        assert "finds no CUDA device here; valid: auto, cpu." in capsys.readouterr().err
        assert not list(Path().iterdir())
