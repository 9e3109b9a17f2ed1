"""Gymnasium's same-step vector environments behind SB3's interface, against SB3's own."""

from dataclasses import replace

import gymnasium as gym
import numpy as np
import pytest
from factories import agent_of
from stable_baselines3.common.env_util import make_vec_env

from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.tasks import atari, environment, vector
from rl_intdim.training.sb3.model import training_envs
from rl_intdim.training.sb3.vec_env import FlatPictures, SameStep, flat_pictures


def same_step(id, n, **kwargs):
    mode = {"autoreset_mode": gym.vector.AutoresetMode.SAME_STEP}
    return SameStep(gym.make_vec(id, n, vectorization_mode="sync", vector_kwargs=mode, **kwargs))


@pytest.mark.parametrize("limit", [7, 500])
def test_it_says_what_sb3s_own_vec_env_says(limit):
    """CartPole, cut off after 7 steps or falling over: the same observations, ends, and last observations."""
    mine = same_step("CartPole-v1", 4, max_episode_steps=limit)
    theirs = make_vec_env("CartPole-v1", 4, env_kwargs={"max_episode_steps": limit})
    mine.seed(3)
    theirs.seed(3)
    assert mine.reset() == pytest.approx(theirs.reset())
    rng, ends = np.random.default_rng(0), 0
    for _ in range(120):
        actions = rng.integers(2, size=4)
        a, b = mine.step(actions), theirs.step(actions)
        done = np.flatnonzero(b[2])
        live = np.setdiff1d(np.arange(4), done)
        assert a[0][live] == pytest.approx(b[0][live])
        assert a[1].tolist() == b[1].tolist()
        assert a[2].tolist() == b[2].tolist()
        for i in done:  # where each starts again is drawn from a generator of its own
            assert a[3][i]["terminal_observation"] == pytest.approx(b[3][i]["terminal_observation"])
            assert a[3][i]["TimeLimit.truncated"] == b[3][i]["TimeLimit.truncated"] == (limit == 7)
            assert np.abs(a[0][i]).max() < 0.06
            ends += 1
        if ends:
            break
    assert ends


def test_another_autoreset_mode_is_refused():
    with pytest.raises(ValueError, match="SAME_STEP"):
        SameStep(gym.make_vec("CartPole-v1", 2, vectorization_mode="sync"))


def pong(**changes):
    words = ["env=Pong", *(f"env.{key}={value}" for key, value in changes.items())]
    return cli.load("sweep", words).env


def test_pong_is_the_papers_and_as_we_say():
    task = pong()
    policy = environment.policy(task)
    assert policy.D == 1_005_366
    for training in (False, True):
        envs = atari.make_vec(task, 2, training)
        assert envs.single_observation_space.shape == (4, 84, 84)
        assert envs.single_action_space.n == 6
        assert envs.spec.kwargs["repeat_action_probability"] == 0.25
        assert envs.spec.kwargs["reward_clipping"] is training
        envs.close()
    assert atari.make_vec(pong(sticky=0), 1).spec.kwargs["repeat_action_probability"] == 0


def test_pongs_pictures_and_ends_through_the_adapters():
    task = pong()
    envs = FlatPictures(SameStep(atari.make_vec(task, 2, training=True)))
    plain = atari.make_vec(task, 2, training=True)
    envs.seed(5)
    seen, (shown, _) = envs.reset(), plain.reset(seed=5)
    assert (seen == flat_pictures(shown)).all()
    assert seen.reshape(2, 84, 84, 4)[1, 20, 30].tolist() == shown[1, :, 20, 30].tolist()
    rng, ended = np.random.default_rng(0), False
    while not ended:
        actions = rng.integers(6, size=2)
        (seen, rewards, dones, infos), (shown, points, terminated, _, info) = envs.step(actions), plain.step(actions)
        assert (seen == flat_pictures(shown)).all()
        assert rewards.tolist() == points.tolist()
        assert dones.tolist() == terminated.tolist()
        for i in np.flatnonzero(dones):
            assert (infos[i]["terminal_observation"] == flat_pictures(info["final_obs"][i][None])[0]).all()
            assert not infos[i]["TimeLimit.truncated"]
            ended = True


def test_a_game_as_a_plain_environment_plays_the_same():
    task = pong()
    game, envs = environment.make(task, "rgb_array"), atari.make_vec(task, 1)
    obs, _ = game.reset(seed=2)
    assert (obs == envs.reset(seed=2)[0][0]).all()
    for action in (2, 3, 0, 5):
        obs, *_ = game.step(action)
        assert (obs == envs.step(np.array([action]))[0][0]).all()
    frame = game.render()
    assert frame.shape == (336, 336, 3)
    assert frame[80, 120].tolist() == [obs[-1, 20, 30]] * 3


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": "ALE/Pog-v5", "threshold": 1}, "Nearest: .*ALE/Pong-v5"),
        ({"id": "CartPole-v1", "threshold": 1}, "env.id=CartPole-v1"),
        ({"kwargs": "{img_hieght: 3}"}, "img_hieght"),
    ],
)
def test_mistakes(changes, said):
    task = pong(**changes)
    for make in (environment.make, lambda t: vector.make_vec(t, 1)):
        with pytest.raises(ConfigError, match=said):
            make(task)


def test_breakout_gets_a_new_ball_after_every_lost_life():
    """A policy that never fires loses all its lives, in training and in scoring; ALE fires at the start only."""
    task = replace(cli.load("sweep", ["env=Pong"]).env, id="ALE/Breakout-v5", sticky=0.0)
    envs = vector.make_vec(task, 2)
    envs.reset(seed=1)
    assert isinstance(envs.env, atari.FireOnLostLife)
    done = np.zeros(2, bool)
    for _ in range(400):
        _, _, terminated, truncated, _ = envs.step(np.zeros(2, int))
        done |= terminated
        if done.all():
            break
    assert done.all()
    assert not truncated.any()
    trained = training_envs(task, agent_of("ppo", n_envs=2), environment.policy(task), 1)
    trained.reset()
    ends = sum(trained.step(np.zeros(2, int))[2] for _ in range(150))
    assert (ends >= 3).all()
