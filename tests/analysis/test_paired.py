"""Agents in the same subspaces, against figures worked out by hand."""

from pathlib import Path

import pytest
from factories import compared, run

from rl_intdim.analysis import comparison_page, paired
from rl_intdim.records.sweep import read


def test_mcnemar():
    assert paired.mcnemar(8, 1) == paired.mcnemar(1, 8) == 2 * (1 + 9) / 2**9
    assert paired.mcnemar(0, 6) == 2 / 2**6
    assert paired.mcnemar(3, 3) == paired.mcnemar(0, 0) == 1


@pytest.mark.parametrize(
    ("p", "shown"), [(0.05, 0.05), (0.0501002, 0.0501), (0.04999, 0.05), (0.0500004, 0.0500004), (0.1234, 0.12)]
)
def test_a_p_value_is_never_rounded_across_the_limit(p, shown):
    assert paired._rounded(p) == shown


def test_the_interval_of_the_difference():
    assert paired.difference(18, 8, 1) == pytest.approx((0.0635, 0.6365), abs=1e-3)
    assert paired.difference(18, 1, 8) == pytest.approx((-0.6365, -0.0635), abs=1e-3)
    assert paired.difference(2, 2, 0)[1] == 1


def test_holms_p_values():
    assert paired.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert paired.holm([0.4, 0.9]) == [0.8, 0.9]
    assert paired.holm([]) == []


def test_sweeps_that_share_subspaces():
    settings = [(4,), (16, "agent=ppo"), (16, "agent=ppo", "env=InvertedPendulum")]
    folders = [compared(name, *words, seeds=20) for name, words in zip("abc", settings, strict=True)]
    table = paired.pairs([read(folder) for folder in folders]).set_index("d")
    assert list(table.index) == [1, 2, 4, 8, 16, 32, "all"]
    assert set(zip(table["first"], table["second"], strict=True)) == {("cma", "ppo")}
    every = table.loc["all"]
    assert (every["trials"], every["first solved"], every["second solved"]) == (120, 80, 40)
    assert (every["only first"], every["only second"]) == (40, 0)
    assert every["difference"] == pytest.approx(1 / 3, abs=1e-3)
    assert every["p"] == pytest.approx(2 / 2**40, rel=0.01)
    assert (table.loc[1, "difference"], table.loc[1, "p"]) == (0, 1)


@pytest.mark.parametrize(
    "word",
    [
        "env.policy.activation=relu",
        "subspace.projection=sparse",
        "env.budget=1000",
        "env.threshold=400",
        "env.scoring.looks=9",
    ],
)
def test_other_subspaces_or_another_scale_are_no_pairs(word):
    folders = [compared("a", 4, seeds=20), compared("b", 16, "agent=ppo", word, seeds=20)]
    assert paired.pairs([read(folder) for folder in folders]).empty


def test_two_networks_and_two_settings_are_rows_of_their_own():
    wide, slow = "env.policy.hidden=[8]", "agent.settings.learning_rate=1e-4"
    settings = [(4,), (16, "agent=ppo"), (1, wide), (4, "agent=ppo", wide), (8, "agent=ppo", slow)]
    folders = [
        compared(name, *words, "search.ds=[4]", seeds=20) for name, words in zip("abcde", settings, strict=True)
    ]
    table = paired.pairs([read(folder) for folder in folders])
    seen = table[["network", "first", "second", "second solved", "p (Holm)"]].to_numpy().tolist()
    sure = paired.mcnemar(20, 0)
    assert [row[:4] for row in seen] == [
        ["20-20", "cma", "ppo (b)", 0],
        ["20-20", "cma", "ppo (e)", 0],
        ["8", "cma", "ppo", 20],
        ["20-20", "ppo (b)", "ppo (e)", 0],
    ]
    assert [row[4] for row in seen] == pytest.approx([3 * sure, 3 * sure, 1, 1], rel=0.05)
    solved = paired.shares(table).set_index("network")
    assert solved.loc["20-20", ["cma", "ppo (b)", "ppo (e)"]].to_list() == ["20 of 20", "0 of 20", "0 of 20"]
    assert solved.loc["8", ["cma", "ppo"]].to_list() == ["20 of 20", "20 of 20"]


def test_one_agent_twice_is_no_pair():
    assert paired.pairs([read(compared(name, rise, seeds=20)) for name, rise in (("a", 4), ("b", 8))]).empty


def test_too_few_pairs_at_a_d_are_none_and_d_0_is_no_pair():
    few = [compared("a", 4, seeds=19), compared("b", 16, "agent=ppo", seeds=19)]
    assert "No two sweeps share 20 trials at a d." in run("compare", *few, "by=pair").stdout
    ds = "search.ds=[0,4]"
    nothing = [compared("c", 4, ds, seeds=20), compared("d", 16, ds, "agent=ppo", seeds=20)]
    assert paired.pairs([read(folder) for folder in nothing])["d"].tolist() == [4]


def test_the_command_and_the_page():
    folders = [compared("a", 4, seeds=20), compared("b", 16, "agent=ppo", seeds=20)]
    done = run("compare", *folders, "by=pair")
    assert done.returncode == 0, done.stderr
    assert "cma" in done.stdout
    assert "McNemar" in comparison_page.page([read(folder) for folder in folders], "plot.png")
    assert "McNemar" not in comparison_page.page([read(folders[0])], "plot.png")
    run("compare", *folders, "by=pair", "out=pairs.csv")
    assert Path("pairs.csv").read_text().count("\n") == 8


def test_the_page_of_pairs_labels_agents_and_corrects_for_their_number():
    note = "agent.note='is of another kind'"
    folders = [
        compared("a", 4, seeds=20),
        compared("b", 16, "agent=ppo", seeds=20),
        compared("c", 16, note, "agent=dqn", seeds=20),
    ]
    done = run("compare", *folders, "by=pair", "out=pairs.md")
    assert done.returncode == 0, done.stderr
    page = Path("pairs.md").read_text()
    assert "dqn: is of another kind." in page
    assert "![" in page
    assert Path("pairs.png").read_bytes().startswith(b"\x89PNG")
    table = paired.pairs([read(folder) for folder in folders])
    every = table[table["d"] == "all"].set_index(["first", "second"])
    assert every.loc[("cma", "ppo"), "p (Holm)"] == pytest.approx(3 * every.loc[("cma", "ppo"), "p"], rel=0.1)
    assert every.loc[("dqn", "ppo"), "p (Holm)"] == 1
    solved = paired.shares(table).set_index("d")
    assert solved.loc[8, ["cma", "dqn", "ppo"]].to_list() == ["20 of 20", "0 of 20", "0 of 20"]
    assert solved.loc[8, ["task", "threshold"]].to_list() == ["CartPole", 475]
    few = [compared("d", 4, seeds=19), compared("e", 16, "agent=ppo", seeds=19)]
    done = run("compare", *few, "by=pair", "out=none.md")
    assert done.returncode == 2
    assert "nothing to write" in done.stderr


def test_sweeps_that_share_seeds_say_so():
    """Equal seeds by default of these made-up sweeps; another network has another theta0."""
    names = {"a": (), "b": ("agent=ppo",), "c": ("env.policy.hidden=[8]",)}
    sweeps = [read(compared(name, 4, *words, seeds=3)) for name, words in names.items()]
    (line,) = paired.shared(sweeps)
    assert "cma and ppo share 18 of their 18 and 18 seeds, which start at the same theta0" in line
    assert line in comparison_page.page(sweeps, "plot.png")
    assert line in run("compare", "a", "b", "c").stdout
    other = read(compared("d", 4, "agent=ppo", "search.ds=[3,5]", seeds=3))  # no d in common, and the same theta0
    assert "share 6 of their 18 and 6 seeds" in paired.shared([sweeps[0], other])[0]


def test_two_folders_of_one_name_are_told_apart():
    settings = {"before": "agent.multiplier=3", "after": "agent.multiplier=5"}
    folders = [compared(f"{name}/ppo", 4, "agent=ppo", word, seeds=20) for name, word in settings.items()]
    row = paired.pairs([read(folder) for folder in folders]).iloc[0]
    assert {row["first"], row["second"]} == {"ppo (before/ppo)", "ppo (after/ppo)"}
