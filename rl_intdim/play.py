"""python -m rl_intdim.play solution=FILE: rebuild a solution, verify its score on fresh episodes, and watch it."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from rl_intdim.config import cli
from rl_intdim.config.schema import PlayConfig, reaches
from rl_intdim.errors import NotVerified, RenderFailure, one_line
from rl_intdim.files import write_whole
from rl_intdim.records.result import points
from rl_intdim.solution import loading
from rl_intdim.solution.isolation import isolated
from rl_intdim.solution.solution import Solution

STREAM = 1  # second entropy word of the episodes' generator, so that they differ from every trial's and compress's
MAX_STEPS = 1000  # env steps of a video
FPS = 30.0
FRAMES, WIDTH = 250, 300  # most frames, and largest width, of a video
BYTES = 1_000_000  # of its file at most: where the whole picture moves, it shrinks


def play(config: PlayConfig) -> None:
    """Score the policy, print the verdict, and show or record an episode.

    Raises IntdimError: NotVerified if the score is below the threshold.
    """
    console = cli.console()
    solution, policy = loading.opened(Path(config.solution), config.trust, console.print)
    console.print(
        f"{solution.task.name} by {solution.agent}, d = {solution.d} of D = {policy.D:,}, seed {solution.seed}"
    )
    # On one core a hundred games of Pong take minutes.
    with loading.named(Path(config.solution)), console.status("playing fresh episodes"):
        returns, reached = solution.returns(config.episodes, np.random.default_rng((config.seed, STREAM)))
    score, error = float(returns.mean()), float(returns.std() / np.sqrt(len(returns)))
    if solution.learned:
        console.print(f"learned basis: the file holds {solution.learned}")
    console.print(f"score {points(score)} (standard error {error:.2g}) on {len(returns):,} fresh episodes")
    console.print(f"recorded {points(solution.score)}; threshold {solution.task.threshold:g}")
    goal = solution.task.goal
    if reached is not None:
        console.print(f"{goal.info} {reached:.2f} on average; goal {goal.least:g}")
    verified = solution.task.solved_by(score, reached)
    console.print("verified" if verified else "not verified")
    if config.out:  # after the verdict, since rendering may fail
        record(solution, config.seed, Path(config.out))
        console.print(f"Wrote {config.out}")
    if config.show:
        show(solution, config.seed)
    if not verified:
        below = f"{points(score)} is below the threshold {solution.task.threshold:g}"
        short = f"{goal.info} is {reached} on average, and the goal is {goal.least:g}"
        reason = short if reaches(score, solution.task.threshold) else below
        luck = (
            f" Its d is the smallest that solved in {solution.seeds_tried} trials, partly by luck, so fresh episodes "
            "may show less than was recorded."
        )
        raise NotVerified(f"{config.solution}: {reason}: not verified.{luck if solution.seeds_tried > 1 else ''}")


def record(solution: Solution, seed: int, path: Path) -> None:
    """Write one episode as a GIF. Raises RenderFailure if nothing can be drawn."""
    from rl_intdim.solution.video import frames, gif

    pictures, _ = frames(solution, seed, MAX_STEPS, FRAMES, WIDTH)
    write_whole(path, gif(pictures, FPS, BYTES))


def show(solution: Solution, seed: int) -> None:
    """Play one episode in a window. Raises RenderFailure if none can be opened."""
    from rl_intdim.solution.video import has_display
    from rl_intdim.tasks import environment, rollout, vector

    if solution.task.vectorisation.ale:
        raise RenderFailure("no window can be opened for an Atari game; out=play.gif films it.")
    if not has_display():
        raise RenderFailure("no window can be opened: there is no display. out=play.gif needs none.")
    shown = replace(solution.task, kwargs=solution.task.kwargs | {"render_mode": "human"}, vector="slots")
    policy, theta = solution.policy()
    try:
        env = environment.make(shown)
        # MuJoCo's window ends the whole process if GLFW finds no monitor, so check first.
        if hasattr(env.unwrapped, "mujoco_renderer"):
            import glfw

            if not glfw.init() or not glfw.get_primary_monitor():
                raise RuntimeError("GLFW finds no monitor")
        envs = vector.SingleEpisodeVectorEnv([env])
        rollout.episodes(envs, policy, theta[None], seed)
        if "pygame" in sys.modules:  # without a display, pygame silently draws into memory
            import pygame

            if pygame.display.get_init() and pygame.display.get_driver() in ("offscreen", "dummy"):
                raise RuntimeError("pygame finds no display")
        envs.close()
    except Exception as error:  # without a display, OpenGL and pygame may raise anything
        raise RenderFailure(f"no window can be opened: {one_line(error, named=True)}") from None


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("play", isolated(play), __doc__)


if __name__ == "__main__":
    main()
