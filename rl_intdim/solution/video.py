"""Video of a solution: render an episode to frames, and frames to a GIF. Needs no window."""

import ctypes.util
import os
import sys
import warnings
from collections.abc import Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rl_intdim.errors import RenderFailure, one_line
from rl_intdim.records.result import points
from rl_intdim.solution import loading
from rl_intdim.solution.solution import Solution

CLIP_SEED, CLIP_STEPS, CLIP_FRAMES, CLIP_WIDTH, CLIP_FPS, CLIP_BYTES = 0, 1000, 120, 240, 15, 300_000


def clip(path: Path, trust: bool = False) -> tuple[bytes, str]:
    """A GIF of one episode of a solution's policy, small enough for a web page, and its caption. With `trust` the
    file's import paths run, as those of a task of the user's own must.

    Raises ConfigError if the file is not a solution, RenderFailure if nothing can be drawn.
    """
    solution = loading.load(path, trust)
    with loading.named(path):
        pictures, total = frames(solution, CLIP_SEED, CLIP_STEPS, CLIP_FRAMES, CLIP_WIDTH)
    caption = (
        f"The solution at play: d = {solution.d}, seed {solution.seed}, confirmed at a score of "
        f"{points(solution.score)}. "
        f"One episode (seed {CLIP_SEED}, at most {CLIP_STEPS:,} env steps), return {points(total)}, in "
        f"{len(pictures)} pictures."
    )
    return gif(pictures, CLIP_FPS, CLIP_BYTES), caption


def frames(
    solution: Solution, seed: int, max_steps: int, most: int | None = None, width: int | None = None
) -> tuple[list[np.ndarray], float]:
    """Play one episode of the deterministic policy, at most max_steps env steps, and draw it.

    Returns a frame at the reset and after every env step, each (H, W, 3) uint8, and the undiscounted return of
    the steps played. With `most`, every second frame is dropped whenever there are more, so that they stay
    evenly spaced; with `width`, frames are scaled down to that many pixels. Without them a full-sized episode can
    take hundreds of megabytes. Raises RenderFailure if nothing can be drawn.
    """
    import torch

    from rl_intdim.tasks import environment

    go_headless()
    try:
        with warnings.catch_warnings():  # Gymnasium only warns of a render mode that it does not know
            warnings.filterwarnings("ignore", message=".*render_mode")
            env = environment.make(solution.task, "rgb_array")
    except Exception as error:  # MuJoCo looks for OpenGL when it is imported, and may raise anything
        raise RenderFailure(
            f'{solution.task.id} cannot be made with render_mode="rgb_array": {one_line(error)}'
        ) from None
    try:
        with torch.inference_mode():
            policy, theta = solution.policy()
            layers = policy.layers(theta[None])
            obs, _ = env.reset(seed=seed)
            _follow(env)
            shown, every, total, ended = [_draw(env, width)], 1, 0.0, False
            for t in range(1, max_steps + 1):
                x = torch.as_tensor(obs)[None, None]
                action = policy.actions(policy.outputs(layers, x).numpy().reshape(1, -1))[0]
                obs, reward, terminated, truncated, _ = env.step(action)
                total += float(reward)
                ended = terminated or truncated
                if t % every == 0:
                    shown.append(_draw(env, width))
                if most is not None and len(shown) > most:
                    shown, every = shown[::2], every * 2
                if ended:
                    break
            return shown, total
    finally:
        env.close()


def go_headless() -> None:
    """Without a display, make MuJoCo render by EGL, or else OSMesa, and pygame without a window.

    Variables that the user has set stay. The function looks for the libraries instead of trying them, since PyOpenGL
    cannot switch to another one after a failure.
    """
    if has_display():
        return
    for name in ("SDL_VIDEODRIVER", "SDL_AUDIODRIVER"):
        os.environ.setdefault(name, "dummy")
    if "MUJOCO_GL" in os.environ:
        return
    for name, library in (("egl", "EGL"), ("osmesa", "OSMesa")):
        if ctypes.util.find_library(library):
            os.environ["MUJOCO_GL"] = name
            return


def has_display() -> bool:
    """Can a window be opened? On Linux if an environment variable names a display; elsewhere always."""
    named = os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
    return bool(named) or not sys.platform.startswith("linux")


def _follow(env: Any) -> None:
    """Film by the camera of a MuJoCo model that follows its body, if it has one and the task names none."""
    renderer: Any = getattr(env.unwrapped, "mujoco_renderer", None)
    if getattr(renderer, "camera_id", None) == -1:
        import mujoco

        renderer.camera_id = mujoco.mj_name2id(renderer.model, mujoco.mjtObj.mjOBJ_CAMERA, "track")


def _draw(env: "object", width: int | None) -> np.ndarray:
    try:
        with warnings.catch_warnings():  # GLFW warns of a missing display before it fails
            warnings.simplefilter("ignore")
            picture = env.render()  # type: ignore[attr-defined]
    except Exception as error:  # OpenGL, pygame and a user's environment may raise anything
        hint = "" if "MUJOCO_GL" in os.environ or has_display() else " There is neither EGL nor OSMesa."
        raise RenderFailure(f"the environment cannot be drawn: {one_line(error, named=True)}.{hint}") from None
    if not (isinstance(picture, np.ndarray) and picture.ndim == 3 and picture.shape[2] == 3):
        raise RenderFailure(f"the environment draws no (H, W, 3) picture: render() gave {type(picture).__name__}.")
    picture = picture.astype(np.uint8, copy=False)
    H, W = picture.shape[:2]
    if width is None or width >= W:
        return picture.copy()
    return np.asarray(Image.fromarray(picture).resize((width, max(1, H * width // W)), Image.Resampling.BOX))


def gif(frames: Sequence[np.ndarray], fps: float, limit: int | None = None) -> bytes:
    """A looping GIF of frames (H, W, 3) uint8, in 64 colours, at `fps` frames per second, to a hundredth of a second.

    With `limit`, the sides of the frames shrink by a quarter until the GIF has at most that many bytes.
    """
    if not frames:
        raise ValueError("gif: no frames.")
    pictures = [Image.fromarray(frame) for frame in frames]
    while True:
        # One palette for all frames, from frames over the whole episode: a palette per frame would flicker.
        few = pictures[:: max(1, len(pictures) // 8)]
        wide = Image.new("RGB", (few[0].width, few[0].height * len(few)))
        for i, picture in enumerate(few):
            wide.paste(picture, (0, i * picture.height))
        palette = wide.quantize(64)
        first, *rest = [picture.quantize(palette=palette, dither=Image.Dither.NONE) for picture in pictures]
        out = BytesIO()
        first.save(out, "GIF", save_all=True, append_images=rest, duration=max(20, round(1000 / fps)), loop=0)
        if limit is None or out.tell() <= limit or first.width < 40:
            return out.getvalue()
        size = (first.width * 3 // 4, max(1, first.height * 3 // 4))
        pictures = [picture.resize(size, Image.Resampling.BOX) for picture in pictures]
