"""What a learned subspace buys in d, and what it costs: sweeps of a task and an agent with the same seeds, compared.

    python scripts/compare_subspaces.py docs/results/learned/* docs/results/paired/CartPole-ppo

What that prints is docs/results/learned.md, which `make figures` keeps fresh; out=FILE writes it elsewhere.

A sweep is compared with that of its task and agent whose subspaces were drawn; of several, with the one that shares
most trials. Trials of one seed and d share what of theta0 and P is drawn, and their looks and confirmations, so the
shares solved are paired: McNemar's test, Bonett and Price's interval, as in `compare ... by=pair`. What a learned
subspace saves in d is a difference of two d_int, whose posteriors are taken as independent.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from rl_intdim.analysis.paired import row
from rl_intdim.analysis.tables import markdown
from rl_intdim.files import write_whole
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import Sweep, read
from rl_intdim.search.posterior import TAIL

ABOUT = """# Learned subspaces

Made by `python scripts/compare_subspaces.py`. `saved`: how much smaller d_int is than that of random subspaces, with
its 95 % interval. `solved`: of the trials at that d. `difference`: the share solved less that of random subspaces
with the same seeds, with its 95 % interval, and McNemar's exact p, not corrected
for the number of rows. Env steps: `training`, and the `direct run` that
learning the subspace took before, in the second table as means over the trials of a d.
"""


def shares(sweeps: Sequence[Sweep]) -> pd.DataFrame:
    """A row for each sweep and d."""
    rows = []
    for s in sweeps:
        base = drawn(s, sweeps)
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
            if s.learned and pairs:
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
         "status": s.answer.status, "saved": saved(s, drawn(s, sweeps)) if s.learned else "",
         "training": s.env_steps, "direct runs": sum(t.subspace_steps for t in s.trials)}
        for s in sweeps
    ]  # fmt: skip
    return pd.DataFrame(rows)


def drawn(s: Sweep, sweeps: Sequence[Sweep]) -> Sweep:
    """The sweep in random subspaces that shares most trials with this one, at the same threshold and budget."""
    asked = (s.world, s.threshold, s.budget)
    alike = [b for b in sweeps if not b.learned and (b.world, b.threshold, b.budget) == asked]
    if not alike:
        raise SystemExit(f"{s.folder}: no sweep in random subspaces with its threshold and budget was given.")
    return max(alike, key=lambda b: len(b.solved.keys() & s.solved.keys()))


def saved(s: Sweep, base: Sweep) -> str:
    """The d_int of `base` less that of `s`: median and central 95 % interval. ? is an end that depends on a d_int
    beyond the largest d tried, - a median that does. Empty if little but the prior speaks for one of them."""
    if any(x.answer.d_int is None and x.answer.status == "undecided" for x in (base, s)):
        return ""
    (x, p), (y, q) = base.distribution(), s.distribution()
    beyond, theirs = p[x > base.d_max].sum(), q[y > s.d_max].sum()
    gains, weights = (x[:, None] - y).ravel(), (p[:, None] * q).ravel()
    order = gains.argsort()
    places = np.searchsorted(weights[order].cumsum(), [TAIL, 0.5, 1 - TAIL])
    low, median, high = (f"{gain:.0f}" for gain in gains[order][places])
    known = beyond < 0.5 and theirs < 0.5
    return f"{median if known else '-'} [{low if theirs <= TAIL else '?'}, {high if beyond <= TAIL else '?'}]"


def page(sweeps: Sequence[Sweep]) -> str:
    """Everything as Markdown."""
    parts = [ABOUT]
    for task, agent in sorted({(s.env, s.agent) for s in sweeps}):
        mine = sorted(
            (s for s in sweeps if (s.env, s.agent) == (task, agent)), key=lambda s: (s.learned is not None, s.folder)
        )
        parts += [f"## {task} by {agent}\n", markdown(answers(mine)), markdown(shares(mine))]
        parts += ["Commands:\n", *(f"    {s.provenance.command}" for s in mine if s.provenance.command), ""]
    return "\n".join(parts)


def main() -> None:
    out = [Path(word.removeprefix("out=")) for word in sys.argv[1:] if word.startswith("out=")]
    text = page([read(Path(word)) for word in sys.argv[1:] if not word.startswith("out=")])
    if out:
        write_whole(out[0], text)
    print(text)


if __name__ == "__main__":
    main()
