"""Atari: what the games play does not depend on the threads that ALE plays them on."""

from dataclasses import replace

import numpy as np
from factories import agent_of

from rl_intdim.config import cli
from rl_intdim.tasks import atari
from rl_intdim.training.trial import TrialSpec, run_trial


def pong():
    return cli.load("train", ["env=Pong"]).env


def test_the_same_games_on_one_thread_and_on_four(monkeypatch):
    played = []
    for threads in (1, 4):
        monkeypatch.setattr(atari, "threads", threads)
        envs, rng = atari.make_vec(pong(), 8, training=True), np.random.default_rng(0)
        steps = [envs.reset(seed=3)[0].copy()]
        for _ in range(60):
            obs, rewards, *_ = envs.step(rng.integers(6, size=8))
            steps += [obs.copy(), rewards.copy()]
        envs.close()
        played.append(steps)
    assert all(np.array_equal(one, four) for one, four in zip(*played, strict=True))


def test_a_trial_on_one_core_and_on_four_is_the_same_to_the_bit():
    task = pong()
    scoring = replace(task.scoring, looks=2, look_episodes=2, confirm_episodes=2)
    task = replace(task, budget=64, max_episode_steps=40, checkpoint=None, scoring=scoring)
    agent = agent_of("ppo", n_envs=4, extractor="shared", critic="{vf: []}", settings="{n_steps: 16, batch_size: 32}")
    trial = TrialSpec(task, agent, "countsketch", 50, 0)
    one, four = run_trial(trial), run_trial(replace(trial, cores=4))
    assert one.theta_d == four.theta_d
    assert (one.score, one.curve) == (four.score, four.curve)
    assert trial.digest() == replace(trial, cores=4).digest()
