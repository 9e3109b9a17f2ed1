"""Builders that several test modules share: commands in this process, agents of every kind, made-up sweeps."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import gymnasium as gym
import numpy as np

from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT, DIRECT_SEED, Conv, Policy
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.run_folder import Store
from rl_intdim.records.summary import summarise
from rl_intdim.search.adaptive import largest
from rl_intdim.search.trials import TrialRecord
from rl_intdim.solution.smallest import smallest

HERE = Path(__file__).parent
PYTHONPATH = os.pathsep.join([str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])])  # of a test's processes


def argv(name, *words):
    """A command as a process of its own is given it."""
    return [sys.executable, "-m", f"rl_intdim.{name}", *words]


def run(name, *words):
    """Run a command in a process of its own."""
    return subprocess.run(argv(name, *words), capture_output=True, text=True, check=False)


def command(monkeypatch, name, job, *words):
    """Run a command in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", [name, *words])
    try:
        cli.main(name, job)
    except SystemExit as stop:
        return stop.code or 0
    return 0


DISCRETE, CONTINUOUS = ["ppo", "a2c", "dqn"], ["ppo", "a2c", "sac", "td3", "tqc"]


KINDS = [(agent, "discrete") for agent in DISCRETE] + [(agent, "continuous") for agent in CONTINUOUS]


def agent_of(name, extractor=None, **changes):
    words = [f"agent={name}", *(f"agent.{k}={v}" for k, v in changes.items())]
    agent = cli.load("sweep", words).agent
    return replace(agent, extractor=extractor) if extractor else agent  # CartPole, of these words, has no images


def small(name):
    """The agent with settings that learn Echo in seconds."""
    off_policy = {
        **{"learning_starts": 100, "train_freq": 2, "gradient_steps": 2, "batch_size": 64, "learning_rate": 1e-3},
        "buffer_size": 1500,
    }
    agent = agent_of(name) if name in ("ppo", "a2c") else agent_of(name, multiplier=3, n_envs=2)
    if name == "a2c":
        return replace(agent, multiplier=10, settings=agent.settings | {"learning_rate": 3e-3})
    more = off_policy | ({"target_update_interval": 20} if name == "dqn" else {})
    settings = agent.settings | (more if name in ("dqn", "sac", "td3", "tqc") else {})
    return replace(agent, settings=settings)


class Hundredfold(gym.wrappers.TransformReward):
    """A wrapper that multiplies rewards by a hundred."""

    def __init__(self, env):
        super().__init__(env, lambda reward: 100 * reward)


class Pictures(gym.Env):
    """A bright half, left or right, of a small picture; one point for the action that says which."""

    observation_space = gym.spaces.Box(0, 255, (2, 12, 12), np.uint8)
    action_space = gym.spaces.Discrete(2)

    def _show(self):
        self.right = int(self.np_random.integers(2))
        picture = self.np_random.integers(0, 60, (2, 12, 12), dtype=np.uint8)
        picture[:, :, 6 * self.right : 6 * self.right + 6] += 190
        return picture

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.t = 0
        return self._show(), {}

    def step(self, action):
        reward, self.t = float(action == self.right), self.t + 1
        return self._show(), reward, False, self.t >= 10, {}


gym.register("test/Pictures-v0", Pictures)


def crossq():
    """An agent of a user's own: batch normalisation in its critic, and a policy class by its import path."""
    settings = {"learning_starts": 100, "batch_size": 64, "learning_rate": 1e-3, "policy_delay": 1}
    return replace(
        agent_of("sac", n_envs=2),
        name="crossq",
        algorithm="sb3_contrib.CrossQ",
        policy="plain_crossq.PlainActorPolicy",
        free=["actor.log_std", "critic"],
        settings=settings,
    )


def pictures(echo, **changes):
    conv = [Conv(4, 4, 2, [1, 2, 1, 2]), Conv(4, 3, 1, [1, 1, 1, 1])]
    policy = Policy(conv=conv, hidden=[8], activation="relu", init="he")
    return echo(id="test/Pictures-v0", kwargs={}, policy=policy, **changes)


def record(d, seed=0, solved=False, **changes):
    """A made-up finished trial of a task with D = 562 and a threshold of 475."""
    steps = changes.pop("env_steps", 10)
    score = changes.pop("score", 500.0 if solved else 20.0)
    fields = {
        **{"d": d, "seed": seed, "D": 562, "solved": solved, "score": score},
        **{"solved_at": steps if solved else None, "env_steps": steps, "scoring_steps": 1, "seconds": 0.1},
        **{"confirmations": [[steps, score]] if solved else [], "curve": [[steps, score, 0.5]] if d else []},
        "theta_d": [] if d == DIRECT else [0.5] * d,
    }
    return TrialRecord(**fields | changes)


def compared(folder, rise, *words, seeds=10):
    """A run folder in which d of `rise` and above solve, all seeds, and none below; 5 seeds direct."""
    config = cli.load("sweep", ["search.ds=[1,2,4,8,16,32]", f"search.seeds={seeds}", *words])
    first = config.search.seed or 0
    jobs = [(d, first + i) for i, d in enumerate(config.search.ds * seeds)]
    jobs += [(DIRECT, first + DIRECT_SEED + i) for i in range(5)]
    with Store(Path(folder)).open(config) as store:
        for d, seed in jobs:
            store.append(record(d, seed, solved=d == DIRECT or d >= rise))
    return folder


def changed(path, **values):
    """The solution at `path` with keys such as task__kwargs changed; written to bad.json."""
    data = json.loads(path.read_text())
    for key, value in values.items():
        *parents, last = key.split("__")
        node = data
        for parent in parents:
            node = node[parent]
        node[last] = value
    Path("bad.json").write_text(json.dumps(data))
    return Path("bad.json")


FOLDER = Path("runs/CartPole-cma")


def lines(folder=FOLDER):
    return [json.loads(line) for line in (folder / "trials.jsonl").read_text().splitlines()]


def told(folder=FOLDER):
    """All that a sweep says, but for times and the command."""
    result = json.loads((folder / "result.json").read_text())
    trials = sorted(lines(folder), key=lambda t: t["seed"])
    for record in (result, *trials):
        record.pop("seconds")
    result.pop("command")
    return result, trials


def trial(d, seed, solved):
    """A made-up trial of CartPole that solves early or takes its whole budget."""
    return record(d, seed, solved, score=480.25 if solved else 20.0, env_steps=300 if solved else 500_000)


def finished(folder, solves_from=4, words=(), config=None, ds=(0, 0, 0, 0, *[1, 2, 3, 4, 8, 32] * 4), **changes):
    """The folder of a finished sweep whose trials solve from some d on, with made-up trials."""
    config = config or cli.load("sweep", ["agent=cma", "subspace.projection=dense", *words])
    trials = [trial(d, seed, 0 < solves_from <= d) for seed, d in enumerate(ds)]
    trials.append(trial("direct", 500_000, True))
    with Store(Path(folder)).open(config) as store:
        for each in trials:
            store.append(each)
        result = summarise(
            config, 562, largest(config.search, 562), trials, Provenance(command="python -m rl_intdim.sweep")
        )
        store.write_result(replace(result, **changes))
        if best := smallest(config, trials, store.folder):
            best.save(store.folder / "solution.json")
    return Path(folder)
