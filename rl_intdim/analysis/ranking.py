"""Sweeps ranked by d_int: the difficulty table, pairwise verdicts, and which sweeps can be compared."""

from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rl_intdim.analysis import paper_figures
from rl_intdim.config.identity import dotted
from rl_intdim.config.schema import SweepConfig
from rl_intdim.records.result import interval, shown
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd


def below(a: Sweep, b: Sweep) -> float:
    """The probability that a's d_int is below b's; a tie counts half.

    A d_int above its sweep's d_max is censored: against any value above that d_max it counts as a tie.
    The posteriors are treated as independent. They are, unless both sweeps were given the same search.seed: then
    their trials start at the same theta0 (`paired.shared` counts them), which correlates them.
    """
    (x, p), (y, q) = a.distribution(), b.distribution()
    x, p = x[:, None], p[:, None]
    even = (x == y) | (x > a.d_max) & (y > a.d_max) | (y > b.d_max) & (x > b.d_max)
    return float((p * q * np.where(even, 0.5, x < y)).sum())


def comparable(a: Sweep, b: Sweep) -> bool:
    """Can two sweeps be ranked? Sweeps of one task need the same environment, threshold and budget; sweeps of
    different tasks always can. What a learned subspace cost is not in its d_int, so those of one task are ranked only
    with those learned in the same way, and never across tasks."""
    if a.env != b.env:
        return not (a.learned or b.learned)
    return (a.world, a.threshold, a.budget, a.learned) == (b.world, b.threshold, b.budget, b.learned)


def label(config: SweepConfig) -> str:
    hidden = "-".join(map(str, config.env.policy.hidden)) or "linear"
    return f"{config.env.name} by {config.agent.name}, {config.subspace.label}, {hidden}"


def labels(configs: Mapping[Path, SweepConfig]) -> dict[Path, str]:
    """A name for each run folder, with the folder's where two would have the same."""
    names = {folder: label(config) for folder, config in configs.items()}
    several = Counter(names.values())
    return {folder: name if several[name] == 1 else f"{name} ({folder})" for folder, name in names.items()}


DECIDED = ("found", "below_1")  # the statuses, as `status` has them, of a d_int that stands
SURE = 0.95  # smallest probability at which two sweeps are called different


def table(sweeps: Sequence[Sweep], papers: bool = True) -> "pd.DataFrame":
    """The difficulty table, one row per sweep, the easiest first, with the paper's rows among them if `papers`.

    Sweeps with one d_int share a rank. `rank` is empty for the paper's rows, for sweeps without a d_int, for
    incomparable sweeps of a task, for those that no curve of the model fits, and for those with a learned subspace,
    which stand last.
    """
    import pandas as pd

    rows = []
    for s in sweeps:
        drawn = [other for other in sweeps if not other.learned]
        ranked = s.answer.d_int is not None and s.fits and not s.learned
        ranked = ranked and all(comparable(s, other) for other in drawn)
        low, high = s.answer.ci95
        rows.append(
            {
                "rank": ranked,
                "learned": s.learned is not None,
                "task": s.env,
                "agent": s.agent,
                "P": s.projection,
                "hidden": s.hidden,
                "D": s.D,
                "d_int": s.answer.d_int,
                "low": low,
                "high": high,
                "D / d_int": round(s.D / s.answer.d_int, 1) if s.answer.d_int else None,
                "threshold": s.threshold,
                "budget": s.budget,
                "env_steps": s.env_steps,
                "trials": s.answer.trials,
                "direct": "{} of {}".format(*s.direct),
                "status": status(s),
                "command": s.provenance.command,
            }
        )
    for row in paper_figures.ROWS if papers else ():
        derived = {
            "D / d_int": round(row.D / row.d_int, 1),
            "status": "the paper's d_int90",
            "rank": False,
            "learned": False,
        }
        rows.append(asdict(row) | derived)
    out = pd.DataFrame(rows)
    out = out.sort_values(["learned", "d_int", "high", "task", "agent"], na_position="last", kind="stable")
    place = out["d_int"].where(out["rank"]).rank(method="min")
    whole = ["d_int", "low", "high", "budget", "env_steps", "trials"]
    return (
        out.assign(rank=place)
        .astype(dict.fromkeys(["rank", *whole], "Int64"))
        .drop(columns="learned")
        .reset_index(drop=True)
    )


def differences(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """The probability that the first sweep of a pair has the smaller d_int, and the verdict. One row for every two
    sweeps that are `alike`, save those that no curve of the model fits or that have no d_int."""
    import pandas as pd

    rows, ordered = [], sorted((s for s in sweeps if s.fits and s.answer.d_int is not None), key=rung)
    names = labels({s.folder: s.config for s in sweeps})
    for a, b in combinations(ordered, 2):
        if alike(a, b):
            first, second, p = names[a.folder], names[b.folder], below(a, b)
            lower = first if p >= SURE else second if p <= 1 - SURE else ""
            verdict = f"{lower} is lower" if lower else "not told apart"
            rows.append({"first": first, "second": second, "P(first lower)": round(p, 3), "verdict": verdict})
    return pd.DataFrame(rows, columns=["first", "second", "P(first lower)", "verdict"])


def alike(a: Sweep, b: Sweep) -> bool:
    """May two sweeps be told apart? Two of one task need the same environment, threshold and budget; two of different
    tasks the same protocol, hidden layers and way of choosing P."""
    if a.env == b.env:
        return comparable(a, b)
    one_way = a.projection == b.projection or (automatic(a) and automatic(b))
    return same_protocol(a, b) and a.hidden == b.hidden and one_way


def cautions(sweeps: Sequence[Sweep]) -> list[str]:
    """What the ranks do not show, a line each: tasks without one, what differs besides, one environment under two
    names, results that are older than their trials, and ranks that rest on a wide interval."""
    lines = []
    if any(s.learned for s in sweeps):
        lines.append("A learned basis is not ranked: what its direct runs learned, and cost, is not in d_int.")
    for name in dict.fromkeys(s.env for s in sweeps):
        same = [s for s in sweeps if s.env == name and not s.learned]
        if not all(comparable(a, b) for a, b in combinations(same, 2)):
            thresholds, budgets = sorted({s.threshold for s in same}), sorted({s.budget for s in same})
            keys = [f"threshold ({', '.join(f'{value:g}' for value in thresholds)})"] * (len(thresholds) > 1)
            keys += [f"budget ({', '.join(f'{value:,}' for value in budgets)})"] * (len(budgets) > 1)
            keys += ["environment or scoring"] * (len({str(s.world) for s in same}) > 1)
            lines.append(f"{name}: not ranked, since its sweeps differ in {' and '.join(keys)}.")
        policies = [s.config.env.policy for s in sweeps if s.env == name]
        if keys := differing(policies, {"hidden"}):
            lines.append(f"{name}: its sweeps differ in env.policy.{', env.policy.'.join(keys)}.")
    for name, agent in dict.fromkeys((s.env, s.agent) for s in sweeps):
        settings = [s.config.agent for s in sweeps if (s.env, s.agent) == (name, agent)]
        if keys := differing(settings, {"note"}):
            lines.append(f"{name} by {agent}: its sweeps differ in agent.{', agent.'.join(keys)}.")
    first: dict[str, Sweep] = {}
    for s in sweeps:
        first.setdefault(s.env, s)
    for a, b in combinations(first.values(), 2):
        if a.world == b.world and a.threshold != b.threshold:
            lines.append(
                f"{a.env} and {b.env} are one environment at thresholds {a.threshold:g} and {b.threshold:g}: two "
                "tasks, and d_int follows the threshold."
            )
        elif a.world == b.world:
            lines.append(f"{a.env} and {b.env} are one environment under two names, ranked as two tasks.")
    names = labels({s.folder: s.config for s in sweeps})
    undecided = [s for s in sweeps if s.answer.status == "undecided" and s.answer.d_int is not None and s.fits]
    lines += [
        f"{names[s.folder]}: the result counts {s.ended_with} trials, and {s.in_folder} are in the folder."
        for s in sweeps
        if s.ended_with not in (None, s.in_folder)
    ]
    if wide := [names[s.folder] for s in undecided]:
        lines.append(f"Undecided, so d_int and rank may still move within the interval: {'; '.join(wide)}.")
    if odd := [names[s.folder] for s in sweeps if not s.fits]:
        lines.append(
            "No curve of the model fits these, so their intervals are not to be trusted, and they are neither ranked "
            f"nor told apart: {'; '.join(odd)}."
        )
    return lines


def differing(parts: Sequence[Any], but: Set[str]) -> list[str]:
    """The keys, none of `but`, in which these parts of configurations differ."""
    values = [{key: str(value) for key, value in dotted(asdict(part)).items()} for part in parts]
    return sorted({key for other in values[1:] for key, _ in values[0].items() ^ other.items()} - but)


def harder(sweeps: Sequence[Sweep]) -> dict[str, "pd.DataFrame"]:
    """For each agent with two tasks or more, the probability that the row's task has a larger d_int than the
    column's; a tie counts half. Tasks are ordered from the smallest d_int to the largest.

    At equal protocol only: one agent, with the settings that it has for each task, one budget, one way of scoring.
    Other pairs are left empty. The sweep with the smallest d_int stands for a task; one without a d_int has no row.
    """
    import pandas as pd

    tables = {}
    for agent in sorted({s.agent for s in sweeps}):
        answered = sorted((s for s in sweeps if s.agent == agent and s.answer.d_int is not None and s.fits), key=rung)
        mine = sorted({s.env: s for s in reversed(answered)}.values(), key=rung)
        cells = [["" if not same_protocol(a, b) else f"{below(b, a):.2f}" for b in mine] for a in mine]
        if any(map(any, cells)):
            tables[agent] = pd.DataFrame(
                [{"harder than": a.env} | dict(zip([b.env for b in mine], row, strict=True))
                 for a, row in zip(mine, cells, strict=True)]
            )  # fmt: skip
    return tables


def same_protocol(a: Sweep, b: Sweep) -> bool:
    """Were two tasks measured in the same way, so that their d_int say which is harder?"""
    protocols = [(s.agent, s.budget, s.config.env.scoring, s.config.search.full_budget) for s in (a, b)]
    return a is not b and not (a.learned or b.learned) and protocols[0] == protocols[1]


def pivot(sweeps: Sequence[Sweep], by: str) -> "pd.DataFrame":
    """A column for each agent, network (by=hidden, the smaller D first) or projection; a row for each task,
    threshold, budget, and what else differs. By network, P is `auto` where it is what each gets by default."""
    import pandas as pd

    varied = "P" if by == "projection" else by
    names = ["task", "threshold", "budget", *(name for name in ("agent", "hidden", "P") if name != varied)]
    rows: dict[tuple[Any, ...], dict[str, list[str]]] = {}
    sizes: dict[str, int] = {}
    for s in sorted(sweeps, key=lambda s: (s.env, s.D, s.agent)):
        P = "auto" if by == "hidden" and automatic(s) else s.projection
        kind = {"agent": s.agent, "hidden": s.hidden, "P": P}
        column = kind.pop(varied)
        sizes.setdefault(column, s.D)
        rows.setdefault((s.env, s.threshold, s.budget, *kind.values()), {}).setdefault(column, []).append(cell(s))
    cells = [{column: "; ".join(answers) for column, answers in row.items()} for row in rows.values()]
    table = pd.DataFrame([dict(zip(names, key, strict=True)) | row for key, row in zip(rows, cells, strict=True)])
    columns = sorted(sizes, key=lambda column: sizes[column]) if by == "hidden" else list(sizes)
    return table.reindex(columns=[*names, *columns]).fillna("")


def automatic(s: Sweep) -> bool:
    """Has the sweep the projection that subspace.projection=auto chooses?"""
    from rl_intdim.subspace.projections import resolve  # imports torch, which takes seconds

    return s.projection in ("auto", resolve("auto", s.D, s.d_max))


def cell(s: Sweep) -> str:
    mark = "" if status(s) == "found" else f" {status(s)}"
    return f"{shown(s.answer.d_int)} {interval(s.answer.ci95)}{mark}"


def status(s: Sweep) -> str:
    """The status, and whether no curve of the model fits."""
    return s.answer.status if s.fits else f"{s.answer.status}, misfit"


def rung(s: Sweep) -> tuple[float, str]:
    return (np.inf if s.answer.d_int is None else s.answer.d_int, label(s.config))
