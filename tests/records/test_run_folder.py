"""The run folder: nothing written is lost, and nothing foreign is mixed in."""

import shlex
from dataclasses import asdict
from pathlib import Path

import pytest
from factories import record
from omegaconf import OmegaConf

from rl_intdim.config import cli
from rl_intdim.config.identity import NEVER, dotted, first_seed
from rl_intdim.errors import ConfigError
from rl_intdim.records import sessions
from rl_intdim.records.reader import read_command, read_config
from rl_intdim.records.run_folder import Store, seeded
from rl_intdim.records.sweep import read


def config(*words):
    return cli.load("sweep", list(words))


def test_appends_and_recalls():
    with Store(Path("run")).open(config()) as store:
        store.append(record(1, 0))
    with Store(Path("run")).open(config()) as store:
        store.append(record(2, 1))
        assert store.trials(config(), 562) == [record(1, 0), record(2, 1)]


def test_trials_made_with_different_versions_or_an_edited_environment_say_so(monkeypatch):
    Path("edited").mkdir()
    Path("edited/__init__.py").write_text("from edited.wrapper import Mine\n")
    Path("edited/wrapper.py").write_text("import gymnasium as gym\n\nclass Mine(gym.Wrapper):\n    pass\n")
    monkeypatch.syspath_prepend(".")
    words, folder = ["env.wrappers=[edited.Mine]", "env.vector=slots", "search.round=1"], Path("run")

    def more(*seeds):
        with Store(folder).open(config(*words)) as store:
            for seed in seeds:
                store.append(record(1, seed))
        return (folder / sessions.NAME).read_text().count("\n")

    assert more(0) == more(1) == 1
    assert sessions.notes(folder) == []
    monkeypatch.setattr(sessions, "commit", lambda: "another")
    assert more(2) == 1  # a commit may have changed no code
    real = sessions.versions()
    monkeypatch.setattr(sessions, "versions", lambda: real | {"torch": "9.0", "new": "1"})
    assert more() == 2
    assert sessions.notes(folder) == []  # no trial was made with it
    Path("edited/wrapper.py").write_text(Path("edited/wrapper.py").read_text() + "# changed\n")
    assert more(3) == 3
    (said,) = sessions.notes(folder)
    assert f"the same torch ({real['torch']}, 9.0), code of edited (" in said
    assert "new" not in said
    assert said in read(folder).record.warnings
    (folder / sessions.NAME).unlink()  # as in folders from before
    assert sessions.notes(folder) == []
    more(4)
    assert sessions.notes(folder) == ["what the first 4 trials were made with is not recorded."]


def test_it_keeps_the_command_that_was_typed_last(monkeypatch):
    for typed in ("agent.note=x", "agent.note=two\nlines"):
        monkeypatch.setattr("sys.orig_argv", ["/bin/python3", "-m", "rl_intdim.sweep", typed])
        with Store(Path("run")).open(config("agent.note=x")):
            pass
        assert read_command(Path("run")) == f"python -m rl_intdim.sweep {shlex.join([typed])}".replace("\n", " ")
        assert read_config(Path("run")).agent.note == "x"


def test_a_torn_last_line_is_kept_aside():
    with Store(Path("run")).open(config()) as store:
        store.append(record(1, 0))
    with Path("run/trials.jsonl").open("a") as file:
        file.write('{"d": 2, "se')
    with Store(Path("run")).open(config()) as store:
        store.append(record(3, 2))
        assert [t.d for t in store.trials(config(), 562)] == [1, 3]
    assert Path("run/torn.txt").read_text() == '{"d": 2, "se\n'


def test_another_configuration_is_refused_with_the_key():
    with Store(Path("run")).open(config()):
        pass
    with (
        pytest.raises(ConfigError, match=r"env\.budget=.*env\.budget=7"),
        Store(Path("run")).open(config("env.budget=7")),
    ):
        pass


@pytest.mark.parametrize(
    "word", ["workers=0", "search.max_trials=200", "search.ci_ratio=1.2", "search.direct=9", "agent.note=x"]
)
def test_what_decides_nothing_may_differ(word):
    with Store(Path("run")).open(config()):
        pass
    with Store(Path("run")).open(config(word)):
        pass


def made_before(*keys):
    """A run folder from before there were these keys."""
    with Store(Path("run")).open(config()):
        pass
    written = OmegaConf.load("run/config.yaml")
    for key in keys:
        parent, _, name = key.rpartition(".")
        del OmegaConf.select(written, parent)[name]
    OmegaConf.save(written, "run/config.yaml")


YOUNGER = (
    "env.policy.output_gain",
    "env.goal",
    "env.max_episode_steps",
    "agent.common",
    "search.grid",
)


@pytest.mark.parametrize("key", YOUNGER)
def test_a_folder_from_before_a_key_resumes_with_the_keys_default(key):
    made_before(key)
    assert dotted(asdict(read_config(Path("run")))) == dotted(asdict(config()))  # as every reader takes it
    with Store(Path("run")).open(config()):
        pass


def test_a_folder_from_before_a_key_is_refused_with_another_value():
    made_before("env.policy.output_gain")
    with (
        pytest.raises(
            ConfigError, match=r"before there was env\.policy\.output_gain, which counts as 1\.0, .*gain=0\.01"
        ),
        Store(Path("run")).open(config("env.policy.output_gain=0.01")),
    ):
        pass


def test_a_folder_from_before_restarts_was_made_without_them():
    made_before("agent.patience")
    with (
        pytest.raises(ConfigError, match=rf"before there was agent\.patience, which counts as {NEVER}"),
        Store(Path("run")).open(config()),
    ):
        pass
    with Store(Path("run")).open(config(f"agent.patience={NEVER}")):
        pass


def test_a_key_of_a_free_mapping_has_no_default():
    with Store(Path("run")).open(config("env.vector=slots")):
        pass
    more = config("env.vector=slots", "+env.kwargs.sutton_barto_reward=true")
    with pytest.raises(ConfigError, match=r"env\.kwargs"), Store(Path("run")).open(more):
        pass


def test_a_second_process_is_refused():
    with (
        Store(Path("run")).open(config()),
        pytest.raises(ConfigError, match="another process"),
        Store(Path("run")).open(config()),
    ):
        pass
    with Store(Path("run")).open(config()):
        pass


def test_a_foreign_folder_is_refused():
    Path("run").mkdir()
    Path("run/thesis.tex").write_text("")
    with pytest.raises(ConfigError, match="not a run folder"), Store(Path("run")).open(config()):
        pass


def test_flat():
    assert dotted({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}


def test_a_sweep_draws_its_first_seed_unless_it_is_named_and_keeps_what_its_folder_began_with():
    drawn = seeded(cli.load("sweep", ["out=a"]))
    assert drawn.search.seed == first_seed(dotted(asdict(drawn)))
    assert seeded(cli.load("sweep", ["out=a", "search.seed=3"])).search.seed == 3
    for name, seed in (("a", 0), ("b", 12)):
        with Store(Path(name)).open(cli.load("sweep", [f"out={name}", f"search.seed={seed}"])):
            pass
        again = seeded(cli.load("sweep", [f"out={name}"]))
        assert again.search.seed == seed
        with Store(Path(name)).open(again):  # the same command resumes it
            pass
