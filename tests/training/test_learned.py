"""Subspaces that are learned: what the direct run gives, what it costs, and who says so."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import DISCRETE, agent_of, small
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
from rl_intdim.subspace.optimizer import SubspaceOptimizer
from rl_intdim.subspace.projections.learned import principal_directions
from rl_intdim.subspace.subspace import Subspace, flat
from rl_intdim.sweep import sweep
from rl_intdim.tasks import environment
from rl_intdim.training import evolution, learned, strategies
from rl_intdim.training.seeding import children
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial

BURN_IN, TRAJECTORY, GRADIENTS = Learned(2000, 2000, 0), Learned(0, 3000, 10), Learned(0, 3000, 10, gradients=True)


def trial(echo, agent, how, d=3, seed=0, **changes):
    projection = "dense" if not how or not how.snapshots else "gradients" if how.gradients else "trajectory"
    return TrialSpec(echo("continuous", budget=2000, **changes), agent, projection, d, seed, learned=how)


# --------------------------------------------------------------------------------- what the direct run gives


def test_the_principal_directions_are_those_along_which_snapshots_are_longest():
    """Not those in which they differ most: the mean of the first three lies along the first axis."""
    snapshots = torch.tensor([[3.0, 0, 0, 0], [3.1, 0, 0, 0], [3.0, 0, 1.0, 0], [0, 0, 0, 0]])
    columns = principal_directions(snapshots, 2).abs()
    assert columns == pytest.approx(torch.linalg.svd(snapshots).Vh[:2].abs(), abs=1e-6)
    assert columns[0] == pytest.approx(torch.tensor([1.0, 0, 0.1, 0]), abs=0.02)
    with pytest.raises(TrialFailure, match="4 snapshots of the direct run span 2 directions, and d is 3"):
        principal_directions(snapshots, 3)
    for still in (torch.zeros(2, 4), torch.zeros(0, 4)):  # an agent that has not moved, or made no step
        with pytest.raises(TrialFailure, match="span 0"):
            principal_directions(still, 1)


def test_a_trajectory_is_seen_from_theta0_and_gradients_from_zero():
    theta0 = torch.tensor([1.0, 2.0, 3.0])
    for how, expected in ((Learned(0, 20, 2), [[0, 0, 0], [1, 0, 0], [2, 0, 0]]),
                          (Learned(0, 20, 2, gradients=True), [[0, 2, 0], [0, 0, 5]])):  # fmt: skip
        recorder = learned.Recorder(Subspace(theta0, DIRECT), how)
        assert not recorder.due(9)
        for step, gradient in enumerate([[0, 1.0, 0], [0, 3.0, 0], [0, 0, 5.0]]):
            recorder.add(torch.tensor(gradient))
            if step > 0:
                assert recorder.due(10 * step)
                recorder.look(10 * step, torch.tensor([float(step), 0, 0]))
        assert recorder.vectors().tolist() == expected


def test_the_last_snapshot_is_taken_at_the_end_wherever_that_is():
    """Rollouts of 9 env steps, of which two fit into 20."""
    theta0 = torch.zeros(3)
    recorder = learned.Recorder(Subspace(theta0, DIRECT), Learned(0, 20, 2))
    assert not recorder.due(9)
    assert recorder.unseen(18)
    recorder.look(18, torch.ones(3))
    assert recorder.vectors().tolist() == [[0, 0, 0], [1, 1, 1]]
    assert not recorder.unseen(18)
    burnt = learned.Recorder(Subspace(theta0, DIRECT), Learned(20, 20, 0))
    assert burnt.unseen(18)


@pytest.mark.parametrize("name", ["ppo", "sac"])
def test_gradients_are_those_of_the_actors_optimiser_averaged_between_snapshots(echo, monkeypatch, name):
    """Seen from outside, in the modules: PPO's after clipping, SAC's from its actor alone."""
    seen, means, spanned = [], [], []
    write, look = SubspaceOptimizer.write, learned.Recorder.look

    def watched(self):  # the last thing that a step does
        if self.param_groups[0]["params"][0].grad is not None:
            seen.append(flat(p.grad for p in self.param_groups[0]["params"]).clone())
        write(self)

    def marked(self, env_steps, theta_d, actor=None):
        if seen:
            means.append(torch.stack(seen).mean(0))
            seen.clear()
        return look(self, env_steps, theta_d, actor)

    def stopped(vectors, d):
        spanned.append(vectors)
        raise TrialFailure("seen enough")

    monkeypatch.setattr(SubspaceOptimizer, "write", watched)
    monkeypatch.setattr(learned.Recorder, "look", marked)
    monkeypatch.setattr(learned, "principal_directions", stopped)
    with pytest.raises(TrialFailure, match="seen enough"):
        run_trial(trial(echo, small(name), GRADIENTS))
    assert 5 <= len(means) <= 10  # SAC collects before its first step
    assert torch.allclose(spanned[0], torch.stack(means), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("how", [BURN_IN, TRAJECTORY])
def test_a_resumed_trial_goes_on_in_the_subspace_that_it_began_in(echo, how, tmp_path, monkeypatch):
    """On another machine the direct run might give another one."""
    spec = replace(trial(echo, agent_of("cma"), how, checkpoint=640, threshold=11.0), folder=str(tmp_path))

    def stop(env_steps, *_):
        if env_steps > 1280:
            raise RuntimeError("killed")

    with pytest.raises(TrialFailure, match="killed"):
        run_trial(spec, stop)
    with monkeypatch.context() as patched:
        patched.setattr(learned.Recorder, "look", lambda *_: pytest.fail("the direct run began anew"))
        resumed = run_trial(spec)
    whole = run_trial(replace(spec, folder=None))
    assert replace(resumed, seconds=0.0) == replace(whole, seconds=0.0)


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


@pytest.mark.parametrize(("name", "how"), [("cma", TRAJECTORY), ("ppo", TRAJECTORY), ("ppo", GRADIENTS)])
def test_a_basis_is_orthonormal_of_its_seed_and_costs_what_it_says(echo, name, how):
    agent = agent_of("cma") if name == "cma" else small("ppo")
    records = [run_trial(trial(echo, agent, how, seed=seed)) for seed in (0, 0, 1)]
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


@pytest.mark.parametrize("name", DISCRETE)
def test_every_agent_with_a_gradient_spans_a_basis_by_its_own(echo, name):
    how = Learned(0, 1500, 10, gradients=True)
    spec = TrialSpec(echo("discrete", budget=500), small(name), "gradients", 3, 0, learned=how)
    assert torch.tensor(run_trial(spec).basis).shape[0] == 3


def test_gradients_of_a_run_without_a_step_fail_with_the_reason(echo):
    with pytest.raises(TrialFailure, match="0 snapshots of the direct run span 0 directions"):
        run_trial(trial(echo, small("sac"), Learned(0, 60, 3, gradients=True)))


def test_an_agent_that_does_not_move_fails_with_the_reason(echo):
    with pytest.raises(TrialFailure, match="snapshots of the direct run span"):
        run_trial(trial(echo, agent_of("random"), Learned(0, 700, 1), d=2))


# ---------------------------------------------------------------------------------------------- what is refused


@pytest.mark.parametrize(
    ("command", "words", "said"),
    [
        (
            "sweep",
            ["subspace.direct_steps=1000"],
            "direct_steps=1000: is for subspace.projection=trajectory or gradients",
        ),
        (
            "train",
            ["subspace.projection=trajectory", "subspace.direct_steps=1000", "subspace.burn_in=2000"],
            "subspace.burn_in=2000: must be at most the 1,000 env steps",
        ),
        ("train", ["subspace.projection=trajectory", "d=101"], "d=101: must be at most subspace.snapshots=100"),
        ("sweep", ["subspace.projection=trajectory", "search.ds=[4,200]"], "search.ds=200: must be at most subspace"),
        ("sweep", ["subspace.burn_in=1", "search.max_env_steps=1e9"], "search.max_env_steps=.*direct runs"),
        (
            "sweep",
            ["subspace.projection=trajectory"],
            "search.d_max=None: is needed with .*=trajectory, or search.ds",
        ),
        ("sweep", ["subspace.projection=trajektory"], "Did you mean trajectory"),
        ("sweep", ["subspace.projection=gradient"], "Did you mean gradients"),
        ("train", ["subspace.projection=gradients"], "=gradients: agent=cma follows no gradient; valid with it: tra"),
        (
            "sweep",
            ["agent=ppo", "subspace.projection=gradients", "search.d_max=200"],
            "search.d_max=200: must be at most subspace.snapshots=100",
        ),
        ("sweep", ["subspace.burn_in=-1"], "subspace.burn_in=-1: must be"),
    ],
)
def test_mistakes(command, words, said):
    with pytest.raises(ConfigError, match=said):
        cli.load(command, words)


def test_snapshots_beyond_the_limit_says_what_it_takes():
    config = SubspaceConfig("trajectory", snapshots=100)
    learned.check(config, 10**6, 600_000)
    with pytest.raises(ConfigError, match=r"snapshots=100: .*take 387 MiB; valid here: at most 256 MiB, 65"):
        learned.check(config, 10**6, 1_005_366)
    learned.check(replace(config, projection="countsketch", burn_in=5), 10**6, 10**9)


# ----------------------------------------------------------------------- a sweep, its solution and its comparison


WORDS = ["env=CartPole", "search.ds=[0,3]", "search.seeds=2", "search.seed=4", "search.direct=1",
         "workers=0", "env.budget=60_000", "env.threshold=60", "env.scoring.confirm_episodes=20"]  # fmt: skip


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """The same sweep in random subspaces, after a burn-in, and in learned bases: what each said, and its folder."""
    folder = tmp_path_factory.mktemp("learned")
    how = {
        "random": [],
        "burn-in": ["subspace.burn_in=5000"],
        "trajectory": ["subspace.projection=trajectory", "subspace.direct_steps=20_000"],
        "gradients": ["agent=ppo", "subspace.projection=gradients", "subspace.direct_steps=5000"],
    }
    out = {}
    for name, words in how.items():
        said = io.StringIO()
        sweep(cli.load("sweep", [*WORDS, *words, f"out={folder / name}"]), Console(file=said, width=200))
        out[name] = (said.getvalue(), folder / name)
    return out


def test_what_it_cost_is_said_beside_the_trials_own(sweeps):
    for name, trained in (("random", 0), ("burn-in", 4), ("trajectory", 2), ("gradients", 2)):
        said, folder = sweeps[name]
        result = json.loads((folder / "result.json").read_text())
        trials = [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]
        assert sum(t["subspace_steps"] > 0 for t in trials) == trained
        assert result["subspace_steps"] == sum(t["subspace_steps"] for t in trials)
        assert result["env_steps"] == sum(t["env_steps"] for t in trials)
        assert ("learned basis" in said) == ("learned basis" in result["projection"]) == (name != "random")
        assert ("spanned by its gradients" in " ".join(said.split())) == (name == "gradients")


@pytest.mark.parametrize(("name", "numbers"), [("burn-in", 562), ("trajectory", 3 * 562), ("gradients", 3 * 562)])
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
        ({"basis": None}, "goes with projection=trajectory or gradients"),
        ({"basis": [["x"]] * 3}, "basis must be numbers"),
        ({"theta0": [1.0]}, "theta0: 1 numbers for D = 562"),
        ({"basis": [[1.0]] * 3}, "basis: 1 numbers for D = 562"),
        ({"projection": "dense"}, "goes with projection=trajectory or gradients"),
    ):
        Path("bad.json").write_text(json.dumps(data | changes))
        with pytest.raises(ConfigError, match=said):
            loading.load(Path("bad.json")).policy()


def test_a_learned_subspace_whose_file_is_gone_or_broken(sweeps, tmp_path):
    with pytest.raises(ConfigError, match=r"d-3-seed-9\.npz: not the learned subspace"):
        learned_subspaces.read(sweeps["burn-in"][1], (3, 9))
    path = learned_subspaces.path(tmp_path, (3, 9))
    path.parent.mkdir()
    for content in (b"PK\x03\x04 and no more", b""):
        path.write_bytes(content)
        with pytest.raises(ConfigError, match="not the learned subspace"):
            learned_subspaces.read(tmp_path, (3, 9))


def test_a_learned_basis_is_never_ranked_with_random_ones(sweeps):
    every = [read(folder) for _, folder in sweeps.values()]
    frame = table(every, papers=False)
    assert frame["P"].tolist()[0] == "dense"
    assert all("learned basis" in P for P in frame["P"].tolist()[1:])  # whatever their d_int
    assert frame["rank"].isna().tolist() == [every[0].answer.d_int is None, True, True, True]
    assert table(every[1:], papers=False)["rank"].isna().all()
    assert differences(every).empty
    rungs = ladder(every, [label(s.config) for s in every])
    assert [r.sweep.learned is None for r in rungs] == [True, False, False, False]
    assert "A learned basis is not ranked" in page(every, "p.png")


def test_the_command_of_a_trial_learns_the_same_subspace(sweeps):
    for name, word in (("burn-in", "subspace.burn_in=5000"), ("gradients", "subspace.projection=gradients")):
        assert word in reproduce.words(read(sweeps[name][1]).config)
