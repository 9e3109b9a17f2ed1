"""The tables of docs/ that records of benchmarks and simulations give, and single figures of any record."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from rl_intdim.analysis.tables import markdown

RESULTS = Path(__file__).resolve().parents[1] / "docs/results"


@cache
def record(path: str) -> Any:
    return json.loads((RESULTS / path).read_text(encoding="utf-8"))


def value(path: str, where: str, spec: str = "") -> str:
    """One figure of a JSON record: its path under docs/results, the keys to it with / between, Python's format."""
    node = record(path)
    for part in where.split("/"):
        node = node[int(part)] if isinstance(node, list) else node[part]
    if isinstance(node, bool):
        return "yes" if node else "no"
    if isinstance(node, str):
        return node
    text = format(node, spec or (",d" if isinstance(node, int) else "g"))
    return text.replace("%", " %")


def calibration_table() -> str:
    """Coverage by stratum."""
    rows = [
        {"simulated tasks": name, "number": n, "d_int inside the interval": f"{share * 100:.1f} %"}
        for name, (share, n) in record("calibration/calibration.json")["coverage"].items()
    ]
    return markdown(pd.DataFrame(rows))


def shapes_table() -> str:
    """What becomes of the shapes that the model does not describe."""
    rows = [
        {"simulated tasks": name, "number": f"{r['tasks']}"}
        | {
            column: f"{r[key] * 100:.0f} %"
            for column, key in (
                ("d_int inside the interval", "covered"),
                ("inside, or a misfit named", "either"),
            )
        }
        | {
            "`found`, wrong, and no misfit named, of all `found`": "{:.0f} of {:.0f}".format(
                r["tasks"] * r["found and wrong, not flagged"], r["tasks"] * r["found"]
            )
        }
        for name, r in record("calibration/calibration.json")["outside"].items()
    ]
    return markdown(pd.DataFrame(rows))


def grids_table() -> str:
    """Env steps of the paper's grid over ours."""
    rows = [
        {
            "the paper's grid": name,
            "each at its own width": f"{r['times']:.1f} times",
            "ours stopped at the width of the paper's rule: mean": f"{r['as wide as by the paper']['times']:.1f}",
            "median task": f"{r['as wide as by the paper']['median']:.1f}",
        }
        for name, r in record("calibration/calibration.json")["grids"].items()
    ]
    return markdown(pd.DataFrame(rows))


PEERS = {
    "plain": "cma, a plain loop",
    "evotorch": "EvoTorch",
    "evosax": "evosax with gymnax",
    "bare": "the bare simulator, random actions",
    "replayed": "the bare simulator, our actions",
}


def times(ratio: float | None) -> str:
    """A ratio of speeds as text; "" for none."""
    return "" if ratio is None else f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def evolution_table() -> str:
    """The loop of a strategy against its peers."""
    rows = []
    for r in record("evolution/bench.json")["rows"]:
        row = {"task": r["task"], "env steps/s": f"{r['ours']:,.0f} ({r['ours_episode']:.0f})"}
        for key, name in PEERS.items():
            shown = times(r.get(f"ours_by_{key}"))
            row[f"ours / {name}"] = shown and f"{shown} ({r[f'{key}_episode']:.0f})"
        rows.append(row)
    return markdown(pd.DataFrame(rows))


def evolution_on_two_cores() -> str:
    """The sums of two runs at once, and ours by each peer's."""
    rows = []
    for a, b in zip(*(record(f"evolution/core-{core}-of-2.json")["rows"] for core in (0, 1)), strict=True):
        ours = a["ours"] + b["ours"]
        row = {"task": a["task"], "env steps/s": f"{ours:,.0f}"}
        rows.append(
            row | {f"ours / {PEERS[key]}": times(ours / (a[key] + b[key]) if key in a else None) for key in PEERS}
        )
    return markdown(pd.DataFrame(rows))


def evolution_shares() -> str:
    """Where the time of ours goes, a column a part."""
    rows = [
        {"task": r["task"]} | {part: f"{share:.0%}" for part, share in r["shares"].items()}
        for r in record("evolution/bench.json")["rows"]
    ]
    table = pd.DataFrame(rows).fillna("")
    return markdown(table[[*table.columns.drop("the rest"), "the rest"]])


def training_table() -> str:
    """PPO in a subspace against SB3's own."""
    rows = [
        {
            "task": r["task"],
            "d": r["d"],
            "env steps/s": f"{r['env_steps_per_s']['ours']:,.0f}",
            "ours / SB3's PPO without a subspace": "{:.2f} ({:.2f} to {:.2f})".format(
                r["ours_by_peer"], *r["ours_by_peer_range"]
            ),
            "ours / ours direct": f"{r['ours_by_direct']:.2f}",
            "bfloat16 / float32": f"{r['rounded_by_ours']:.2f}",
            "ours / environment, forward and backward alone": f"{r['ours_by_limit']:.2f}",
        }
        for r in record("training.json")["rows"]
    ]
    return markdown(pd.DataFrame(rows))


def gpu_table() -> str:
    """PPO on Pong with a GPU, by the number of trials side by side."""
    rows = [
        {
            "trials at once": r["at_once"],
            "settings": ", ".join(f"`{word}`" for word in r["words"]) or "the preset",
            "env steps/s in sum": f"{r['sum']:,.0f}",
        }
        for r in record("gpu.json")["rows"]
    ]
    return markdown(pd.DataFrame(rows))


def projections_table() -> str:
    """The projections at Pong's size."""
    what = {
        "dense": ("Gaussian, unit columns", "yes", "4 D d"),
        "sparse": ("one size with probability 1/sqrt(D), else 0 (Li, Hastie and Church 2006)", "yes", "16 d sqrt(D)"),
        "fastfood": ("Hadamard and diagonal Gaussian blocks (Le, Sarlos and Smola 2013)", "no", "24 D"),
        "countsketch": ("one signed entry a row, orthonormal columns (Charikar et al. 2002)", "no", "4 D"),
    }
    pong = [r for r in record("projections/bench.json")["rows"] if (r["D"], r["d"]) == (1_005_366, 6000)]
    measured = {r["projection"]: r for r in pong}
    rows = []
    for name, (text, nested, size) in what.items():
        r = measured.get(name)
        rows.append(
            {
                "`subspace.projection=`": name,
                "P": text,
                "bytes": size,
                "nested": nested,
                "apply": f"{r['apply_copies']:.1f}" if r else "not drawn",
                "adjoint": f"{r['adjoint_copies']:.1f}" if r else "",
            }
        )
    return markdown(pd.DataFrame(rows))


def rounds_table() -> str:
    """Wall-clock and env steps by size of round and workers."""
    means = record("scaling/scaling.json")["means"]
    workers = ["1", "4", "16", "64", "256"]
    rows = [
        {"search.round": size, "trials": f"{m['trials']:.0f}", "budgets of training": f"{m['budgets']:.0f}"}
        | {f"wall-clock on {w}": f"{m[f'wall_{w}']:.1f}" for w in workers}
        for size, m in means.items()
    ]
    return markdown(pd.DataFrame(rows))


def counts_table() -> str:
    """What sweeps say where the chances of solving are counts."""
    rows = [
        {
            "chances as counted": name,
            "d_int": f"{r['d_int']}",
            "inside the interval": f"{r['covers'] * 100:.0f} %",
            "`found`, wrong, and no misfit named": f"{r['found and wrong, not flagged'] * 100:.0f} %",
            "trials (median)": f"{r['trials']:.0f}",
        }
        for name, r in record("calibration/counts.json").items()
        if isinstance(r, dict)
    ]
    return markdown(pd.DataFrame(rows))


def freeze_thaw_table() -> str:
    """Env steps and coverage of trials in parts, against whole trials."""
    rows = [
        {
            "interval's high / low": ratio.removeprefix("ratio "),
            "simulated tasks": f"{name} ({r['tasks']})",
            "budgets, whole trials": f"{r['whole trials']['budgets']['mean']:.1f}",
            "in parts": f"{r['parts']['budgets']['mean']:.1f}",
            "times fewer: mean": f"{r['whole trials over parts']['of the means']:.2f}",
            "median task": f"{r['whole trials over parts']['median task']:.2f}",
            "inside the interval, whole": f"{r['whole trials']['coverage'] * 100:.0f} %",
            "inside, in parts": f"{r['parts']['coverage'] * 100:.0f} %",
        }
        for ratio, strata in record("freeze_thaw/freeze_thaw.json").items()
        if ratio.startswith("ratio")
        for name, r in strata.items()
    ]
    return markdown(pd.DataFrame(rows))


def growing_table() -> str:
    """Env steps and wall-clock of rounds that grow, against fixed ones."""
    rows = [
        {"trials a round": name, "trials": f"{m['trials']:.0f}", "budgets of training": f"{m['budgets']:.0f}"}
        | {f"wall-clock on {w}": f"{m[f'wall_{w}']:.1f}" for w in (16, 64, 256)}
        for name, m in record("scaling/growing.json")["means"].items()
    ]
    return markdown(pd.DataFrame(rows))


def prior_table() -> str:
    """What sweeps cost under a prior fitted to records, against the flat one."""
    rows = [
        {
            "tasks": f"{kind} ({r['flat']['tasks']})",
            "prior": name,
            "trials": f"{r[name]['trials']:.0f}",
            "budgets of training": f"{r[name]['budgets']:.1f}",
            "`found`": f"{r[name]['found'] * 100:.0f} %",
            "inside the interval": f"{r[name]['covers'] * 100:.1f} %",
        }
        for kind, r in record("prior.json").items()
        if isinstance(r, dict) and "fitted" in r
        for name in ("flat", "fitted")
    ]
    return markdown(pd.DataFrame(rows))


def statistics_table() -> str:
    """Mean of the last quarter of a trial's looks, by what standardised its observations. Of two runs of which one
    is the beginning of the other, the longer."""
    lines = (RESULTS / "statistics/Humanoid-openai_es.jsonl").read_text(encoding="utf-8").splitlines()
    runs = [json.loads(line) for line in lines]
    whole = [
        r
        for r in runs
        if not any(r is not other and other["curve"][: len(r["curve"])] == r["curve"] for other in runs)
    ]
    rows: dict[tuple[int, str], dict[str, list[str]]] = {}
    for r in whole:
        sigma = next((word.split("=")[1] for word in r["setting"] if word.startswith("agent.sigma=")), "")
        last = r["curve"][-max(1, len(r["curve"]) // 4) :]
        row = rows.setdefault((round(r["env_steps"], -5), sigma), {})
        row.setdefault(r["arm"], []).append(f"{sum(look[1] for look in last) / len(last):.0f}")
    return markdown(
        pd.DataFrame(
            [
                {"env steps": steps, "`agent.sigma`": sigma or "the agent's"}
                | {arm: ", ".join(row.get(arm, [])) for arm in ("fixed", "none", "learned")}
                for (steps, sigma), row in rows.items()
            ]
        )
    )
