"""What a result says beside its figures: flaws, warnings, and what a reader must know."""

import re

import pytest
from factories import record

from rl_intdim.analysis import style, sweep_figure, sweep_plots
from rl_intdim.config import cli
from rl_intdim.records import summary
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.result import rows


def test_flaws_are_said_and_drawn():
    """A record in which success comes and goes twice: every flaw in words, in the result and in the plot."""
    config = cli.load("sweep", ["search.ds=[1,4,16,64]"])
    odd = [record(d, 10 * d + i, solved=i < k) for d, k in ((1, 9), (4, 0), (16, 10), (64, 0)) for i in range(10)]
    said = summary.summarise(config, 562, 562, odd, Provenance())
    assert said.flaws == ["misfit", "falling"]
    assert "not to be trusted" in " ".join(said.warnings)
    falling = [record(t.d, t.seed, solved=t.d == 4) for t in odd]
    said = summary.summarise(config, 562, 562, falling, Provenance())
    assert said.flaws == ["falling"]
    assert "falls off again" in " ".join(said.warnings)


def test_the_papers_rule_waits_for_the_first_trial():
    config = cli.load("sweep", ["search.full_budget=true", "search.ds=[2,4]"])
    direct = [record("direct", 500_000 + i, solved=True) for i in range(5)]
    assert summary.summarise(config, 562, 562, direct, Provenance()).d90_paper is None


def test_nothing_falls_off_where_nothing_solved():
    """The prior alone would have it that ten failures at the largest d lie above a fall."""
    config = cli.load("sweep", ["search.ds=[562]"])
    said = summary.summarise(config, 562, 562, [record(562, i) for i in range(10)], Provenance())
    assert said.p_falling > 0.5
    assert said.flaws == []


def test_a_chance_that_stays_below_half_is_said_with_its_level():
    config = cli.load("sweep", ["search.ds=[2,8,64,512]"])
    trials = [
        record(d, 100 * i + j, solved=j < 30 * (d > 2)) for i, d in enumerate((2, 8, 64, 512)) for j in range(100)
    ]
    said = summary.summarise(config, 562, 562, trials, Provenance())
    assert (said.status, said.d_int) == ("undefined", None)
    assert re.search(r"stays below 1/2 at every d, it levels off at 0\.(29|3\d) \[0\.2", rows(said)["status"])
    assert len(style.png(sweep_plots.draw(sweep_figure.figure(said, trials)))) > 10_000


@pytest.mark.parametrize(("solves_at", "falls"), [(400_000, True), (10, False)])
def test_d_int_still_falls_only_where_the_intervals_are_apart(solves_at, falls):
    """d = 4 solves late and d = 16 early: at half of the budget d_int is clearly more, or it is the same."""
    config = cli.load("sweep", ["search.ds=[1,4,16,64]"])
    trials = [
        record(d, 100 * d + j, solved=d >= 4, env_steps=solves_at if d == 4 else 10)
        for d in (1, 4, 16, 64)
        for j in range(20)
    ]
    said = summary.summarise(config, 562, 562, trials, Provenance())
    assert ("d_int still falls" in " ".join(said.warnings)) is falls


def test_a_diagonal_covariance_is_said_where_one_was_used():
    for agent, ds, says in (
        ("cma", [4, 300], False),
        ("cma", [4, 301], True),
        ("cma", [4, "direct"], True),
        ("random", [4, 301], False),
        ("ppo", [4, 301], False),
    ):
        config = cli.load("sweep", [f"agent={agent}"])
        trials = [record(d, i, solved=True) for i, d in enumerate(ds)]
        said = summary.summarise(config, 562, 562, trials, Provenance())
        assert ("only the diagonal" in " ".join(said.warnings)) is says


def test_devices_are_told_where_they_differ():
    """Two kinds of device round differently; a record from before it was kept says nothing."""
    config = cli.load("sweep", [])
    for devices, says in ((("cpu", "cpu"), False), (("cpu", ""), False), (("cpu", "NVIDIA H200"), True)):
        trials = [record(4, i, device=device) for i, device in enumerate(devices)]
        said = " ".join(summary.summarise(config, 562, 562, trials, Provenance()).warnings)
        assert ("ran on NVIDIA H200 and cpu, which round differently" in said) is says


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["agent=dqn"], "its network must also represent returns"),
        (["agent=ppo", "agent.settings.clip_range=lin_0.2"], "clip_range: falls to 0 over the whole budget"),
        (["agent=ppo", "env=Pong"], "the critic's loss moves the actor's features"),
        (["agent=ppo", "env=Pong", "agent.extractor=separate"], "features of its own, of the size of the policy's"),
        (["agent=ppo", "agent.precision=bfloat16"], "hidden layers were trained in bfloat16"),
        (["agent=ppo", "env=Pong", "env.sticky=0"], "episodes are not fresh"),
        (["env=Humanoid"], "fixed before training: 100,000 env steps of random actions"),
    ],
)
def test_what_a_reader_must_know_is_said(words, says):
    assert says in " ".join(summary.disclosures(cli.load("sweep", words)))
    assert says not in " ".join(summary.disclosures(cli.load("sweep", ["agent=ppo"])))
