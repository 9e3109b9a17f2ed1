"""The tables of README.md and docs/ that records of sweeps give, and the files that are made whole from them."""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import cache
from io import BytesIO
from math import isnan
from pathlib import Path

import compare_subspaces
import judge_again
import pandas as pd
from docs_catalogue import tasks
from PIL import Image
from rich.console import Console
from threshold import UNREACHED

from rl_intdim.analysis import paper_figures, task_ladder
from rl_intdim.analysis.atlas_page import cost
from rl_intdim.analysis.comparison_page import page, page_of_pairs
from rl_intdim.analysis.comparison_plots import plot_ladder, plot_pairs
from rl_intdim.analysis.paired import ALPHA, pairs, shares
from rl_intdim.analysis.ranking import automatic, differences, harder, pivot
from rl_intdim.analysis.tables import markdown, table
from rl_intdim.config.schema import GradientAgent, Task
from rl_intdim.records.result import STATUSES, points
from rl_intdim.records.sweep import Sweep, read

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "docs/results"
SEARCHED = 12  # trials of a sweep, below which a record is one of single trials


@cache
def sweeps() -> tuple[Sweep, ...]:
    return tuple(read(folder) for folder in sorted(RESULTS.glob("*-*")) if folder.is_dir())


@cache
def paired_sweeps() -> tuple[Sweep, ...]:
    return tuple(read(folder) for folder in sorted(RESULTS.glob("paired/*")))


def catalogue() -> dict[str, Task]:
    return {name: task for name, (task, _) in tasks().items()}


def own() -> list[Sweep]:
    """The sweeps of the catalogue's tasks at their own threshold, budget and scoring."""
    return [s for s in sweeps() if s.env in catalogue() and task_ladder.is_own(s, catalogue()[s.env])]


def ladder() -> list[task_ladder.TaskRung]:
    return task_ladder.rungs(sweeps(), catalogue())


def ladder_table() -> str:
    """A row a task: the smallest d_int of its agents."""
    return markdown(task_ladder.table(ladder(), catalogue()))


def without_answer() -> str:
    """The tasks of the catalogue with records and no d_int."""
    there = {s.env for s in sweeps()} - {r.task for r in ladder()}
    return ", ".join(sorted(there))


def harder_tables() -> str:
    """For each agent, the probability that the row's task is harder than the column's."""
    return "\n".join(f"By {agent}:\n\n{markdown(frame)}" for agent, frame in harder(own()).items())


def cost_table() -> str:
    """What the sweeps of the tasks as the catalogue has them took."""
    return markdown(cost(own()))


def without_record() -> str:
    """The tasks of the catalogue that have no record, and whether they have a threshold."""
    there, threshold = {s.env for s in sweeps()}, {name: task.threshold for name, task in catalogue().items()}
    missing = sorted(set(threshold) - there)
    return ", ".join(f"{name} (no threshold yet)" if isnan(threshold[name]) else name for name in missing)


def side_by_side(by: str) -> str:
    """Agents, networks or projections side by side, of the sweeps that searched; networks and projections where there
    are several, and agents and networks under the projection that `auto` chooses."""
    table = pivot([s for s in sweeps() if s.answer.trials >= SEARCHED and (by == "projection" or automatic(s))], by)
    columns = [name for name in table if name not in ("task", "threshold", "budget", "agent", "hidden", "P")]
    if by != "agent":
        table = table[(table[columns] != "").sum(axis=1) > 1]
    return markdown(table.drop(columns=[name for name in columns if (table[name] == "").all()]))


def told_apart() -> str:
    """Two agents, networks or projections of one task whose d_int differ by their posteriors, a row each."""
    rows = []
    for row in differences(sweeps()).to_dict("records"):
        first, second, p = row["first"], row["second"], row["P(first lower)"]
        if row["verdict"] != "not told apart" and first.split(" by ")[0] == second.split(" by ")[0]:
            lower, higher, p = (first, second, p) if p > 0.5 else (second, first, 1 - p)
            rows.append({"lower d_int": lower, "higher d_int": higher, "probability": f"{p:.3f}"})
    return markdown(pd.DataFrame(rows))


def shares_table() -> str:
    return markdown(shares(pairs(paired_sweeps())))


def pairs_apart() -> str:
    """The pairs of agents that McNemar's test tells apart, after Holm's correction."""
    found = pairs(paired_sweeps())
    rows = []
    for row in found[(found["d"] != "all") & (found["p (Holm)"] <= ALPHA)].to_dict("records"):
        better, worse = sorted(("first", "second"), key=lambda who: -row[f"{who} solved"])
        more, less = (f"{row[who]}, {row[f'{who} solved']} of {row['trials']}" for who in (better, worse))
        rows.append({key: row[key] for key in ("task", "d")} | {"solves more": more, "solves fewer": less})
        rows[-1]["p (Holm)"] = row["p (Holm)"]
    return markdown(pd.DataFrame(rows).sort_values(["task", "d", "p (Holm)"]))


def trials_of(*folders: str) -> str:
    """Every trial in these run folders but those of theta0 alone, with what it took."""
    rows = []
    for sweep in [read(RESULTS / name) for name in folders]:
        env, agent = sweep.config.env, sweep.config.agent
        judged = env.threshold < UNREACHED  # or else they set the threshold
        rate = agent.settings["learning_rate"] if isinstance(agent, GradientAgent) else agent.learning_rate
        trained = [t for t in sweep.finished if t.d != 0]
        for t in sorted(trained, key=lambda t: (0 if t.direct else int(t.d), t.seed)):
            rows.append(
                {
                    "d": str(t.d),
                    "seed": str(t.seed),
                    "sticky": env.sticky if env.vector == "atari" else None,
                    "learning rate": rate,
                    "env steps": t.env_steps,
                    "score": points(t.score),
                    "threshold": env.threshold if judged else "set by these",
                    "solved": (f"at {t.solved_at:,}" if t.solved else "no") if judged else "",
                    "hours": f"{t.seconds / 3600:.1f}",
                    "folder": f"`{sweep.folder.name}`",
                }
            )
    frame = pd.DataFrame(rows)
    return markdown(frame.drop(columns=[c for c in frame if frame[c].isna().all()]))


def commands_of(*folders: str) -> str:
    """The command of each run folder, where its record holds it."""
    found = [read(RESULTS / name).provenance.command for name in folders]
    return "```sh\n" + "\n".join(command for command in found if command) + "\n```"


def output(folder: str) -> str:
    """What a sweep prints at its end."""
    console = Console(width=88)
    with console.capture() as captured:
        console.print(table(read(RESULTS / folder).record), highlight=False)
    lines = [line.rstrip() for line in captured.get().splitlines() if line.strip()]
    return "\n".join(["```text", *lines, "```"])


def solution_table() -> str:
    """The solution files of docs/solutions."""
    rows = []
    for path in sorted((ROOT / "docs/solutions").glob("*.json")):
        data = json.loads(path.read_text(encoding="utf-8"))
        numbers = ", ".join(f"{x:g}" for x in data["theta_d"])
        rows.append(
            {
                "file": f"`docs/solutions/{path.name}`",
                "task": data["task"]["name"],
                "d": data["d"],
                "seed": data["seed"],
                "bits a number": data["bits"],
                "theta_d": f"({numbers})",
                "score": f"{data['score']:g}",
            }
        )
    return markdown(pd.DataFrame(rows))


def paper_table() -> str:
    """The paper's values on reinforcement-learning tasks."""
    rows = [
        {"task": row.task, "by": row.agent, "network": row.hidden, "D": row.D, "d_int90": row.d_int}
        for row in paper_figures.ROWS
        if row.agent != "gradient"
    ]
    return markdown(pd.DataFrame(rows))


def statuses() -> str:
    """What the status of a sweep says."""
    return "\n".join(f"- `{name}`: {meaning}" for name, meaning in STATUSES.items())


def ladder_description() -> str:
    return json.dumps([asdict(r) for r in ladder()])


def _shows(path: Path, description: str) -> bool:
    """Is this the description in a PNG's metadata? Its bytes depend on the version of matplotlib."""
    if not path.exists():
        return False
    with Image.open(BytesIO(path.read_bytes())) as picture:
        return picture.info.get("Description") == description


def _holds(path: Path, content: bytes) -> bool:
    return path.exists() and path.read_bytes() == content


def _beside(path: Path, page: bytes) -> bool:
    """Is the picture there, beside this page? It is written when its page is."""
    return path.exists() and _holds(path.with_suffix(".md"), page)


@cache
def _page() -> bytes:
    return page(sweeps(), "results.png").encode()


@cache
def _paired_page() -> bytes:
    return page_of_pairs(paired_sweeps(), pairs(paired_sweeps()), "paired.png").encode()


@cache
def _judged() -> bytes:
    return judge_again.page(sweeps()).encode()


@cache
def _learned() -> bytes:
    folders = [*sorted(RESULTS.glob("learned/*")), RESULTS / "paired/CartPole-ppo"]
    return compare_subspaces.page([read(folder) for folder in folders]).encode()


Whole = tuple[Callable[[Path], bool], Callable[[], bytes]]  # is the file fresh; its bytes
WHOLE: dict[str, Whole] = {
    "docs/ladder.png": (
        lambda path: _shows(path, ladder_description()),
        lambda: task_ladder.plot(ladder(), ladder_description()),
    ),
    "docs/results/judged_again.md": (lambda path: _holds(path, _judged()), _judged),
    "docs/results/learned.md": (lambda path: _holds(path, _learned()), _learned),
    "docs/results.md": (lambda path: _holds(path, _page()), _page),
    "docs/results.png": (lambda path: _beside(path, _page()), lambda: plot_ladder(sweeps())),
    "docs/results/paired.md": (lambda path: _holds(path, _paired_page()), _paired_page),
    "docs/results/paired.png": (
        lambda path: _beside(path, _paired_page()),
        lambda: plot_pairs(pairs(paired_sweeps())),
    ),
}
