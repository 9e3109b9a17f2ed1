"""Atari: the games depend on the seed and the actions alone, and a lost life ends none."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from factories import agent_of

from rl_intdim.config import cli
from rl_intdim.errors import TrialFailure
from rl_intdim.tasks import atari
from rl_intdim.training.sb3.vec_env import SameStep
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import run_trial


def pong():
    return cli.load("train", ["env=Pong"]).env


def breakout():
    return replace(pong(), id="ALE/Breakout-v5")


def play(envs, steps, seed=3, rng=0):
    """All that `envs` show of so many steps of random actions: observations, rewards, ends and lives."""
    rng, shown = np.random.default_rng(rng), [envs.reset(seed=seed)[0].copy()]
    for _ in range(steps):
        obs, rewards, terminated, truncated, infos = envs.step(rng.integers(4, size=envs.num_envs))
        shown += [obs.copy(), rewards.copy(), terminated, truncated, infos["lives"].copy()]
    return shown


def same(one, other):
    return all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("training", [False, True])
def test_the_same_seed_gives_the_same_games_whatever_was_played_before(training):
    """0 too, and the seed that was played last."""
    envs = atari.make_vec(breakout(), 2, training)
    for seed in (0, 5):
        first = play(envs, 60, seed)
        assert same(play(envs, 60, seed), first)
        play(envs, 40, 77)
        assert same(play(envs, 60, seed), first)
    envs.close()


def test_in_training_a_lost_life_is_an_end_to_the_learner_and_the_game_goes_on():
    task, games = replace(breakout(), sticky=0), []
    for training in (True, False):
        envs = atari.make_vec(task, 1, training)
        games.append(play(envs, 200))
        envs.close()
    learned, scored = (np.array([terminated[0] for terminated in game[3::5]]) for game in games)
    lives = np.array([life[0] for life in games[1][5::5]])
    before = np.concatenate([[5], lives[:-1]])
    assert lives.min() < 4  # it came to the later lives
    assert np.array_equal(learned, scored | (lives < before))
    assert all(np.array_equal(a, b) for a, b in zip(games[0][1::5], games[1][1::5], strict=True))
    assert all(np.array_equal(np.sign(b), a) for a, b in zip(games[0][2::5], games[1][2::5], strict=True))


def test_the_last_observation_of_a_life_is_told():
    envs = SameStep(atari.make_vec(breakout(), 1, training=True))
    envs.seed(3)
    envs.reset()
    for _ in range(100):
        obs, _, dones, infos = envs.step(np.zeros(1, np.int64))
        if dones[0]:
            break
    assert np.array_equal(infos[0]["terminal_observation"], obs[0])  # the same game's
    assert not infos[0]["TimeLimit.truncated"]
    envs.close()


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


def small_trial(**changes):
    task = pong()
    scoring = replace(task.scoring, looks=2, look_episodes=2, confirm_episodes=2)
    task = replace(task, budget=128, max_episode_steps=40, checkpoint=None, scoring=scoring)
    agent = agent_of("ppo", n_envs=4, extractor="shared", critic="{vf: []}", settings="{n_steps: 16, batch_size: 32}")
    return TrialSpec(replace(task, **changes), agent, "countsketch", 50, 0)


def test_a_trial_on_one_core_and_on_four_is_the_same_to_the_bit():
    trial = small_trial()
    one, four = run_trial(trial), run_trial(replace(trial, cores=4))
    assert one.theta_d == four.theta_d
    assert (one.score, one.curve) == (four.score, four.curve)
    assert trial.digest() == replace(trial, cores=4).digest()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_trial_on_a_gpu_goes_on_where_there_is_none(precision, tmp_path, monkeypatch):
    trial = small_trial(checkpoint=64)
    trial = replace(trial, agent=replace(trial.agent, precision=precision), folder=str(tmp_path))

    def stop(env_steps, *_):
        if env_steps > 64:
            raise RuntimeError("cut off")

    with pytest.raises(TrialFailure, match="cut off"):
        run_trial(trial, stop)
    begun = torch.load(tmp_path / "state.pt", weights_only=False)
    assert begun["trainer"]["parameters"]["policy.optimizer"]["theta_d"].device.type == "cuda"
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    ended = run_trial(trial)
    assert ended.curve[0] == begun["evaluator"]["curve"][0]
    assert ended.env_steps == 128
    assert np.isfinite(ended.theta_d).all()
