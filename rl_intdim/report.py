"""python -m rl_intdim.report: write finished sweeps to one HTML page that opens without a network.

    python -m rl_intdim.report runs/*
    python -m rl_intdim.report runs/CartPole-cma runs/CartPole-ppo out=cartpole.html

The page shows the difficulty ladder of all sweeps, and for each sweep its trials, its figures, and a video of the
solved policy with the smallest d. Hover over a trial for its seed, score and command; click it to keep the command.
"""

from collections.abc import Sequence
from pathlib import Path

from rl_intdim.analysis.report_page import page
from rl_intdim.config import cli
from rl_intdim.files import check_file, write_whole
from rl_intdim.solution import video


def report(folders: Sequence[Path], keys: dict[str, str]) -> None:
    """Write the page to `out`, by default report.html. Raises IntdimError."""
    out = Path(keys.get("out", "report.html"))
    check_file("out", out)
    write_whole(out, page(folders, video.clip))
    print(f"Wrote {out}: {len(folders)} run folder{'s' * (len(folders) > 1)}, {out.stat().st_size / 1e6:.1f} MB")


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main_on_folders(report, __doc__ or "", ("out",))


if __name__ == "__main__":
    main()
