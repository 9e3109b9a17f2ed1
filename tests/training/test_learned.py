"""Subspaces that are learned: what the direct run gives, what it costs, and who says so."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import agent_of, small
from rich.console import Console

from rl_intdim.analysis.comparison_page import page
from rl_intdim.analysis.ladder import ladder
from rl_intdim.analysis.ranking import differences, label, table
from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT, Learned, SubspaceConfig
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.records import learned_subspaces, reproduce
from rl_intdim.records.sweep import read
from rl_intdim.solution import loading
from rl_intdim.solution.quantisation import size
from rl_intdim.subspace.projections.trajectory import principal_directions
from rl_intdim.subspace.subspace import Subspace
from rl_intdim.sweep import sweep
from rl_intdim.tasks import environment
from rl_intdim.training import evolution, learned, strategies
from rl_intdim.training.seeding import children
from rl_intdim.training.trial import TrialSpec, run_trial

BURN_IN, TRAJECTORY = Learned(2000, 2000, 0), Learned(0, 3000, 10)


def trial(echo, agent, how, d=3, seed=0, **changes):
    projection = "trajectory" if how and how.snapshots else "dense"
    return TrialSpec(echo("continuous", budget=2000, **changes), agent, projection, d, seed, learned=how)


# --------------------------------------------------------------------------------- what the direct run gives


def test_the_principal_directions_are_those_of_the_largest_distances_from_theta0():
    origin = torch.tensor([1.0, 2.0, 3.0, 4.0])
    points = origin + torch.tensor([[3.0, 0, 0, 0], [6.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 0]])
    columns = principal_directions(points, origin, 2).abs()
    assert columns == pytest.approx(torch.tensor([[1.0, 0, 0, 0], [0, 0, 1.0, 0]]), abs=1e-6)
    with pytest.raises(TrialFailure, match="4 points of the direct run span 2 directions, and d is 3"):
        principal_directions(points, origin, 3)
    with pytest.raises(TrialFailure, match="span 0"):  # an agent that has not moved
        principal_directions(origin[None], origin, 1)


def test_theta0_is_what_direct_training_reaches_after_the_burn_in(echo):
    """By the strategy itself, generation by generation, from the trial's sixth seed."""
    spec = trial(echo, agent_of("cma"), BURN_IN)
    task, policy = spec.task, environment.policy(spec.task)
    theta0, *_, run = children(0)
    direct = Subspace(policy.theta0(np.random.default_rng(theta0)), DIRECT)
    first, second = (np.random.default_rng(s) for s in run.spawn(2))
    strategy = strategies.load("cma")(direct.d, direct.step_scale, spec.agent, first)
    hall, env_steps = evolution.PopulationEvaluator(task, spec.agent, policy, direct), 0
    for _ in range(3):  # of 640 env steps; the fourth does not fit
        population = strategy.ask()
        returns, steps = hall.play(population, int(second.integers(2**31)))
        strategy.tell(population, returns)
        env_steps += steps
    record = run_trial(spec)
    assert record.theta0 == direct.theta(torch.from_numpy(strategy.favourite()).float()).tolist()
    assert env_steps <= record.subspace_steps <= 2000
    assert record.basis is None


@pytest.mark.parametrize("name", ["cma", "ppo"])
def test_a_basis_is_orthonormal_of_its_seed_and_costs_what_it_says(echo, name):
    agent = agent_of("cma") if name == "cma" else small("ppo")
    records = [run_trial(trial(echo, agent, TRAJECTORY, seed=seed)) for seed in (0, 0, 1)]
    P = torch.tensor(records[0].basis)
    assert torch.allclose(P @ P.T, torch.eye(3), atol=1e-5)
    assert records[0].basis == records[1].basis != records[2].basis
    assert 2000 < records[0].subspace_steps <= 3000
    assert records[0].theta0 is None  # drawn
    assert records[0].env_steps < records[0].subspace_steps  # which it does not count
    assert "theta0" not in records[0].line()
    assert records[0].line()["subspace_steps"] == records[0].subspace_steps


def test_a_burn_in_helps_theta0_alone(echo):
    scores = [run_trial(trial(echo, agent_of("cma"), how, d=0)).score for how in (Learned(8000, 8000, 0), None)]
    assert scores[0] > scores[1] + 1


@pytest.mark.parametrize("name", ["cma", "ppo", "sac"])
def test_a_burn_in_of_less_than_a_generation_or_update_fails_with_the_reason(echo, name):
    """No rollout of ppo fits into it, and sac trains from 100 env steps on."""
    agent, steps = (agent_of("cma"), 300) if name == "cma" else (small(name), 60)
    with pytest.raises(TrialFailure, match=rf"subspace\.burn_in={steps}: {name} had learned nothing"):
        run_trial(trial(echo, agent, Learned(steps, steps, 0)))


def test_both_at_once_and_what_learns_nothing(echo):
    both = run_trial(trial(echo, agent_of("cma"), Learned(1000, 3000, 10)))
    assert both.theta0 is not None
    assert both.basis is not None
    assert 2000 < both.subspace_steps <= 3000
    for d in (DIRECT, 0):
        assert run_trial(trial(echo, agent_of("cma"), TRAJECTORY, d=d)).subspace_steps == 0
    plain = run_trial(trial(echo, agent_of("cma"), None, d=DIRECT))
    assert run_trial(trial(echo, agent_of("cma"), BURN_IN, d=DIRECT)).curve == plain.curve


def test_an_agent_that_does_not_move_fails_with_the_reason(echo):
    with pytest.raises(TrialFailure, match="points of the direct run span"):
        run_trial(trial(echo, agent_of("random"), Learned(0, 700, 1), d=2))


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (
            "sweep",
            ["subspace.direct_steps=1000"],
            "direct_steps=1000: is for subspace.projection=trajectory",
        ),
        (
            "train",
            ["subspace.projection=trajectory", "subspace.direct_steps=1000", "subspace.burn_in=2000"],
            "subspace.burn_in=2000: must be at most the 1,000 env steps",
        ),
        ("train", ["subspace.projection=trajectory", "d=101"], "d=101: must be at most subspace.snapshots=100"),
        ("sweep", ["subspace.projection=trajectory", "search.ds=[4,200]"], "search.ds=200: must be at most subspace"),
        ("sweep", ["subspace.burn_in=1", "search.max_env_steps=1e9"], "search.max_env_steps=.*direct runs"),
        ("sweep", ["subspace.projection=trajektory"], "Did you mean trajectory"),
        ("sweep", ["subspace.burn_in=-1"], "subspace.burn_in=-1: must be"),
    ],
)
def test_mistakes(command, words, said):
    with pytest.raises(ConfigError, match=said):
        cli.load(command, words)


def test_a_trajectory_beyond_the_limit_says_what_it_takes():
    config = SubspaceConfig("trajectory", snapshots=100)
    learned.check(config, 10**6, 600_000)
    with pytest.raises(ConfigError, match=r"snapshots=100: .*take 387 MiB; valid here: at most 256 MiB, 65"):
        learned.check(config, 10**6, 1_005_366)
    learned.check(replace(config, projection="countsketch", burn_in=5), 10**6, 10**9)


# ----------------------------------------------------------------------- a sweep, its solution and its comparison


WORDS = ["env=CartPole", "agent=cma", "search.ds=[0,3]", "search.seeds=2", "search.seed=5", "search.direct=1",
         "workers=0", "env.budget=60_000", "env.threshold=60", "env.scoring.confirm_episodes=20"]  # fmt: skip


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """The same sweep in random subspaces, after a burn-in, and in a learned basis: what each said, and its folder."""
    folder = tmp_path_factory.mktemp("learned")
    how = {
        "random": [],
        "burn-in": ["subspace.burn_in=5000"],
        "trajectory": ["subspace.projection=trajectory", "subspace.direct_steps=20_000"],
    }
    out = {}
    for name, words in how.items():
        said = io.StringIO()
        sweep(cli.load("sweep", [*WORDS, *words, f"out={folder / name}"]), Console(file=said, width=200))
        out[name] = (said.getvalue(), folder / name)
    return out


def test_what_it_cost_is_said_beside_the_trials_own(sweeps):
    for name, trained in (("random", 0), ("burn-in", 4), ("trajectory", 2)):
        said, folder = sweeps[name]
        result = json.loads((folder / "result.json").read_text())
        trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
        assert sum(t["subspace_steps"] > 0 for t in trials) == trained
        assert result["subspace_steps"] == sum(t["subspace_steps"] for t in trials)
        assert result["env_steps"] == sum(t["env_steps"] for t in trials)
        assert ("learned basis" in said) == ("learned basis" in result["projection"]) == (name != "random")


@pytest.mark.parametrize(("name", "numbers"), [("burn-in", 562), ("trajectory", 3 * 562)])
def test_a_solution_holds_what_was_learned_counts_it_and_scores_as_the_trial_did(sweeps, name, numbers):
    folder = sweeps[name][1]
    solution = loading.load(folder / "solution.json")  # untrusted: it names no code
    trial = next(t for t in read(folder).trials if t.seed == solution.seed)
    arrays = learned_subspaces.read(folder, (trial.d, trial.seed))
    if name == "burn-in":
        assert solution.d == 0  # theta0 alone solves, once it is learned
        assert np.array_equal(np.float32(solution.theta0), np.float32(arrays["theta0"]))
    policy, theta = solution.policy()
    assert size(solution, 3, 16).learned == 32 * (562 if solution.d == 0 else numbers)
    returns, _ = solution.returns(100, np.random.default_rng(0))
    assert returns.mean() > 55
    assert theta.shape == (policy.D,)


def test_a_solution_that_does_not_fit_is_refused(sweeps):
    data = json.loads((sweeps["trajectory"][1] / "solution.json").read_text())
    for changes, said in (
        ({"basis": data["basis"][:2]}, "a column for each of d=3"),
        ({"basis": None}, "goes with projection=trajectory"),
        ({"basis": [["x"]] * 3}, "basis must be numbers"),
        ({"theta0": [1.0]}, "theta0: 1 numbers for D = 562"),
        ({"basis": [[1.0]] * 3}, "basis: 1 numbers for D = 562"),
        ({"projection": "dense"}, "goes with projection=trajectory"),
    ):
        Path("bad.json").write_text(json.dumps(data | changes))
        with pytest.raises(ConfigError, match=said):
            loading.load(Path("bad.json")).policy()


def test_a_learned_subspace_whose_file_is_gone_or_broken(sweeps, tmp_path):
    with pytest.raises(ConfigError, match=r"d-3-seed-9\.npz: not the learned subspace"):
        learned_subspaces.read(sweeps["burn-in"][1], (3, 9))
    path = learned_subspaces.path(tmp_path, (3, 9))
    path.parent.mkdir()
    path.write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(ConfigError, match="not the learned subspace"):
        learned_subspaces.read(tmp_path, (3, 9))


def test_a_learned_basis_is_never_ranked_with_random_ones(sweeps):
    every = [read(folder) for _, folder in sweeps.values()]
    frame = table(every, papers=False)
    assert frame["P"].tolist()[0] == "dense"
    assert all("learned basis" in P for P in frame["P"].tolist()[1:])  # whatever their d_int
    assert frame["rank"].isna().tolist() == [every[0].answer.d_int is None, True, True]
    assert table(every[1:], papers=False)["rank"].isna().all()
    assert differences(every).empty
    assert [r.sweep.learned is None for r in ladder(every, [label(s) for s in every])] == [True, False, False]
    assert "A learned basis is not ranked" in page(every, "p.png")


def test_the_command_of_a_trial_learns_the_same_subspace(sweeps):
    for name, word in (("burn-in", "subspace.burn_in=5000"), ("trajectory", "subspace.direct_steps=20000")):
        assert word in reproduce.words(read(sweeps[name][1]).config)
