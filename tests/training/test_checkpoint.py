"""Checkpoints within a trial: killed anywhere and resumed, it ends as the one that was left alone, to the bit."""

import io
import json
import subprocess
import time
from dataclasses import asdict, replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from factories import KINDS, agent_of, argv, crossq, pictures, small
from rich.console import Console

from rl_intdim import runners
from rl_intdim.config import cli
from rl_intdim.config.schema import Learned, Scoring
from rl_intdim.errors import ConfigError
from rl_intdim.sweep import sweep
from rl_intdim.training.checkpoint import Checkpoints
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.sb3.callback import TrialCallback
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial

SLOW = ("td3", "tqc")  # as SAC, for another minute and a half
KINDS_HERE = [pytest.param(*kind, marks=pytest.mark.slow) if kind[0] in SLOW else kind for kind in KINDS]
EVOLUTION = ("cma", "random", "openai_es", "pgpe")
AGENTS = [*KINDS_HERE, *((name, "discrete" if name == "cma" else "continuous") for name in EVOLUTION)]


class Killed(BaseException):
    """As a SIGKILL: nothing catches it, nothing is cleaned up."""


def killed_after(monkeypatch, trial, saves):
    """Run the trial, and kill it right before it writes checkpoint number saves + 1."""
    real, left = Checkpoints.save, [saves]

    def save(self, state):
        if left[0] == 0:
            raise Killed
        left[0] -= 1
        real(self, state)

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "save", save)
        with pytest.raises(Killed):
            run_trial(trial)


def without_seconds(result):
    return {k: v for k, v in asdict(result).items() if k != "seconds"}


@pytest.mark.parametrize(("name", "kind"), AGENTS)
def test_killed_and_resumed_it_ends_the_same(echo, monkeypatch, tmp_path, name, kind):
    agent, budget = (agent_of(name), 3000) if name in EVOLUTION else (small(name), 2000)
    if name in ("dqn", "sac", "td3", "tqc"):  # half the steps, and a buffer that is full before they end
        budget, agent = 1000, replace(agent, settings=agent.settings | {"buffer_size": 600, "gradient_steps": 1})
    task = echo(kind, budget=budget, threshold=10.01, checkpoint=budget * 3 // 20)
    ends_the_same(monkeypatch, tmp_path, agent, task)


def test_exploration_schedules_and_the_scale_of_rewards_go_on_too(echo, monkeypatch, tmp_path):
    agent = replace(small("ppo"), normalize_reward=True)
    more = {"use_sde": True, "learning_rate": "lin_3e-3", "clip_range": "lin_0.2"}
    agent = replace(agent, settings=agent.settings | more)
    ends_the_same(monkeypatch, tmp_path, agent, echo("continuous", budget=2000, threshold=10.01, checkpoint=300))


def test_a_replay_buffer_holds_what_the_environments_gave_after_a_restart_too(echo, monkeypatch, tmp_path):
    """Under VecNormalize, SB3 keeps the observation before it in an attribute of its own."""
    agent = replace(small("sac"), normalize_reward=True)
    agent = replace(agent, settings=agent.settings | {"gradient_steps": 1})
    ends_the_same(monkeypatch, tmp_path, agent, echo("continuous", budget=600, threshold=10.01, checkpoint=100))


def test_buffers_of_what_is_free_go_on_too(echo, monkeypatch, tmp_path):
    ends_the_same(monkeypatch, tmp_path, crossq(), echo("continuous", budget=600, threshold=10.01, checkpoint=100))


def ends_the_same(monkeypatch, tmp_path, agent, task):
    trial = TrialSpec(task, agent, "dense", 8, 1)
    undisturbed = run_trial(trial)
    assert 0.8 * task.budget < undisturbed.env_steps <= task.budget
    resumed = replace(trial, folder=str(tmp_path / "state"))
    killed_after(monkeypatch, resumed, saves=2)
    killed_after(monkeypatch, resumed, saves=1)
    started = []
    real = Checkpoints.load
    monkeypatch.setattr(Checkpoints, "load", lambda self: started.append(real(self)) or started[-1])
    assert without_seconds(run_trial(resumed)) == without_seconds(undisturbed)
    assert started[0] is not None


@pytest.mark.parametrize("name", ["ppo", "cma", "dqn"])
def test_what_confirmations_have_refuted_is_known_after_a_kill(echo, monkeypatch, tmp_path, name):
    """DQN, which only fills its buffer here, looks at one policy again and again."""
    real = Evaluator._score

    def hopes_dashed(self, theta_d, n, rng, enough=lambda returns: False):
        score = real(self, theta_d, n, rng, enough)
        return score._replace(mean=score.mean + (20 if n == self.task.scoring.look_episodes else -20))

    monkeypatch.setattr(Evaluator, "_score", hopes_dashed)
    agent = agent_of(name) if name == "cma" else small(name)
    if name == "dqn":
        agent = replace(agent, settings=agent.settings | {"learning_starts": 1900})
    task = echo(budget=3000 if name == "cma" else 2000, threshold=10.01, checkpoint=300)
    ends_the_same(monkeypatch, tmp_path, agent, task)


def cut(path):
    path.write_bytes(path.read_bytes()[:999])


def older(path):
    """A state of a version that kept less."""
    saved = torch.load(path, weights_only=False)
    del saved["evaluator"]["refuted"]
    torch.save(saved, path)


def of_another_policy(path):
    saved = torch.load(path, weights_only=False)
    saved["trainer"]["parameters"]["policy"].popitem()
    torch.save(saved, path)


def of_another_strategy(path):
    saved = torch.load(path, weights_only=False)
    del saved["trainer"]["strategy"].waited
    torch.save(saved, path)


@pytest.mark.parametrize(
    ("name", "spoil"),
    [*product(["ppo", "cma"], [cut, older]), ("ppo", of_another_policy), ("cma", of_another_strategy)],
)
def test_a_state_that_cannot_be_read_is_named(echo, monkeypatch, tmp_path, name, spoil):
    trial = TrialSpec(echo(budget=2000, threshold=11.0, checkpoint=600), agent_of(name), "dense", 8, 1)
    trial = replace(trial, folder=str(tmp_path))
    killed_after(monkeypatch, trial, saves=1)
    spoil(tmp_path / "state.pt")
    with pytest.raises(ConfigError, match=rf"state\.pt: cannot be read: .* Remove {tmp_path}; the trial then starts"):
        run_trial(trial)


@pytest.mark.parametrize(
    ("name", "how", "saves"),
    [
        *((*case, 4) for case in product(["cma"], [Learned(1500, 1500, 0), Learned(0, 2000, 5)])),
        *((*case, 6) for case in product(["ppo"], [Learned(1500, 1500, 0), Learned(0, 2000, 5)])),
        ("ppo", Learned(0, 2304, 3, gradients=True), 7),  # the first checkpoint is between two snapshots
    ],
)
def test_killed_in_the_direct_run_of_a_learned_subspace_and_after_it(echo, monkeypatch, tmp_path, name, how, saves):
    agent = agent_of("cma") if name == "cma" else small("ppo")
    projection = "gradients" if how.gradients else "trajectory" if how.snapshots else "dense"
    task = echo("continuous", budget=2000, threshold=10.01, checkpoint=300)
    trial = TrialSpec(task, agent, projection, 3, 1, learned=how)
    undisturbed = run_trial(trial)
    resumed = replace(trial, folder=str(tmp_path / "state"))
    killed_after(monkeypatch, resumed, saves=1)
    assert not (tmp_path / "state" / "state.pt").exists()
    killed_after(monkeypatch, resumed, saves)
    assert (tmp_path / "state" / "state.pt").exists()
    assert without_seconds(run_trial(resumed)) == without_seconds(undisturbed)


@pytest.mark.parametrize("other", [{"seed": 2}, {"d": 7}, {"projection": "sparse"}, {"agent": agent_of("random")}])
def test_the_state_of_another_trial_is_refused(echo, monkeypatch, tmp_path, other):
    mine = TrialSpec(
        echo(budget=4000, threshold=10.01, checkpoint=600), agent_of("cma"), "dense", 8, 1, folder=str(tmp_path)
    )
    killed_after(monkeypatch, mine, saves=1)
    with pytest.raises(ConfigError, match=r"holds the state of a trial with .*=.*, and this one has"):
        run_trial(replace(mine, **other))
    assert run_trial(mine).seed == 1


def test_the_state_from_before_a_key_is_taken_up_with_the_keys_default(echo, monkeypatch, tmp_path):
    mine = TrialSpec(
        echo(budget=4000, threshold=10.01, checkpoint=600), agent_of("cma"), "dense", 8, 1, folder=str(tmp_path)
    )
    killed_after(monkeypatch, mine, saves=1)
    saved = torch.load(tmp_path / "state.pt", weights_only=False)
    del saved["identity"]["env.policy.output_gain"]
    torch.save(saved, tmp_path / "state.pt")
    policy = replace(mine.task.policy, output_gain=0.01)
    with pytest.raises(ConfigError, match=r"env\.policy\.output_gain=1\.0, and this one has .*=0\.01"):
        run_trial(replace(mine, task=replace(mine.task, policy=policy)))
    assert run_trial(mine).seed == 1


def test_on_pictures(echo, monkeypatch, tmp_path):
    task = pictures(echo, budget=1500, threshold=11.0, checkpoint=500)
    trial = TrialSpec(task, agent_of("dqn", settings="{buffer_size:900,learning_starts:100}"), "countsketch", 8, 1)
    killed_after(monkeypatch, resumed := replace(trial, folder=str(tmp_path / "state")), saves=1)
    assert without_seconds(run_trial(resumed)) == without_seconds(run_trial(trial))


def test_the_replay_buffer_is_appended_and_old_files_are_dropped(echo, monkeypatch, tmp_path):
    """Each checkpoint writes its own new rows; what is older than the buffer is removed."""
    task = echo("continuous", budget=4000, threshold=9.99, checkpoint=600)
    sac = small("sac")
    sac = replace(sac, settings=sac.settings | {"learning_starts": 4000})  # it only fills its buffer
    trial = TrialSpec(task, sac, "dense", 8, 1, folder=str(tmp_path))
    killed_after(monkeypatch, trial, saves=5)  # the sixth is being written: its rows are there, its state is not
    ends = [int(path.stem.split("-")[1]) for path in sorted(tmp_path.glob("replay-*.npz"))]
    # In rows, of two env steps each: from 1500, where it resumes, the buffer's 750 reach back to 750.
    assert ends == [900, 1200, 1500, 1800]
    assert max(path.stat().st_size for path in tmp_path.glob("replay-*")) < 60_000


def test_a_replay_file_that_cannot_be_read_is_named(echo, monkeypatch, tmp_path):
    task = echo("continuous", budget=1000, threshold=9.99, checkpoint=300)
    trial = TrialSpec(task, small("sac"), "dense", 8, 1, folder=str(tmp_path))
    killed_after(monkeypatch, trial, saves=1)
    (cut,) = (path for path in tmp_path.glob("replay-*.npz") if "150" in path.name)
    cut.write_bytes(b"")
    with pytest.raises(ConfigError, match=rf"{cut.name}: cannot be read: .* Remove {tmp_path}"):
        run_trial(trial)


def test_the_clock_goes_on(echo, monkeypatch, tmp_path):
    task = echo(budget=2000, threshold=11.0, checkpoint=600)
    trial = TrialSpec(task, agent_of("ppo"), "dense", 8, 1, folder=str(tmp_path))
    killed_after(monkeypatch, trial, saves=1)
    with monkeypatch.context() as patch:
        real = Checkpoints.load

        def load(self):
            state = real(self)
            self.start -= 1000  # as if a thousand seconds had gone before
            return state

        patch.setattr(Checkpoints, "load", load)
        told: list[float] = []
        assert run_trial(trial, lambda *look: told.append(look[-1])).seconds > 1000
        assert min(told) > 1000  # the time left is told by them


def test_the_clock_of_a_direct_run_goes_on_too(echo, monkeypatch, tmp_path):
    real = Checkpoints.load

    def load(self):
        state = real(self)
        if self.folder.name == "direct":
            self.start -= 1000  # as if a thousand seconds had gone before
        return state

    monkeypatch.setattr(Checkpoints, "load", load)
    task = echo(budget=700, checkpoint=600)
    trial = TrialSpec(task, agent_of("cma"), "dense", 3, 1, folder=str(tmp_path), learned=Learned(700, 700, 0))
    told: list[float] = []
    assert run_trial(trial, lambda *look: told.append(look[-1])).seconds > 1000
    assert max(told) < 1000  # the time left is that of training in the subspace, and told by its seconds alone


def test_a_trial_that_is_solved_saves_no_checkpoint_to_go_on_from(echo, monkeypatch, tmp_path):
    scoring = Scoring(looks=50, look_episodes=5)  # both at the start of each rollout
    task = echo(budget=8000, threshold=8.5, checkpoint=160, scoring=scoring)
    saved = []
    monkeypatch.setattr(Checkpoints, "save", lambda self, state: saved.append(self.evaluator.solved))
    trial = TrialSpec(task, small("ppo"), "dense", 8, 1, folder=str(tmp_path))
    assert run_trial(trial).solved_at >= 160
    assert not any(saved)


def test_a_trial_goes_on_with_tensorboard_though_it_began_without(echo, monkeypatch, tmp_path):
    pytest.importorskip("tensorboard")
    trial = TrialSpec(
        echo(budget=2000, threshold=10.01, checkpoint=600),
        small("ppo"),
        "dense",
        3,
        1,
        folder=str(tmp_path / "state"),
    )
    killed_after(monkeypatch, trial, saves=1)
    run_trial(replace(trial, tensorboard=str(tmp_path / "logs")))
    assert [*(tmp_path / "logs").rglob("events*")]


def test_n_step_returns_end_where_a_checkpoint_begins_new_episodes(echo, monkeypatch):
    cut = []
    real = TrialCallback.restart

    def restart(self):
        buffer = self.model.replay_buffer
        cut.append(np.maximum(buffer.timeouts, buffer.dones)[buffer.pos - 1].tolist())
        real(self)

    monkeypatch.setattr(TrialCallback, "restart", restart)
    run_trial(TrialSpec(echo(budget=600, threshold=10.01, checkpoint=206), small("dqn"), "dense", 3, 0))
    assert cut
    assert all(min(ended) == 1 for ended in cut)


def test_a_buffer_that_stores_observations_once_ends_episodes_at_checkpoints_too(echo, monkeypatch):
    """Its next observation is that of the episode after."""
    ended = []
    real = TrialCallback.restart

    def restart(self):
        buffer = self.model.replay_buffer
        ended.append(buffer.dones[buffer.pos - 1].tolist())
        real(self)

    monkeypatch.setattr(TrialCallback, "restart", restart)
    agent = small("dqn")
    once = {"optimize_memory_usage": True, "replay_buffer_kwargs": {"handle_timeout_termination": False}}
    agent = replace(agent, settings={k: v for k, v in agent.settings.items() if k != "n_steps"} | once)
    run_trial(TrialSpec(echo(budget=600, threshold=10.01, checkpoint=206), agent, "dense", 3, 0))
    assert ended
    assert all(min(dones) == 1 for dones in ended)


def test_without_checkpoints_nothing_restarts(echo, monkeypatch):
    def fail(self):
        raise AssertionError

    monkeypatch.setattr(TrialCallback, "restart", fail)
    run_trial(TrialSpec(echo(budget=1000), agent_of("ppo"), "dense", 3, 0))


@pytest.mark.slow
def test_a_sweep_says_how_far_its_long_trials_are_and_resumes_them(tmp_path, monkeypatch):
    """Killed in the middle of trials, the same command goes on from their checkpoints and leaves none behind."""
    words = [
        *("env=gym", "env.id=Acrobot-v1", "env.threshold=0", "env.budget=12_000", "env.checkpoint=1500"),
        *("env.scoring.look_episodes=2", "env.scoring.confirm_episodes=2", "agent=a2c"),
        *("search.ds=[4]", "search.seeds=1", "search.seed=0", "search.direct=0", "workers=1", "out=run"),
    ]
    with subprocess.Popen(
        argv("sweep", *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        folder = Path("run/checkpoints/d-4-seed-0")
        until = time.monotonic() + 600
        while not (folder / "state.pt").exists():
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
    before = torch.load(folder / "state.pt", weights_only=False)["index"]
    monkeypatch.setattr(runners, "TICK", 0.05)
    monkeypatch.setattr("rl_intdim.runners.display.LONG", 0.0)
    monkeypatch.setattr("rl_intdim.training.progress.EVERY", 0.0)
    said = io.StringIO()
    config = cli.load("sweep", words)
    result = sweep(config, Console(file=said, width=200))
    assert before >= 1
    assert result.tested == {4: (1, 0)}
    assert "d-4-seed-0: " in said.getvalue()
    assert "left at most" in said.getvalue()
    assert not folder.exists()
    again = sweep(cli.load("sweep", [*words, "out=again"]), Console(file=io.StringIO()))
    trials = [json.loads(Path(run, "trials.jsonl").read_text()) for run in ("run", "again")]
    assert all(trials[0][k] == trials[1][k] for k in ("curve", "theta_d", "env_steps", "score"))
    assert again.tested == result.tested
