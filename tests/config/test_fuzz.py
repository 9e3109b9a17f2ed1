"""Every key of the configuration with wrong types and values: it works, or says one line and exits with 2."""

import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from factories import command

from rl_intdim import sweep, train
from rl_intdim.config import cli
from rl_intdim.config.identity import dotted
from rl_intdim.runners import throughput

WRONG = [
    *("-1", "0", "1.5", "nan", "abc", "null", "100000000000000000000"),
    *("[1,a]", "[100000000000000000000]", "[[1]]", "{a: 1}"),
]


def keys(name, *words):
    """Every key that the command has, in the agent's part and elsewhere."""
    return set(dotted(asdict(cli.load(name, list(words)))))


SWEEP = keys("sweep")
CASES = [
    *(("sweep", "agent=cma", key) for key in SWEEP - {"dry_run"}),
    *(("sweep", "agent=ppo", key) for key in keys("sweep", "agent=ppo") - SWEEP),
    *(("train", "agent=cma", key) for key in keys("train") - SWEEP),
]


# A command takes a quarter of a second to read its configuration: one value a key, and all of them in `slow`.
SOME = [(*case, [WRONG[i % len(WRONG)]]) for i, case in enumerate(sorted(CASES))]
ALL = [pytest.param(*case, WRONG, marks=pytest.mark.slow) for case in sorted(CASES)]


@pytest.mark.parametrize(("name", "agent", "key", "values"), SOME + ALL)
def test_any_value_is_taken_or_refused_in_one_line(monkeypatch, capsys, name, agent, key, values):
    monkeypatch.setattr(throughput, "expected", lambda *_: (1, 0, 1))  # the dry run's simulation
    monkeypatch.setattr(throughput, "print_expected_time", lambda *_: None)
    monkeypatch.setattr("rl_intdim.training.trial.run_trial", lambda *_: sys.exit(0))  # what is valid need not run
    job, words = (sweep.sweep, ["dry_run=true"]) if name == "sweep" else (train.train, [])
    for value in values:
        status = command(monkeypatch, name, job, *words, agent, f"{key}={value}")
        said = capsys.readouterr()
        assert status in (0, 2), (value, said.err)
        if status == 2:
            assert said.out == "", value
            assert said.err.startswith("error: "), value
            assert said.err.count("\n") == 1, (value, said.err)
            # An agent's settings are the algorithm's to judge, all at once.
            assert key.split(".")[-1] in said.err or key.split(".")[1] in said.err, (value, said.err)
        assert not list(Path().iterdir()), value


def test_the_keys_that_are_fuzzed_are_all_there_are():
    assert {"env.threshold", "agent.sigma", "search.ci_ratio", "subspace.projection", "workers"} <= SWEEP
    assert {"agent.settings.gamma", "agent.multiplier", "agent.critic.vf"} <= {key for _, _, key in CASES}
