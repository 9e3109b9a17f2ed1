"""An edited run folder is one message that names file, line and key, from every command."""

import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from factories import compared, record

from rl_intdim import compare, export, report, sweep
from rl_intdim.config import cli
from rl_intdim.config.identity import NEVER
from rl_intdim.errors import ConfigError
from rl_intdim.records.reader import read_config, read_result, read_trials
from rl_intdim.records.run_folder import Store
from rl_intdim.records.sweep import read

RESULTS = Path(__file__).parents[2] / "docs" / "results"
COMMANDS = {"compare": compare.compare, "report": report.report, "export": export.export}
LINE = 2  # the line that is edited: d = 2, seed = 1, not solved


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished sweep of 17 trials, two seeds at each d."""
    folder = compared(tmp_path_factory.mktemp("whole") / "run", 4, seeds=2)
    (folder / "result.json").write_text(replace(read(folder).record, trials=10**4).to_json())
    return folder


@pytest.fixture
def folder(whole):
    return Path(shutil.copytree(whole, "run"))


def edited(folder, change):
    """Edit LINE by a function of its dictionary, or replace it by bytes."""
    lines = (folder / "trials.jsonl").read_bytes().split(b"\n")
    if callable(change):
        trial = json.loads(lines[LINE - 1])
        change(trial)
        lines[LINE - 1] = json.dumps(trial).encode()
    else:
        lines[LINE - 1] = change
    (folder / "trials.jsonl").write_bytes(b"\n".join(lines))


def status(monkeypatch, name, words):
    """The exit status of a command on folders, run in this process."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    try:
        cli.main_on_folders(COMMANDS[name], "", ("by", "out"))
    except SystemExit as stop:
        return stop.code
    return 0


KINDS = {
    "solved is a word": (lambda t: t.update(solved="no"), "solved: expected bool, got str"),
    "solved is a number": (lambda t: t.update(solved=0), "solved: expected bool, got int"),
    "a score that is a word": (lambda t: t.update(score="high"), "score: expected float, got str"),
    "a score that is null": (lambda t: t.update(score=None), "score: expected float, got null"),
    "a score that is no number": (lambda t: t.update(score=float("nan")), "JSON is malformed"),
    "no curve": (lambda t: t.pop("curve"), "missing required field curve"),
    "a curve of words": (lambda t: t.update(curve=[["a", 1, 2]]), "curve[0][0]: expected float, got str"),
    "a curve of short rows": (lambda t: t.update(curve=[[1, 2]]), "curve: rows of 3 numbers are expected"),
    "short confirmations": (lambda t: t.update(confirmations=[[1]]), "confirmations: rows of 2 numbers"),
    "an empty theta_d": (lambda t: t.update(theta_d=[]), "theta_d: 0 numbers, and d is 2"),
    "negative steps": (lambda t: t.update(env_steps=-1), "env_steps: -1 is below 0"),
    "negative scoring steps": (lambda t: t.update(scoring_steps=-1), "scoring_steps: -1 is below 0"),
    "a negative seed": (lambda t: t.update(seed=-1), "seed: -1 is below 0"),
    "another D": (lambda t: t.update(D=563), "D: 563, and the trials before have 562"),
    "d above D": (lambda t: t.update(d=563, theta_d=[0.0] * 563), "d: 563 is neither a whole number"),
    "d is a word": (lambda t: t.update(d="all"), "d: 'all' is neither a whole number"),
    "solved without a step": (lambda t: t.update(solved=True), "solved_at: None, with solved True"),
    "solved after its end": (lambda t: t.update(solved=True, solved_at=11), "solved_at: 11, with solved True"),
    "twice": (lambda t: t.update(d=1, seed=0, theta_d=[0.5]), "d=1 seed=0 is already in line 1"),
    "no object": (b"[1, 2]", "Expected object, got array"),
    "no JSON": (b"# a note", "JSON is malformed"),
    "an empty line": (b"", "not a trial"),
    "a byte that is not UTF-8": (b'{"d": "\xff"}', "can't decode byte 0xff"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_edited_line_is_one_message_from_every_command(folder, kind, monkeypatch, capsys):
    change, says = KINDS[kind]
    edited(folder, change)
    before = (folder / "trials.jsonl").read_bytes()
    with pytest.raises(ConfigError) as error:
        read_trials(folder, read_config(folder), 562)
    assert str(error.value).startswith(f"run/trials.jsonl, line {LINE}: not a trial: ")
    assert says in str(error.value)
    for name in COMMANDS:
        assert status(monkeypatch, name, ["run"]) == 2
        assert capsys.readouterr().err == f"error: {error.value}\n"
    config = read_config(folder)
    with Store(folder).open(config) as store, pytest.raises(ConfigError) as resumed:
        store.trials(config, 562)
    assert str(resumed.value) == str(error.value)
    assert (folder / "trials.jsonl").read_bytes() == before


def test_a_resumed_sweep_of_another_D_is_refused():
    words = ["search.ds=[1]", "search.seeds=1", "search.seed=0", "subspace.projection=dense", "out=run"]
    config = cli.load("sweep", words)
    with Store(Path("run")).open(config) as store:
        store.append(record(1, 0, D=600))
    before = Path("run/trials.jsonl").read_bytes()
    with pytest.raises(ConfigError, match=r"made with D = 600, and the task's policy has 562 parameters now"):
        sweep.sweep(replace(config, workers=0))
    assert Path("run/trials.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("status", "sure", "status: 'sure' is none of found"),
        ("ci95", [1], "ci95: expected array of length 2"),
        ("trials", "many", "trials: expected int, got str"),
        ("tested", {"1": [1]}, "tested[...]: expected array of length 2"),
        ("warnings", None, "warnings: expected array, got null"),
    ],
)
def test_an_edited_result_is_one_message(folder, key, value, says, monkeypatch, capsys):
    path = folder / "result.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {key: value}))
    for name in ("compare", "report"):
        assert status(monkeypatch, name, ["run"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: run/result.json: not a sweep's result: {says}")
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("threshold: 475.0", "threshold: high", "env.threshold: expected float, got str"),
        ("budget: 500000", "budget: 0", "env.budget: 0: must be at least 1"),
        ("trainer: evolution", "trainer: evolve", "agent.trainer: 'evolve' is no trainer"),
        ("  threshold: 475.0\n", "", "env.threshold: missing"),
    ],
)
def test_an_edited_configuration_is_one_message(folder, old, new, says, monkeypatch, capsys):
    path = folder / "config.yaml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    for name in COMMANDS:
        assert status(monkeypatch, name, ["run"]) == 2
        said = capsys.readouterr().err
        assert said.startswith(f"error: run/config.yaml: {says}")
        assert said.count("\n") == 1


def test_what_is_kept_is_read_back_as_it_was(folder):
    trials = [record(1, 0), record(3, 1, solved=True), record("direct", 500_000, solved=True)]
    with Store(Path("kept")).open(cli.load("sweep", [])) as store:
        for trial in trials:
            store.append(trial)
        assert store.trials(cli.load("sweep", []), 562) == trials
    result = read(folder).record
    (folder / "result.json").write_text(result.to_json())
    assert read_result(folder) == result
    assert read_config(Path("kept")) == cli.load("sweep", [])


def test_keys_that_an_older_record_lacks_say_what_it_was_made_with(folder):
    path = folder / "config.yaml"
    text = path.read_text()
    for key in ("  patience: 10\n", "  diagonal_above: 300\n", "  sticky: 0.25\n"):
        assert key in text
        text = text.replace(key, "")
    path.write_text(text + "a_key_of_tomorrow: 1\n")
    config = read_config(folder)
    assert (config.agent.patience, config.agent.diagonal_above) == (NEVER, NEVER)  # neither was there yet
    assert config.env.sticky == 0.25


@pytest.mark.skipif(not RESULTS.is_dir(), reason="the records are not in the wheel's tests")
def test_the_published_records_say_what_their_trials_say():
    for name in ("CartPole-cma", "CartPole-cma-sparse", "CartPole200-dqn-hidden-400-400", "Humanoid-openai_es"):
        kept, again = read_result(RESULTS / name), read(RESULTS / name).record
        for key in ("env", "agent", "D", "threshold", "budget", "trials", "env_steps", "direct", "tested"):
            assert getattr(again, key) == getattr(kept, key), (name, key)  # the rest is the model's to say
