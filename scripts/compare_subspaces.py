"""What a learned subspace buys in d, and what it costs: sweeps of a task and an agent with the same seeds, compared.

    python scripts/compare_subspaces.py docs/results/learned/CartPole-* out=docs/results/learned.md

The first folder whose subspaces were drawn is what the others are compared with. Trials of one seed and d share what
of theta0 and P is drawn, and their looks and confirmations, so the shares solved are paired: McNemar's test, Bonett
and Price's interval, as in `compare ... by=pair`.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rl_intdim.analysis.paired_test import row
from rl_intdim.analysis.tables import markdown
from rl_intdim.config.catalogue import files
from rl_intdim.files import write_whole
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import Sweep, read

ABOUT = """# Learned subspaces

Made by `python scripts/compare_subspaces.py`. `solved`: of the trials at that d. `difference`: the share solved less
that of random subspaces with the same seeds, with its 95 % interval, and McNemar's exact p. Env steps, means over the
trials of a d: `training`, and the `direct run` that learning the subspace took before.
"""


def shares(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """A row for each sweep and d."""
    base, rows = next(s for s in sweeps if not s.learned), []
    for s in sorted(sweeps, key=lambda s: (s.learned is not None, s.folder)):
        for d in sorted({d for d, _ in s.solved}):
            trials = [t for t in s.trials if t.d == d]
            cells: dict[str, Any] = {
                "subspace": s.projection,
                "d": d,
                "solved": f"{sum(t.solved for t in trials)} of {len(trials)}",
                "training": round(np.mean([t.env_steps for t in trials])),
                "direct run": round(np.mean([t.subspace_steps for t in trials])),
            }
            pairs = [(s.solved[key], base.solved[key]) for key in s.solved if key[0] == d and key in base.solved]
            if s is not base and pairs:
                figures = row(pairs)
                cells |= {
                    "difference": f"{figures['difference']:+.2f} [{figures['low']:+.2f}, {figures['high']:+.2f}]",
                    "p": f"{figures['p']:.2g}",
                }
            rows.append(cells)
    return pd.DataFrame(rows).fillna("")


def answers(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """d_int of each sweep, whatever it cost."""
    rows = [
        {"subspace": s.projection, "d_int": shown(s.answer.d_int), "95 %": interval(s.answer.ci95),
         "status": s.answer.status, "training": s.env_steps, "direct runs": sum(t.subspace_steps for t in s.trials)}
        for s in sweeps
    ]  # fmt: skip
    return pd.DataFrame(rows)


def main() -> None:
    out = [Path(word.removeprefix("out=")) for word in sys.argv[1:] if word.startswith("out=")]
    sweeps = [read(Path(word)) for word in sys.argv[1:] if not word.startswith("out=")]
    parts = [ABOUT]
    for task in [name for name in files("envs") if any(s.env == name for s in sweeps)]:
        mine = [s for s in sweeps if s.env == task]
        parts += [f"## {task} by {mine[0].agent}\n", markdown(answers(mine)), markdown(shares(mine))]
        parts += ["Commands:\n", *(f"    {s.provenance.command}" for s in mine if s.provenance.command), ""]
    text = "\n".join(parts)
    if out:
        write_whole(out[0], text)
    print(text)


if __name__ == "__main__":
    main()
