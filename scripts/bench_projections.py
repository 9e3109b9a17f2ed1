"""Time and memory of every projection, as ratios to copying D floats in the same run.

    python scripts/bench_projections.py            # the table, and docs/results/projections/ (minutes)
    python scripts/bench_projections.py --quick    # only D = 1,005,366, d = 6,000 (Pong)

One torch thread. Each figure is the median of repeated calls, taken in turns with the copy. At Pong's size two peers
stand beside our four types: a Fastfood of one block of 2^20, as the paper pads it, and what a dense P would need.
Sparse is a CSR product. A GPU is measured too where there is one.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from recording import record

from rl_intdim.analysis.style import png
from rl_intdim.files import write_whole
from rl_intdim.subspace.projections import PROJECTIONS, Projection
from rl_intdim.subspace.projections.fastfood import Fastfood

PONG = (1_005_366, 6_000)
SIZES = (1_000, 10_000, 100_000, 1_000_000)
DIMENSIONS = (1, 10, 100, 1_000, 10_000)
LARGEST = 2**31  # bytes; a larger P is not measured
FOLDER = Path(__file__).parent.parent / "docs" / "results" / "projections"


class OneBlock(Fastfood):
    """Peer: Fastfood as one transform of the power of two at or above D, theta_d padded with zeros."""

    def __init__(self, D: int, d: int, rng: np.random.Generator) -> None:
        super().__init__(D, D, rng)
        self.width = d

    def apply(self, theta_d: torch.Tensor) -> torch.Tensor:
        return super().apply(torch.cat([theta_d, theta_d.new_zeros(self.D - self.width)]))

    def adjoint(self, g_D: torch.Tensor) -> torch.Tensor:
        return super().adjoint(g_D)[: self.width]


def in_turns(calls: dict[str, Callable[[], Any]], device: str, seconds: float = 0.6) -> dict[str, float]:
    """The median time of each call in ms, one after the other in every round."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    for call in calls.values():
        call()
    end = time.perf_counter() + seconds * len(calls)
    while time.perf_counter() < end or len(next(iter(times.values()))) < 5:
        for name, call in calls.items():
            start = time.perf_counter()
            call()
            if device == "cuda":
                torch.cuda.synchronize()
            times[name].append(1e3 * (time.perf_counter() - start))
    return {name: median(found) for name, found in times.items()}


def measure(D: int, d: int, device: str, kinds: dict[str, type[Projection]]) -> Iterator[dict[str, Any]]:
    """A row for each type at (D, d), all timed in one run beside the copy."""
    g_D, theta_d, out = torch.randn(D, device=device), torch.randn(d, device=device), torch.empty(D, device=device)
    calls: dict[str, Callable[[], Any]] = {"copy": lambda: out.copy_(g_D)}
    drawn: dict[str, Projection] = {}
    for name, kind in kinds.items():
        if kind.memory(D, d) <= LARGEST:
            P = drawn[name] = kind(D, d, np.random.default_rng(0)).to(device, torch.float32)
            calls[f"{name} apply"] = partial(P.apply, theta_d)
            calls[f"{name} adjoint"] = partial(P.adjoint, g_D)
    times = in_turns(calls, device)
    for name in drawn:
        apply, adjoint = times[f"{name} apply"], times[f"{name} adjoint"]
        yield {
            **{"device": device, "D": D, "d": d, "projection": name, "MiB": kinds[name].memory(D, d) / 2**20},
            **{"copy_ms": times["copy"], "apply_ms": apply, "adjoint_ms": adjoint},
            **{"apply_copies": apply / times["copy"], "adjoint_copies": adjoint / times["copy"]},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    rows = []
    line = "{:<6} {:>9} {:>6} {:<19} {:>8} {:>9} {:>9}"
    print(line.format("device", "D", "d", "projection", "MiB", "apply", "adjoint"), " in copies of D floats")
    sizes = [PONG] + ([] if quick else [(D, d) for D in SIZES for d in DIMENSIONS if d <= D])
    for device in ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]:
        for D, d in sizes:
            peers: dict[str, type[Projection]] = {"fastfood, one block": OneBlock} if (D, d) == PONG else {}
            for row in measure(D, d, device, PROJECTIONS | peers):
                rows.append(row)
                ratios = (f"{row[key]:.1f}" for key in ("MiB", "apply_copies", "adjoint_copies"))
                took = f" ({row['apply_ms']:.3f} and {row['adjoint_ms']:.3f} ms)"
                print(line.format(device, f"{D:,}", f"{d:,}", row["projection"], *ratios), took, flush=True)
            if (D, d) == PONG:
                print(line.format(device, f"{D:,}", f"{d:,}", "dense", f"{4 * D * d / 2**20:.0f}", "not", "drawn"))
    if not quick:
        record({"threads": 1, "rows": rows}, FOLDER / "bench.json")
        plot([row for row in rows if row["device"] == "cpu"])


def plot(rows: list[dict[str, Any]]) -> None:
    """Time of both products against d, in copies of D floats, a panel for each D."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    colors = dict(zip(PROJECTIONS, ("#0072B2", "#D55E00", "#009E73", "#CC79A7"), strict=True))
    figure, panels = plt.subplots(1, len(SIZES), figsize=(12, 3.6), sharey=True, constrained_layout=True)
    for axis, D in zip(panels, SIZES, strict=True):
        for name in PROJECTIONS:
            mine = [row for row in rows if row["D"] == D and row["projection"] == name]
            for key, style in (("apply_copies", "o-"), ("adjoint_copies", "s--")):
                axis.plot([r["d"] for r in mine], [r[key] for r in mine], style, ms=4, color=colors[name])
        axis.axhline(1, color="#666666", lw=1, ls=":")
        axis.set(xscale="log", yscale="log", title=f"D = {D:,}", xlabel="d")
        axis.grid(alpha=0.25)
    panels[0].set_ylabel("time, in copies of D floats")
    lines = [plt.Line2D([], [], color=color, label=name) for name, color in colors.items()]
    for label, marker, style in (("apply", "o", "-"), ("adjoint", "s", "--")):
        lines.append(plt.Line2D([], [], color="#333333", marker=marker, ls=style, label=label))
    figure.legend(handles=lines, loc="outside lower center", ncols=6, fontsize=9)
    write_whole(FOLDER / "plot.png", png(figure))


if __name__ == "__main__":
    main()
