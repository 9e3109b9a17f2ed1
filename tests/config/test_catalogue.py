"""Every file of the catalogue, and the wheel that carries it."""

import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import pytest
from omegaconf import OmegaConf

from rl_intdim import __version__
from rl_intdim.config import catalogue, cli
from rl_intdim.errors import ConfigError
from rl_intdim.tasks import environment
from rl_intdim.training.trial import check

TASKS = sorted(p.stem for p in catalogue.shipped("envs").glob("*.yaml"))
UNMEASURED = {
    t
    for t in TASKS
    if OmegaConf.is_missing(catalogue.task_node(catalogue.shipped("envs") / f"{t}.yaml"), "threshold")
}
AGENTS = sorted(p.stem for p in catalogue.shipped("agents").glob("*.yaml"))
ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("task", [t for t in TASKS if t != "gym"])
@pytest.mark.parametrize("agent", AGENTS)
def test_every_agent_fits_every_task(task, agent):
    more = ["env.threshold=0"] if task in UNMEASURED else []
    config = cli.load("sweep", [f"env={task}", f"agent={agent}", *more])
    discrete = environment.policy(config.env).discrete
    if discrete if agent in ("sac", "td3", "tqc") else not discrete and agent == "dqn":
        with pytest.raises(ConfigError, match=f"agent={agent}: .* does not take the"):
            check(config.env, config.agent)
    else:
        assert check(config.env, config.agent) > 0


@pytest.mark.parametrize("task", [t for t in TASKS if t not in UNMEASURED])
def test_random_search_differs_from_cma_in_its_strategy_alone(task):
    cma, control = (cli.load("sweep", [f"env={task}", f"agent={name}"]).agent for name in ("cma", "random"))
    assert replace(cma, name="random", strategy="random", note=control.note) == control


@pytest.mark.parametrize("task", [t for t in TASKS if t not in UNMEASURED])
def test_every_task_says_where_its_threshold_comes_from(task):
    env = cli.load("sweep", [f"env={task}"]).env
    assert env.threshold_source
    if "Gymnasium" in env.threshold_source:
        assert env.threshold == gym.spec(env.id).reward_threshold


@pytest.mark.parametrize("task", sorted(UNMEASURED - {"gym"}))
def test_a_task_without_a_threshold_says_how_to_measure_it(task):
    for command in ("sweep", "train"):
        with pytest.raises(
            ConfigError, match=rf"{task} has none \(.+\)\. .*scripts/threshold.py env={task} agent=\w+$"
        ):
            cli.load(command, [f"env={task}"])


def test_the_catalogues_hold_no_python():
    assert not [*ROOT.glob("agents/*.py"), *ROOT.glob("envs/*.py")]


def test_the_wheel_carries_the_catalogue_and_no_top_level_but_ours(tmp_path):
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    done = subprocess.run(build, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {f"rl_intdim/data/envs/{t}.yaml" for t in TASKS} <= set(names)
    assert {f"rl_intdim/data/agents/{a}.yaml" for a in AGENTS} <= set(names)
    assert "rl_intdim/analysis/templates/report.html" in names
    assert {n.split("/")[0] for n in names} == {"rl_intdim", f"rl_intdim-{__version__}.dist-info"}
    # It finds its files with no checkout around.
    zipfile.ZipFile(next(tmp_path.glob("*.whl"))).extractall(tmp_path / "site")
    code = (
        "from rl_intdim.config.catalogue import shipped\n"
        "print(sorted(p.stem for p in shipped('envs').iterdir()), shipped('envs'))"
    )
    ran = subprocess.run([sys.executable, "-c", code], cwd=tmp_path / "site", capture_output=True, text=True)
    assert str(TASKS) in ran.stdout
    assert str(tmp_path) in ran.stdout
