"""Every record judged again by the search's model as it is now, beside what was said when it was measured.

    python scripts/judge_again.py docs/results/*-* > docs/results/judged_again.md

Before: result.json, by the version that measured it. Now: from the same trials.
"""

import sys
from pathlib import Path

from rl_intdim.errors import ConfigError
from rl_intdim.records.reader import read_result
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import read

LEAST = 10  # trials, below which nothing was searched


def rows(folders: list[Path]) -> list[tuple[str, ...]]:
    """Record, trials, before, now, and what is to be said besides; a row a finished search."""
    out: list[tuple[str, ...]] = []
    for folder in folders:
        try:
            before, sweep = read_result(folder), read(folder)
        except ConfigError:  # no run folder, or none with a trial
            continue
        if before is None or before.trials < LEAST:
            continue
        now = sweep.record
        was, is_now = (f"{shown(r.d_int)} {interval(r.ci95)} {r.status}" for r in (before, now))
        notes = [
            *now.flaws,
            *(["d_int still falls with the budget"] if any("still falls" in w for w in now.warnings) else []),
        ]
        out.append((folder.name, str(before.trials), was, is_now if is_now != was else "the same", ", ".join(notes)))
    return out


def main() -> None:
    print("# Records judged again\n")
    print(
        "Made by `python scripts/judge_again.py docs/results/*-*`. d_int, its 95 % interval and status: before, as in"
    )
    print("result.json, by the version that measured it; now, by today's model from the same trials.\n")
    print("| record | trials | before | now | said besides |\n| --- | --- | --- | --- | --- |")
    for row in rows([Path(name) for name in sys.argv[1:]]):
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
