"""Every record judged again by the search's model as it is now, beside what was said when it was measured.

    python scripts/judge_again.py docs/results/*-*

What that prints is docs/results/judged_again.md, which `make figures` keeps fresh. Before: result.json, by the
version that measured it. Now: from the same trials.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

from rl_intdim.records.reader import read_result
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import Sweep, read

LEAST = 10  # trials, below which nothing was searched
HEAD = """# Records judged again

Made by `python scripts/judge_again.py docs/results/*-*`. d_int, its 95 % interval and status: before, as in
result.json, by the version that measured it; now, by today's model from the same trials.

| record | trials | before | now | said besides |
| --- | --- | --- | --- | --- |
"""


def rows(sweeps: Sequence[Sweep]) -> list[tuple[str, ...]]:
    """Record, trials, before, now, and what is to be said besides; a row a finished search."""
    out: list[tuple[str, ...]] = []
    for sweep in sweeps:
        before, now = read_result(sweep.folder), sweep.record
        if before is None or before.trials < LEAST:
            continue
        was, is_now = (f"{shown(r.d_int)} {interval(r.ci95)} {r.status}" for r in (before, now))
        notes = [
            *now.flaws,
            *(["d_int still falls with the budget"] if any("still falls" in w for w in now.warnings) else []),
        ]
        same = is_now if is_now != was else "the same"
        out.append((sweep.folder.name, str(before.trials), was, same, ", ".join(notes)))
    return out


def page(sweeps: Sequence[Sweep]) -> str:
    """Everything as Markdown."""
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows(sweeps))


def main() -> None:
    print(page([read(Path(name)) for name in sys.argv[1:]]), end="")


if __name__ == "__main__":
    main()
