"""The run folder: nothing written is lost, and nothing foreign is mixed in."""

from dataclasses import asdict
from pathlib import Path

import pytest
from factories import record

from rl_intdim.config import cli
from rl_intdim.config.identity import first_seed, flat
from rl_intdim.errors import ConfigError
from rl_intdim.records.run_folder import Store, seeded


def config(*words):
    return cli.load("sweep", list(words))


def test_appends_and_recalls():
    with Store(Path("run")).open(config()) as store:
        store.append(record(1, 0))
    with Store(Path("run")).open(config()) as store:
        store.append(record(2, 1))
        assert store.trials(config(), 562) == [record(1, 0), record(2, 1)]


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
    assert flat({"a": {"b": 1, "c": {}}, "d": [2]}) == {"a.b": 1, "a.c": {}, "d": [2]}


def test_a_sweep_draws_its_first_seed_unless_it_is_named_and_keeps_what_its_folder_began_with():
    drawn = seeded(cli.load("sweep", ["out=a"]))
    assert drawn.search.seed == first_seed(flat(asdict(drawn)))
    assert seeded(cli.load("sweep", ["out=a", "search.seed=3"])).search.seed == 3
    for name, seed in (("a", 0), ("b", 12)):
        with Store(Path(name)).open(cli.load("sweep", [f"out={name}", f"search.seed={seed}"])):
            pass
        again = seeded(cli.load("sweep", [f"out={name}"]))
        assert again.search.seed == seed
        with Store(Path(name)).open(again):  # the same command resumes it
            pass
