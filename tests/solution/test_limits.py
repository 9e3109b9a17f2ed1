"""What a file may ask for without trust: the shipped tasks, and nothing that takes minutes or gigabytes."""

import json
from pathlib import Path

import pytest
from factories import changed

from rl_intdim.config import catalogue, cli
from rl_intdim.errors import ConfigError
from rl_intdim.solution import limits, loading
from rl_intdim.solution.solution import Solution
from rl_intdim.tasks import environment

TASKS = sorted(path.stem for path in catalogue.shipped("envs").glob("*.yaml") if path.stem != "gym")
HUGE = 10**9


def nested(depth):
    return {"a": nested(depth - 1)} if depth else {}


BEYOND = {
    "task: 5,0": {"wrappers": ["gymnasium.wrappers.ClipReward"] * 5000},
    "task: 200,0": {"policy__hidden": [1] * 200_000},
    "task: 9,0": {"policy__conv": [{"channels": 1, "kernel": 1}] * 3000},
    "task: 3,0": {"kwargs": {"desc": ["F" * 3000] * 3000}},
    "task.wrappers: 21 of them": {"wrappers": ["gymnasium.wrappers.ClipReward"] * 21},
    "task.policy.hidden: 101 layers": {"policy__hidden": [1] * 101},
    "task.policy.conv: 21 layers": {"policy__conv": [{"channels": 1, "kernel": 1}] * 21},
    "task.kwargs: 66 values": {"kwargs": {"desc": ["F"] * 65}},
    "task: 17 levels": {"kwargs": nested(15)},
    "task.kwargs.desc: 65 letters": {"kwargs": {"desc": ["F" * 65]}},
    "task.kwargs.frame_skip=1e+09": {"kwargs": {"frame_skip": HUGE}},
    "task.kwargs.frameskip=0": {"kwargs": {"frameskip": 0}},
    "task.kwargs.noop_max=1e+09": {"kwargs": {"noop_max": HUGE}},
    "task.kwargs.stack_num=17": {"kwargs": {"stack_num": 17}},
    "task.kwargs.img_width=513": {"kwargs": {"img_width": 513}},
    "task.kwargs.num_threads=65": {"kwargs": {"num_threads": 65}},
    "task.kwargs.batch_size=1": {"kwargs": {"batch_size": 1}},
    "task.kwargs.max_episode_steps=1e+12": {"kwargs": {"max_episode_steps": 10**12}},
    "task.kwargs.width=1e+09": {"kwargs": {"width": HUGE}},
    "task.kwargs.g=-1e+300": {"kwargs": {"g": -1e300}},
    "task.kwargs.range=1e+09": {"kwargs": {"range": [0, [HUGE]]}},
}


@pytest.mark.parametrize("says", BEYOND)
def test_what_takes_minutes_or_gigabytes_needs_trust(solved, says):
    path = changed(solved, task__vector="slots", **{f"task__{key}": value for key, value in BEYOND[says].items()})
    with pytest.raises(ConfigError) as caught:
        loading.load(path)
    assert str(caught.value).startswith(f"bad.json: {says}")
    assert str(caught.value).endswith("give trust=true.")
    assert len(str(caught.value)) < 200


def test_trust_lifts_the_bounds(solved):
    path = changed(solved, task__vector="slots", task__kwargs={"frame_skip": HUGE, "desc": ["F" * 100] * 100})
    assert loading.load(path, trust=True).task.kwargs["frame_skip"] == HUGE


def test_a_file_says_nothing_about_its_own_trust(solved):
    data = json.loads(solved.read_text())
    assert "trusted" not in data
    Path("bad.json").write_text(json.dumps(data | {"trusted": True}))
    with pytest.raises(ConfigError, match=r"bad\.json: not a solution file"):
        loading.load(Path("bad.json"))


def test_a_large_file_is_not_read(solved, monkeypatch):
    monkeypatch.setattr(limits, "FILE_BYTES", 100)
    with pytest.raises(ConfigError, match=r"bytes, and at most 100 need"):
        loading.load(solved)


@pytest.mark.parametrize("name", TASKS)
def test_every_shipped_task_needs_no_trust(name):
    task = cli.load("sweep", [f"env={name}", "env.threshold=1"]).env  # some have none yet
    Solution(task, "cma", "countsketch", 1, 0, 0.0, [0.0]).save(Path("s.json"))
    found = loading.load(Path("s.json"))
    assert found.task == task
    network, _ = found.policy()
    products, units = limits.forward_pass(network)
    assert 10 * products < limits.PRODUCTS
    assert 10 * units < limits.UNITS


LARGE = {
    "D": ({"policy__hidden": [16_000, 16_000]}, {}, "task.policy: 256,1"),
    "P": ({"policy__hidden": [1000, 1000]}, {"d": 300, "theta_d": [0.0] * 300}, "projection: 1,2"),
    "sparse": (
        {"policy__hidden": [1000, 1000]},
        {"projection": "sparse", "d": 40_000, "theta_d": [0.0] * 40_000},
        "projection: 65",
    ),
}


@pytest.mark.parametrize("case", LARGE)
def test_a_policy_that_takes_gigabytes_needs_trust(solved, case):
    task, top, says = LARGE[case]
    path = changed(solved, **{f"task__{key}": value for key, value in task.items()}, **top)
    with pytest.raises(ConfigError) as caught:
        loading.load(path).policy()
    assert str(caught.value).startswith(says)


def pong(conv, hidden):
    """The network on Pong's pictures with these convolutions."""
    words = [f"env.policy.conv={json.dumps(conv).replace(chr(34), '')}", f"env.policy.hidden={hidden}"]
    return environment.policy(cli.load("sweep", ["env=Pong", "agent=ppo", *words]).env)


def test_a_forward_pass_by_hand():
    network = environment.policy(cli.load("sweep", ["env=Pong"]).env)
    convolutions = 16 * 4 * 8 * 8 * 21 * 21 + 32 * 16 * 4 * 4 * 11 * 11
    assert limits.forward_pass(network) == (convolutions + 3872 * 256 + 256 * 6, 4 * 88 * 88)
    assert limits.forward_pass(pong([{"channels": 10, "kernel": 1}], [3])) == (
        10 * 4 * 84 * 84 + 10 * 84 * 84 * 3 + 3 * 6,
        10 * 84 * 84,
    )


@pytest.mark.parametrize(
    ("conv", "says"),
    [
        ([{"channels": 90, "kernel": 40}] * 2, "multiplications a forward pass"),
        ([{"channels": 8, "kernel": 1, "stride": 1000, "pad": [1000] * 4}], "units in a layer"),
    ],
)
def test_convolutions_of_few_parameters_and_much_work_need_trust(conv, says):
    with pytest.raises(ConfigError, match=says):
        limits.check_network(pong(conv, []), 0)
