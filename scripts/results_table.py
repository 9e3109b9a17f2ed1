"""The README's results table, from the records under docs/results.

python scripts/results_table.py
"""

import json
from pathlib import Path

from rl_intdim.figures import interval

FOLDER = Path(__file__).parent.parent / "docs" / "results"
COLUMNS = "| task | agent | P | d_int | status | direct solved | trials | env steps | command |"


def main() -> None:
    print(COLUMNS)
    print("|" + " --- |" * (COLUMNS.count("|") - 1))
    results = [json.loads(path.read_text()) for path in FOLDER.glob("*/result.json")]
    for r in sorted(
        results, key=lambda r: (r["env"], r["projection"] != "dense", r["agent"] == "random", r["agent"])
    ):
        d_int = "-" if r["d_int"] is None else r["d_int"]
        words = [w for w in r["command"].split() if "=" in w and not w.startswith(("out=", "workers="))]
        cells = [
            *(r["env"], r["agent"], r["projection"], f"**{d_int}** {interval(r['ci95'])}", r["status"]),
            *("{} of {}".format(*r["direct"]), r["trials"], f"{r['env_steps'] / 1e6:.0f} M"),
            f"`sweep {' '.join(words)}`",
        ]
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


if __name__ == "__main__":
    main()
