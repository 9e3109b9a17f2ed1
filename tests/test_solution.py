"""The solution file: small, safe, and the same policy again."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from rl_intdim import cli, solution, tasks
from rl_intdim.errors import ConfigError
from rl_intdim.solution import Solution
from rl_intdim.trial import Trial, draw_subspace, run_trial


def trained(d, budget):
    config = cli.load("sweep", ["env=CartPole", f"env.budget={budget}"])
    result = run_trial(Trial(config.env, config.agent, "dense", d, seed=1))
    return result, Solution(config.env, "cma", "dense", d, 1, result.score, result.theta_d)


def test_a_saved_solution_scores_again():
    result, before = trained(8, budget=50_000)
    assert result.solved
    before.save(Path("solution.json"))
    after = solution.load(Path("solution.json"))
    assert after == before
    policy, theta = after.policy()
    returns, _ = tasks.episodes(tasks.make_vec(after.task, 100), policy, theta[None], seed=99)
    assert np.mean(returns) >= 475 - 15  # other episodes than those it was confirmed on


def test_a_direct_solution_is_theta0_and_all_D_numbers():
    _, before = trained("direct", budget=3_000)
    before.save(Path("solution.json"))
    policy, theta = solution.load(Path("solution.json")).policy()
    subspace, _ = draw_subspace(policy, "dense", "direct", 1)
    assert torch.equal(theta, subspace.theta0 + torch.tensor(before.theta_d))
    assert torch.tensor(before.theta_d).norm() > 0


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "rl_intdim solution 1"}', "\x80"])
def test_a_wrong_file_is_named(text):
    Path("bad.json").write_text(text, encoding="latin-1")
    with pytest.raises(ConfigError, match=r"bad\.json"):
        solution.load(Path("bad.json"))


def test_a_changed_task_is_refused():
    config = cli.load("sweep", [])
    Solution(config.env, "cma", "dense", 1, 0, 0.0, [0.0]).save(Path("s.json"))
    data = json.loads(Path("s.json").read_text())
    data["task"]["policy"]["hiden"] = [3]
    Path("s.json").write_text(json.dumps(data))
    with pytest.raises(ConfigError, match="hidden"):
        solution.load(Path("s.json"))
