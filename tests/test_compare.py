"""Sweeps side by side: the table, who is ranked, and who is told apart."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from factories import compared, record, run

from rl_intdim.analysis import comparison_page, comparison_plots, ranking, task_ladder
from rl_intdim.analysis.ladder import ladder
from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT_SEED
from rl_intdim.errors import ConfigError
from rl_intdim.records.run_folder import Store
from rl_intdim.records.sweep import read


@pytest.fixture
def folders():
    return [
        compared("hard", 16, "agent=ppo"),
        compared("easy", 4),
        compared("other", 8, "env=InvertedPendulum"),
        compared("never", 99, "agent=random"),
    ]


def test_the_table_is_sorted_and_ranked(folders):
    sweeps = [read(folder) for folder in folders]
    table = ranking.table(sweeps, papers=False)
    assert list(table["agent"]) == ["cma", "cma", "ppo", "random"]
    assert table["rank"].tolist()[:3] == [1, 2, 3]
    assert table["status"].tolist()[-1] == "above_max"
    assert pd.isna(table["rank"].tolist()[-1])
    equal = ranking.table([*sweeps[:2], sweeps[1]], papers=False)
    assert equal["rank"].tolist() == [1, 1, 3]
    first = table.iloc[0]
    assert first["low"] <= first["d_int"] <= first["high"]
    assert first["D / d_int"] == round(562 / first["d_int"], 1)
    assert (first["direct"], first["env_steps"], first["trials"]) == ("5 of 5", 650, 60)


def test_a_sweep_that_has_ended_speaks_by_what_it_decided(folders):
    before = read("easy")
    with Path("easy/trials.jsonl").open("a") as file:  # of a round that was not decided upon
        for i in range(6):
            file.write(json.dumps(asdict(record(1, 60 + i, solved=True))) + "\n")
    assert read("easy").answer.trials == 66
    ended = replace(before.record, trials=60, command="c")
    Path("easy/result.json").write_text(ended.to_json())
    after = read("easy")
    assert (after.answer, after.env_steps) == (before.answer, before.env_steps)
    said = "CartPole by cma, auto, 20-20: the result counts 60 trials, and 66 are in the folder."
    assert said in ranking.cautions([after])
    assert said not in ranking.cautions([before])
    assert (after.provenance.command, after.record.command) == ("c", "c")


def test_the_papers_rows_are_marked_and_unranked(folders):
    table = ranking.table([read(folders[1])])
    theirs = table[table.status == "the paper's d_int90"]
    assert len(theirs) == 9
    assert theirs["rank"].isna().all()
    pendulum = theirs[theirs.task == "InvertedPendulum-v1"].iloc[0]
    assert (pendulum.d_int, pendulum.D) == (4, 562)


@pytest.mark.parametrize(
    "word",
    ["env.threshold=400", "env.budget=1000", "env.id=CartPole-v0 env.threshold=475", "env.max_episode_steps=490"],
)
def test_one_task_in_two_environments_or_at_two_thresholds_or_budgets_is_not_ranked(folders, word):
    changed = compared("changed", 8, "agent=ppo", *word.split())
    sweeps = [read(folder) for folder in [*folders[:3], changed]]
    table = ranking.table(sweeps, papers=False)
    assert table.set_index("task")["rank"].isna().to_dict() == {"CartPole": True, "InvertedPendulum": False}
    pairs = ranking.differences(sweeps)
    assert not any(str(row) for row in pairs.itertuples() if "changed" in str(row))
    assert len(pairs) == 2  # the two CartPole sweeps alike, and one of them and the other task's
    assert "not ranked" in comparison_page.page(sweeps, "plot.png")


def test_what_the_ranks_do_not_show_is_said(folders):
    alike = [read(folder) for folder in folders[:3]]
    wide = "CartPole by ppo, auto, 20-20; InvertedPendulum by cma, auto, 20-20"
    undecided = "Undecided, so d_int and rank may still move within the interval: {}."
    assert ranking.cautions(alike) == [undecided.format(wide)]
    assert ranking.cautions(alike[1:2]) == []
    lower = read(compared("lower", 8, "agent=ppo", "env.threshold=400"))
    assert ranking.cautions([*alike, lower])[0] == (
        "CartPole: not ranked, since its sweeps differ in threshold (400, 475)."
    )
    words = ["env=gym", "env.id=CartPole-v1", "env.threshold=300", "env.vector=compiled"]
    other = read(compared("gym", 8, *words, seeds=1))
    assert ranking.cautions([*alike, other]) == [
        "CartPole and CartPole-v1 are one environment at thresholds 475 and 300: two tasks, and d_int follows the "
        "threshold.",
        undecided.format(f"{wide}; CartPole-v1 by cma, auto, 20-20"),
    ]


def test_what_no_curve_of_the_model_fits_is_neither_ranked_nor_told_apart(folders):
    shares = {1: 0, 2: 1, 3: 17, 4: 2, 5: 18, 8: 20, 16: 20, 32: 20}
    config = cli.load("sweep", [f"search.ds={list(shares)}", "search.seeds=20", "env=Acrobot", "agent=cma"])
    with Store(Path("odd")).open(config) as store:
        for seed in range(20):
            for i, (d, solved) in enumerate(shares.items()):
                store.append(record(d, seed * len(shares) + i, solved=seed < solved))
    odd, easy = read("odd"), read(folders[1])
    assert odd.answer.status == "found"
    assert not odd.fits
    assert easy.fits
    table = ranking.table([odd, easy], papers=False).set_index("task")
    assert table["rank"].isna().to_dict() == {"Acrobot": True, "CartPole": False}
    assert table.loc["Acrobot", "status"] == "found, misfit"
    assert "found, misfit" not in ranking.cell(easy)
    assert ranking.differences([odd, easy]).empty
    assert ranking.harder([odd, easy]) == {}
    assert "No curve of the model fits these" in ranking.cautions([odd, easy])[-1]
    tasks = {s.env: s.config.env for s in (odd, easy)}
    assert {r.status for r in task_ladder.rungs([odd, easy], tasks) if r.task == "Acrobot"} == {"found, misfit"}


def test_an_estimate_is_drawn_only_where_there_is_one():
    config = cli.load("sweep", ["search.ds=[16,32,64]"])
    with Store(Path("high")).open(config) as store:
        for seed in range(9):
            store.append(record(16 * 2 ** (seed % 3), seed, solved=True))
    (rung,) = ladder([read("high")], ["high"])
    assert rung.sweep.answer.d_int is None
    assert (rung.low, rung.place) == (0.5, None)
    assert len(comparison_plots.plot_ladder([read("high")])) > 10_000


def test_one_agent_with_two_settings_is_said(folders):
    other = read(compared("patient", 4, "agent.patience=99", "agent.diagonal_above=9"))
    said = "CartPole by cma: its sweeps differ in agent.diagonal_above, agent.patience."
    assert said in ranking.cautions([read("easy"), other])
    assert said not in ranking.cautions([read("easy"), read("easy")])


def test_another_network_than_its_width_and_another_name_are_said(folders):
    easy, relu = read("easy"), read(compared("relu", 8, "agent=ppo", "env.policy.activation=relu"))
    wide = read(compared("wide", 8, "env.policy.hidden=[8]"))
    assert "CartPole: its sweeps differ in env.policy.activation." in ranking.cautions([easy, relu, wide])
    assert not any("policy" in line for line in ranking.cautions([easy, wide]))
    words = ["env=gym", "env.id=CartPole-v1", "env.threshold=475", "env.vector=compiled", "env.budget=9_000"]
    other = read(compared("gym", 8, *words))
    assert "CartPole and CartPole-v1 are one environment under two names, ranked as two tasks." in ranking.cautions(
        [easy, other]
    )


def test_nothing_depends_on_the_order_in_which_a_rounds_trials_finished(folders):
    lines = Path("easy/trials.jsonl").read_text().splitlines(keepends=True)
    before = read("easy").record
    Path("easy/trials.jsonl").write_text("".join(lines[::-1]))
    assert read("easy").record == before


def test_nor_does_the_papers_interval():
    """It draws among the direct runs by their place."""
    config = cli.load("sweep", ["search=grid", "search.grid=4", "search.seeds=3", "search.d_max=8"])
    config = replace(config, search=replace(config.search, grid=None, ds=[1, 2, 4, 8]))
    trials = [record(d, i, score=20 + 28 * np.log2(d) + i * 7 % 11) for i, d in enumerate(config.search.ds * 3)]
    direct = [record("direct", DIRECT_SEED + i, score=40.0 + 25 * i) for i in range(5)]
    said = []
    for i, runs in enumerate((direct, direct[::-1])):
        with Store(Path(f"grid{i}")).open(config) as store:
            for trial in [*trials, *runs]:
                store.append(trial)
        said.append(read(f"grid{i}").record)
    assert said[0].d90_paper.d_int90 is not None
    assert said[0] == said[1]


def test_a_folder_that_is_named_twice_counts_once(folders):
    once, twice = run("compare", *folders[:2]), run("compare", *folders[:2], str(Path(folders[0]).resolve()))
    assert twice.stdout == once.stdout


def test_a_result_without_its_trials_is_an_error(folders):
    shutil.copytree(folders[0], "lost")
    config = read("lost").config
    with Store(Path("lost")).open(config) as store:
        store.write_result(read("lost").record)
    Path("lost/trials.jsonl").write_text("")
    with pytest.raises(ConfigError, match=r"lost: the result counts \d+ trials, and trials\.jsonl has none"):
        read("lost")


def test_two_sweeps_are_told_apart_by_their_posteriors(folders):
    hard, easy, other, never = (read(folder) for folder in folders)
    assert ranking.below(easy, hard) > 0.99
    assert ranking.below(hard, easy) == pytest.approx(1 - ranking.below(easy, hard))
    assert ranking.below(easy, easy) == pytest.approx(0.5)
    assert ranking.below(hard, never) > 0.95
    few = replace(easy, answer=replace(easy.answer, tested={2: (1, 0), 8: (1, 1)}))
    assert 0.1 < ranking.below(few, other) < 0.95
    verdicts = ranking.differences([hard, easy, other, never])
    names = ranking.label(hard.config), ranking.label(easy.config)
    assert verdicts[verdicts["second"] == names[0]].verdict.tolist()[0] == f"{names[1]} is lower"


def test_two_tasks_are_told_apart_at_equal_protocol_only(folders):
    """CartPole in a wide network was held against MountainCar in its own, since its d_int was the lowest."""
    easy, other = read(folders[1]), read(folders[2])
    assert (easy.env, easy.agent) != (other.env, other.agent) == ("InvertedPendulum", easy.agent)
    assert len(ranking.differences([easy, other])) == 1
    assert ranking.alike(easy, other)
    for words in (
        ["env.policy.hidden=[8]"],
        ["env.budget=1000"],
        ["agent=random"],
        ["subspace.projection=sparse"],
        ["env.scoring.confirm_episodes=40"],
    ):
        changed = read(compared("-".join(words), 2, *(["agent=cma"] if "agent" not in words[0] else []), *words))
        assert not ranking.alike(changed, other), words


def test_a_learned_subspace_of_a_task_leaves_its_verdicts_across_tasks(folders):
    drawn = [read(folder) for folder in folders[1:3]]
    assert len({s.env for s in drawn}) == 2
    learned = read(compared("learned", 8, "subspace.burn_in=5000"))
    assert learned.learned
    assert ranking.differences([*drawn, learned]).equals(ranking.differences(drawn))
    assert len(ranking.differences(drawn)) == 1


def test_what_lies_above_the_largest_d_is_not_ordered(folders):
    wide, short = (
        read(folders[1]),
        read(compared("short", 99, "search.d_max=2", "search.ds=[1,2]")),
    )
    assert short.d_max < wide.answer.d_int
    assert ranking.below(short, wide) == pytest.approx(1 - ranking.below(wide, short))
    assert 0.4 < ranking.below(short, wide) < 0.6


def test_a_sweep_in_which_nothing_solved_has_no_verdict(folders):
    table = ranking.differences([read(folder) for folder in folders])
    assert not (table["first"] + table["second"]).str.contains("random").any()


def test_of_an_unfinished_search_whole_rounds_count():
    config = cli.load("sweep", ["search.round=3"])
    with Store(Path("cut")).open(config) as store:
        for seed in (0, 1, 2, 3, 5):  # of the second round, seed 4 was running
            store.append(record(4, seed, solved=True))
    assert read("cut").answer.trials == 3
    with Store(Path("cut")).open(config) as store:  # another version goes on, with another d for the round
        for seed in (3, 4, 5):
            store.append(record(6, seed, solved=False))
    assert read("cut").answer.tested == {4: (3, 3), 6: (3, 0)}
    with Store(Path("given")).open(cli.load("sweep", ["search.ds=[2,4]", "search.seeds=9"])) as store:
        for seed in range(5):  # of rounds that run at once: these may be the quick ones
            store.append(record((2, 4)[seed % 2], seed, solved=True))
    assert read("given").answer.tested == {}
    assert len(read("given").finished) == 5
    with Store(Path("given")).open(cli.load("sweep", ["search.ds=[2,4]", "search.seeds=2"])):
        pass
    assert read("given").answer.tested == {2: (2, 2), 4: (2, 2)}  # all that are asked for now
    with Store(Path("begun")).open(config) as store:
        store.append(record(4, 0, solved=True))
    assert (read("begun").answer.trials, read("begun").D, read("begun").record.status) == (0, 562, "undecided")


def test_direct_runs_count_when_all_have_finished():
    with Store(Path("run")).open(cli.load("sweep", ["search.direct=3"])) as store:
        for seed in range(2):
            store.append(record("direct", DIRECT_SEED + seed, solved=True))
    assert read("run").direct == (0, 0)
    with Store(Path("run")).open(cli.load("sweep", ["search.direct=3"])) as store:
        store.append(record("direct", DIRECT_SEED + 2))
    assert read("run").direct == (2, 3)


def test_below_1_is_below_everything(folders):
    easy = read(folders[1])
    nothing = replace(easy, answer=replace(easy.answer, tested={0: (6, 6)}))
    assert ranking.below(nothing, easy) == pytest.approx(1)


def test_pivots(folders):
    wide = compared("wide", 4, "env.policy.hidden=[64,64]")
    sweeps = [read(folder) for folder in [*folders, wide]]
    by_agent = ranking.pivot(sweeps, "agent").set_index(["task", "hidden"])
    assert by_agent.loc[("CartPole", "20-20"), "ppo"] == ranking.cell(sweeps[0])
    assert "above_max" in by_agent.loc[("CartPole", "20-20"), "random"]
    sparse = read(compared("sparse", 4, "subspace.projection=sparse"))
    by_hidden = ranking.pivot([*sweeps, sparse], "hidden").set_index(["task", "agent", "P"])
    assert list(by_hidden.columns) == ["threshold", "budget", "20-20", "64-64"]  # the smaller D first
    pole = by_hidden.loc[("CartPole", "cma", "auto")]
    assert pole["64-64"] == pole["20-20"] == by_hidden.loc[("CartPole", "cma", "sparse"), "20-20"]
    assert by_hidden.loc[("CartPole", "cma", "sparse"), "64-64"] == ""
    by_projection = ranking.pivot([*sweeps, sparse], "projection").set_index(["task", "agent", "hidden"])
    assert by_projection.loc[("CartPole", "cma", "20-20"), "sparse"] == pole["20-20"]


def test_two_sweeps_in_one_cell_are_both_shown():
    sweeps = [read(compared("a", 4)), read(compared("b", 16, "search.seed=1000"))]
    assert ranking.pivot(sweeps, "agent").loc[0, "cma"] == f"{ranking.cell(sweeps[0])}; {ranking.cell(sweeps[1])}"


def test_the_command(folders):
    done = run("compare", *folders)
    assert done.returncode == 0, done.stderr
    assert "InvertedPendulum" in done.stdout
    assert run("compare", *folders, "out=page.md").stdout == ""
    assert "![" in Path("page.md").read_text()
    assert Path("page.png").stat().st_size > 10_000
    run("compare", *folders, "by=agent", "out=table.csv")
    assert len(pd.read_csv("table.csv")) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["easy", "by=agnt"], "Did you mean agent?"),
        (["easy", "out=x.doc"], "must end in"),
        (["nowhere"], "Run folders there: easy"),
        (["x" * 300], "File name too long."),
        (["easy", "bye=agent"], "Did you mean by? Valid: by, out."),
        (["easy", "by=agent", "out=page.md"], "by=agent: goes with a table"),
    ],
)
def test_mistakes(words, said):
    compared("easy", 4)
    done = run("compare", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_sweep_that_has_not_begun_is_left_out(folders):
    with Store(Path("waiting")).open(cli.load("sweep", [])):
        pass
    done = run("compare", *folders, "waiting")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("left out: waiting: no trial has finished yet.\n")
    assert "InvertedPendulum" in done.stdout
    alone = run("compare", "waiting")
    assert (alone.returncode, alone.stderr) == (2, "error: waiting: no trial has finished yet.\n")


def test_a_broken_result_is_a_message():
    compared("broken", 4)
    Path("broken/result.json").write_text("{")
    done = run("compare", "broken")
    assert done.returncode == 2
    assert "broken/result.json: not a sweep's result" in done.stderr
    assert "Traceback" not in done.stderr
