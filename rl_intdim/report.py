"""python -m rl_intdim.report: write sweeps, finished or running, to one HTML page that opens without a network.

    python -m rl_intdim.report runs/*
    python -m rl_intdim.report runs/CartPole-cma runs/CartPole-ppo out=cartpole.html
    python -m rl_intdim.report runs/Pong-ppo follow=true    # keep the page fresh until the sweep has ended

The page shows the difficulty ladder of all sweeps, and for each sweep its trials, its learning curves, its figures,
and a video of the solved policy with the smallest d. Hover over a trial for its seed, score and command; click it to
keep the command. A sweep that runs is shown as it stands: the trials that run, how d_int has narrowed, and the time
left. With follow=true the page is written again whenever a trial has moved, and an open browser loads it by itself.
Ctrl-C ends that, and so does the end of the sweeps. With trust=true solutions of tasks of your own are played
too, and the code that their files name is run.
"""

import signal
import sys
import time
from collections.abc import Sequence
from functools import lru_cache, partial
from pathlib import Path

from rl_intdim.analysis import report_page
from rl_intdim.config import cli
from rl_intdim.config.validation import one_of
from rl_intdim.files import check_file, write_whole
from rl_intdim.records.folder_lock import is_held
from rl_intdim.solution import video

WATCHED = ("trials.jsonl", "result.json", "checkpoints/*/progress.json")  # what the page is made of


def report(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Write the page to `out`, by default report.html; with follow=true, again and again. Raises IntdimError."""
    out = Path(keys.get("out", "report.html"))
    for key in ("follow", "trust"):
        one_of(key, keys.get(key, "false"), ("true", "false"))
    clip = partial(video.clip, trust=keys.get("trust") == "true")
    check_file("out", out)
    if keys.get("follow") == "true":
        follow(folders, out, clip)
        return
    write_whole(out, report_page.page(folders, clip))
    print(f"Wrote {out}: {len(folders)} run folder{'s' * (len(folders) > 1)}, {out.stat().st_size / 1e6:.1f} MB")


def follow(folders: Sequence[Path], out: Path, clip: report_page.Clip) -> None:
    """Write the page whenever its sweeps have moved, until none of them runs. Ctrl-C ends it with exit status 130.
    The last page no longer loads itself."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that the last page is written then, too
    played = lru_cache(lambda path, stamp: clip(path))  # an episode is played once, not each time
    seen = None

    def write(again: bool) -> None:
        write_whole(out, report_page.page(folders, lambda path: played(path, path.stat().st_mtime_ns), again))

    try:
        while running := [folder for folder in folders if is_held(folder)]:
            if (now := stamps(folders)) != seen:
                write(again=True)
                if seen is None:
                    names = ", ".join(map(str, running))
                    print(f"Open {out} in a browser: it follows {names}. Ctrl-C ends this.", flush=True)
                seen = now
            time.sleep(report_page.EVERY)
        write(again=False)
        print(f"No sweep is running{' any more' if seen else ''}. Wrote {out}.")
    except KeyboardInterrupt:
        write(again=False)
        print(f"\nStopped following. {out} holds the sweeps as they are now.", file=sys.stderr)
        sys.exit(cli.INTERRUPTED)


def stamps(folders: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Name, size and time of every file that the page is made of."""
    found = []
    for path in (path for folder in folders for pattern in WATCHED for path in sorted(folder.glob(pattern))):
        try:
            stat = path.stat()
        except FileNotFoundError:  # its trial has just finished
            continue
        found.append((str(path), stat.st_size, stat.st_mtime_ns))
    return found


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main_on_folders(report, __doc__ or "", ("out", "follow", "trust"))


if __name__ == "__main__":
    main()
