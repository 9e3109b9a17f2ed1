"""The solution file: small, safe, and the same policy again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import changed

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.solution import loading
from rl_intdim.solution.solution import Solution
from rl_intdim.tasks import rollout, vector
from rl_intdim.training.seeding import draw_subspace
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial


def trained(d, budget):
    config = cli.load("sweep", ["env=CartPole", f"env.budget={budget}"])
    result = run_trial(TrialSpec(config.env, config.agent, "dense", d, seed=1))
    return result, Solution(config.env, "cma", "dense", d, 1, result.score, result.theta_d)


def test_a_saved_solution_scores_again():
    result, before = trained(8, budget=50_000)
    assert result.solved
    before.save(Path("solution.json"))
    after = loading.load(Path("solution.json"))
    assert after == before
    policy, theta = after.policy()
    returns, _ = rollout.episodes(vector.make_vec(after.task, 100), policy, theta[None], seed=99)
    assert np.mean(returns) >= 475 - 15  # other episodes than those it was confirmed on


def test_a_direct_solution_is_theta0_and_all_D_numbers():
    _, before = trained("direct", budget=3_000)
    before.save(Path("solution.json"))
    policy, theta = loading.load(Path("solution.json")).policy()
    subspace, _ = draw_subspace(policy, "dense", "direct", 1)
    assert torch.equal(theta, subspace.theta0 + torch.tensor(before.theta_d))
    assert torch.tensor(before.theta_d).norm() > 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "rl_intdim solution 1"}', "\x80"])
def test_a_wrong_file_is_named(text):
    Path("bad.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"bad\.json"):
        loading.load(Path("bad.json"))


def test_every_cut_of_a_file_is_refused(solved):
    text = solved.read_text().rstrip()
    for end in range(len(text)):
        Path("bad.json").write_text(text[:end])
        with pytest.raises(ConfigError, match=r"bad\.json"):
            loading.load(Path("bad.json"))


def test_every_key_missing_or_wrong_is_refused(solved):
    whole = json.loads(solved.read_text())
    optional = {"seeds_tried", "bits"}
    for key in whole.keys() - optional:
        Path("bad.json").write_text(json.dumps({k: v for k, v in whole.items() if k != key}))
        with pytest.raises(ConfigError, match=r"bad\.json"):
            loading.load(Path("bad.json"))
    wrong = ["x", -1, 1.5, None, [], {}, [1, "a"], True, 10**30, [[1.0]], [1e39] * 4]
    for key in whole:
        for value in wrong:
            if (key, value) in (("agent", "x"), ("score", -1), ("score", 1.5), ("score", 10**30), ("bits", None)):
                continue  # nothing is wrong with these
            with pytest.raises(ConfigError, match=r"bad\.json"):
                loading.load(changed(solved, **{key: value}))


def test_numbers_that_are_none_are_refused(solved):
    for text in ("NaN", "Infinity", "-Infinity"):
        Path("bad.json").write_text(solved.read_text().replace('"theta_d": [', f'"theta_d": [{text}, '))
        with pytest.raises(ConfigError, match="not a valid number"):
            loading.load(Path("bad.json"))


def test_what_would_be_looked_up_is_refused(solved):
    with pytest.raises(ConfigError, match=r"holds \$\{"):
        loading.load(changed(solved, task__threshold_source="${oc.env:HOME}"))
    escaped = solved.read_text().replace('"name": "CartPole"', r'"name": "\u0024{oc.env:HOME}"')
    assert "${" not in escaped
    Path("bad.json").write_text(escaped)
    with pytest.raises(ConfigError, match=r"holds \$\{"):
        loading.load(Path("bad.json"))


@pytest.mark.parametrize("word", ["\x1b[2J", "a\nb", "\ud800", "x" * 10_001])
def test_words_that_a_terminal_would_act_upon_are_refused(solved, word):
    for key in ("agent", "task__name", "task__id", "projection"):
        with pytest.raises(ConfigError, match="must be printable") as caught:
            loading.load(changed(solved, **{key: word}))
        assert str(caught.value).isprintable()
        assert len(str(caught.value)) < 200


def test_a_trusted_file_may_hold_text_of_several_lines(solved):
    model = "<mujoco>\n\t<worldbody/>\n</mujoco>" + " " * 10_000
    path = changed(solved, task__kwargs={"xml": model}, task__vector="slots")
    with pytest.raises(ConfigError, match=r"must be printable, .* unless trust=true"):
        loading.load(path)
    assert loading.load(path, trust=True).task.kwargs == {"xml": model}


@pytest.mark.parametrize("number", ["1e999", "-1e999", "1" + "0" * 400])
def test_numbers_beyond_float64_are_refused_wherever_they_stand(solved, number):
    Path("bad.json").write_text(
        solved.read_text().replace('"kwargs": {}', f'"kwargs": {{"g": {number}}}').replace("native", "slots")
    )
    with pytest.raises(ConfigError, match="too large"):
        loading.load(Path("bad.json"))


def test_deep_nesting_is_refused():
    Path("bad.json").write_text("[" * 100_000)
    with pytest.raises(ConfigError, match=r"bad\.json"):
        loading.load(Path("bad.json"))


HOSTILE = {
    "projection": "os.system",
    "task__id": "evil_module:CartPole-v1",
    "task__wrappers": ["os.system"],
    "task__kwargs": {"xml_file": "/etc/passwd"},
}


@pytest.mark.parametrize("key", HOSTILE)
def test_what_would_be_imported_is_refused_unless_trusted(solved, key):
    path = changed(solved, **{"task__vector": "slots", key: HOSTILE[key]})
    with pytest.raises(ConfigError, match=r"bad\.json: .*imported or opened.*trust=true"):
        loading.load(path)
    assert loading.load(path, trust=True)


def test_what_is_known_needs_no_trust(solved):
    plain = {
        "task__wrappers": ["gymnasium.wrappers.FlattenObservation"],
        "task__kwargs": {"gravity": 9.8, "mode": "a-b"},
    }
    assert loading.load(changed(solved, task__vector="slots", **plain))
    for other in ("gymnasium.wrappers.x.os.system", "gymnasium.wrappers.__getattr__", "gymnasium.wrappersX.A"):
        with pytest.raises(ConfigError, match="wrappers"):
            loading.load(changed(solved, task__vector="slots", task__wrappers=[other]))


@pytest.mark.parametrize(
    "kwargs",
    [
        {"xml_file": "passwd"},
        {"xml_file": ["passwd"]},
        {"env_id": "antigravity"},
        {"entry_point": "a"},
        {"render_mode": "human"},
        {"mode": "a.b"},
        {"mode": ["a/b"]},
        {"mode": {"a": 1}},
    ],
)
def test_keywords_that_may_open_something_need_trust(solved, kwargs):
    path = changed(solved, task__vector="slots", task__kwargs=kwargs)
    with pytest.raises(ConfigError, match="trust=true"):
        loading.load(path)
    assert loading.load(path, trust=True).task.kwargs == kwargs


def test_nothing_is_imported_by_loading_or_by_a_refusal(solved, monkeypatch):
    Path("evil.py").write_text("raise SystemExit('ran')")
    monkeypatch.syspath_prepend(str(Path.cwd()))
    evil = {"projection": "evil.P", "task__wrappers": ["evil.W"], "task__id": "evil:Env-v0"}
    for key, value in evil.items():
        path = changed(solved, **{"task__vector": "slots", key: value})
        with pytest.raises(ConfigError, match="evil"):
            loading.load(path)
        found = loading.load(path, trust=True)
        with pytest.raises(ConfigError, match="SystemExit: ran"):  # the control: it does run once trusted and rebuilt
            found.policy()


BROKEN = {  # environments that raise what they like, each a registered one
    "KeyError": {"id": "FrozenLake-v1", "kwargs": {"map_name": "nosuch"}},
    "ImportError": {"id": "Ant-v2"},
    "not callable|not an environment": {"wrappers": ["gymnasium.wrappers.Any"]},
    "cannot be imported|has no": {"wrappers": ["gymnasium.wrappers.JaxToNumpy"]},
    "breaks down at play: .*TypeError": {"id": "Pendulum-v1", "kwargs": {"g": "abc"}},
}


@pytest.mark.filterwarnings("ignore:.*out of date")
@pytest.mark.parametrize("said", BROKEN)
def test_an_environment_that_raises_is_one_message(solved, said, monkeypatch):
    import gymnasium

    monkeypatch.setattr(gymnasium.wrappers, "Any", lambda env: 3, raising=False)
    changes = {f"task__{key}": value for key, value in BROKEN[said].items()}
    found = loading.load(changed(solved, task__vector="slots", **changes))
    with pytest.raises(ConfigError, match=said):
        found.returns(1, np.random.default_rng(0))


@pytest.mark.parametrize("steps", [-1, 0, 2.5, "x"])
def test_episodes_without_end_are_refused(solved, steps):
    with pytest.raises(ConfigError, match="max_episode_steps"):
        loading.load(changed(solved, task__vector="slots", task__kwargs={"max_episode_steps": steps}), trust=True)


def test_a_file_of_another_task_than_the_catalogues_says_so(solved):
    said = []
    loading.opened(solved, False, said.append)
    assert said == []
    loading.opened(changed(solved, task__threshold=10, task__vector="slots"), False, said.append)
    assert said == ["Note: this file's task is not the catalogue's: threshold=10.0, not 475.0."]


def test_what_fits_no_network_or_no_machine_is_refused(solved):
    with pytest.raises(ConfigError, match="d=600"):
        loading.load(changed(solved, d=600, theta_d=[0.0] * 600)).policy()
    with pytest.raises(ConfigError, match="theta_d: 4 numbers for d=direct"):
        loading.load(changed(solved, d="direct")).policy()
    with pytest.raises(ConfigError, match="does not fit into memory"):
        loading.load(changed(solved, task__policy__hidden=[100_000] * 5), trust=True).policy()


def test_theta_d_is_the_same_to_the_bit_in_few_digits():
    config = cli.load("sweep", [])
    theta_d = np.random.default_rng(0).standard_normal(50).astype(np.float32)
    Solution(config.env, "cma", "dense", 50, 0, 0.0, theta_d.tolist()).save(Path("s.json"))
    assert np.array_equal(np.array(loading.load(Path("s.json")).theta_d, np.float32), theta_d)
    written = json.dumps(json.loads(Path("s.json").read_text())["theta_d"])
    assert len(written) < 14 * 50


def test_a_changed_task_is_refused():
    config = cli.load("sweep", [])
    Solution(config.env, "cma", "dense", 1, 0, 0.0, [0.0]).save(Path("s.json"))
    data = json.loads(Path("s.json").read_text())
    data["task"]["policy"]["hiden"] = [3]
    Path("s.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="hidden"):
        loading.load(Path("s.json"))
