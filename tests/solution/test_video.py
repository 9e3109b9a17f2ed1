"""A solution at play, as pictures."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from rl_intdim.config import cli
from rl_intdim.errors import RenderFailure
from rl_intdim.solution import video
from rl_intdim.solution.solution import Solution
from rl_intdim.tasks import environment


@pytest.fixture
def found():
    task = cli.load("sweep", ["env=CartPole"]).env
    return Solution(task, "cma", "dense", 3, 1, 475.0, [0.5, -0.5, 0.1])


def test_an_episode_gives_a_frame_at_the_reset_and_after_every_step(found):
    frames, total = video.frames(found, seed=0, max_steps=500)
    assert len(frames) == total + 1  # CartPole: one point a step
    assert all(frame.shape == frames[0].shape and frame.dtype == np.uint8 for frame in frames)
    assert not np.array_equal(frames[0], frames[-1])
    again, same = video.frames(found, seed=0, max_steps=500)
    assert same == total
    assert np.array_equal(frames[-1], again[-1])
    assert len(video.frames(found, seed=0, max_steps=4)[0]) == 5


def test_fewer_and_smaller_frames_are_evenly_spaced(found):
    frames, total = video.frames(found, seed=0, max_steps=500)
    few, same = video.frames(found, seed=0, max_steps=500, most=5, width=60)
    assert same == total
    assert 2 <= len(few) <= 5
    assert all(frame.shape == (40, 60, 3) for frame in few)
    every = next(step for step in (1, 2, 4, 8, 16, 32, 64, 128) if len(frames[::step]) == len(few))
    assert all(abs(a.mean() - b.mean()) < 1 for a, b in zip(frames[::every], few, strict=True))


def test_a_gif_has_the_frames_in_their_colours_and_keeps_to_its_limit():
    ramp = np.linspace(0, 255, 64 * 48 * 3).reshape(48, 64, 3).astype(np.uint8)
    frames = [np.roll(ramp, 5 * i, axis=1) for i in range(10)]
    picture = Image.open(BytesIO(video.gif(frames, fps=10)))
    assert (picture.n_frames, picture.size, picture.info["duration"]) == (10, (64, 48), 100)
    assert np.abs(np.asarray(picture.convert("RGB")).astype(int) - frames[0]).mean() < 12
    noise = list(np.random.default_rng(0).integers(0, 256, (10, 120, 160, 3), dtype=np.uint8))
    assert len(video.gif(noise, fps=10)) > 60_000 > len(video.gif(noise, fps=10, limit=60_000))
    with pytest.raises(ValueError, match="no frames"):
        video.gif([], fps=10)


@pytest.mark.parametrize(("task", "follows"), [("HalfCheetah", True), ("InvertedPendulum", False)])
def test_a_body_that_moves_is_filmed_by_the_camera_that_follows_it(task, follows):
    env = environment.make(cli.load("sweep", [f"env={task}"]).env, "rgb_array")
    video._follow(env)
    assert (env.unwrapped.mujoco_renderer.camera_id >= 0) is follows
    env.close()


def test_what_cannot_be_drawn_is_said(echo):
    blind = Solution(echo(), "cma", "dense", 1, 0, 9.0, [0.1])
    with pytest.raises(RenderFailure, match="test/Echo-v0"):
        video.frames(blind, seed=0, max_steps=3)
