"""What two sweeps share when they are one, and the seed that each draws."""

from dataclasses import asdict

from rl_intdim.config import cli
from rl_intdim.config.identity import differing, dotted, first_seed


def seed(*words):
    return first_seed(dotted(asdict(cli.load("sweep", list(words)))))


def test_task_agent_and_settings_draw_a_first_seed_of_their_own():
    base = seed()
    others = [seed(word) for word in ("env=InvertedPendulum", "agent=ppo", "agent.sigma=0.3", "search.ds=[4]")]
    assert len({base, *others}) == 5
    assert min(abs(a - base) for a in others) > 1000
    assert all(0 <= s < 2**24 for s in (base, *others))


def test_a_key_at_its_default_draws_no_seed_so_that_later_versions_may_add_keys():
    config = dotted(asdict(cli.load("sweep", ["agent=ppo"])))
    older = {k: v for k, v in config.items() if k != "agent.precision"}
    assert first_seed(older) == first_seed(config)
    assert first_seed(config | {"agent.precision": "bfloat16"}) != first_seed(config)


def test_null_is_a_value_where_the_environment_has_another_default():
    """FrozenLake's map_name=null draws a random map in place of the usual one."""
    usual, drawn = (
        dotted(asdict(cli.load("sweep", ["env=FrozenLake", "env.kwargs.is_slippery=true", *more])))
        for more in ([], ["+env.kwargs.map_name=null"])
    )
    assert differing(usual, drawn) == differing(drawn, usual) == "env.kwargs.map_name"
    assert first_seed(usual) != first_seed(drawn)


def test_what_no_trial_depends_on_draws_the_same():
    words = ["search.max_trials=200", "search.ci_ratio=2", "workers=1", "out=elsewhere", "search.direct=0"]
    assert [seed(word) for word in words] == [seed()] * 5
    assert seed("search.seed=7") == seed()  # a seed that is named is no part of what draws one
