"""The tables of docs/ that the catalogue and the schema give: tasks, agents, and every configuration key."""

from dataclasses import fields
from functools import cache
from math import nan, prod
from pathlib import Path
from statistics import median
from typing import Any, get_type_hints

import pandas as pd
from gymnasium.spaces import Discrete
from omegaconf import OmegaConf

from rl_intdim.analysis.tables import markdown
from rl_intdim.analysis.task_ladder import is_own
from rl_intdim.config import catalogue, keys
from rl_intdim.config import schema as cfg
from rl_intdim.records.sweep import read

RESULTS = Path(__file__).resolve().parents[1] / "docs/results"


@cache
def tasks() -> dict[str, tuple[cfg.Task, str]]:
    """The tasks of the catalogue, each with its agent; but gym, which is any other. A threshold that has not been
    measured is NaN."""
    found: dict[str, Any] = {}
    for path in sorted(catalogue.shipped("envs").glob("*.yaml")):
        if path.stem != "gym":
            node, agent = catalogue.read_task(path)
            if OmegaConf.is_missing(node, "threshold"):
                node = OmegaConf.merge(node, {"threshold": nan})  # type: ignore[assignment]
            found[path.stem] = OmegaConf.to_object(node), agent or "cma"
    return found


def seconds_a_trial(task: str, agent: str) -> str:
    """The median of the trials above d = 0, direct runs left out, in the record of a task by its agent."""
    folder = RESULTS / f"{task}-{agent}"
    sweep = read(folder) if folder.is_dir() else None
    own = sweep is not None and is_own(sweep, tasks()[task][0])
    took = [t.seconds for t in sweep.trials if not t.direct and t.d != 0] if sweep and own else []
    if not took:
        return ""
    seconds = median(took)
    return f"{seconds:,.0f}" if seconds >= 2 else f"{seconds:.1g}"


def tasks_table() -> str:
    """The catalogue's tasks."""
    from rl_intdim.tasks.environment import make
    from rl_intdim.tasks.network import Network

    rows = []
    for name, (task, agent) in tasks().items():
        env = make(task)
        network = Network(task.policy, env.observation_space, env.action_space)
        actions: Any = env.action_space
        rows.append(
            {
                "task": f"`{name}`",
                "Gymnasium id": task.id,
                "observations": " x ".join(map(str, env.observation_space.shape or ())),
                "actions": f"{actions.n} discrete"
                if isinstance(actions, Discrete)
                else f"{prod(actions.shape)} continuous",
                "network": "-".join(map(str, [*(["conv"] * bool(task.policy.conv)), *task.policy.hidden])),
                "D": network.D,
                "threshold": task.threshold,
                "goal beside it": f"{task.goal.info} {task.goal.least:g}" if task.goal.info else None,
                "budget": task.budget,
                "agent": f"`{agent}`",
                "s a trial": seconds_a_trial(name, agent),
            }
        )
        env.close()
    frame = pd.DataFrame(rows)
    return markdown(frame.drop(columns=[c for c in frame if frame[c].isna().all()]))


def thresholds_table() -> str:
    """What each task asks, and where its threshold comes from."""
    rows = [
        {
            "task": f"`{name}`",
            "what it is": catalogue.about(catalogue.shipped("envs") / f"{name}.yaml"),
            "source of the threshold": task.threshold_source,
        }
        for name, (task, _) in tasks().items()
    ]
    return markdown(pd.DataFrame(rows))


def agents_table() -> str:
    """The catalogue's agents: what each is, what may move outside the subspace."""
    rows = []
    for path in sorted(catalogue.shipped("agents").glob("*.yaml")):
        node, tuned = catalogue.agent_nodes(path)
        agent: Any = OmegaConf.to_object(node)
        gradient = isinstance(agent, cfg.GradientAgent)
        rows.append(
            {
                "agent": f"`{path.stem}`",
                "what it is": catalogue.about(path),
                "trains outside the subspace": ", ".join(f"`{m}`" for m in agent.free) if gradient else "nothing",
                "settings of its own for": ", ".join(tuned),
            }
        )
    return markdown(pd.DataFrame(rows))


def keys_table(*classes: str) -> str:
    """Every key of these dataclasses of the schema, with its help, default and what is valid."""
    rows: list[dict[str, str]] = []
    for name in classes:
        prefix, _, cls = name.rpartition(":")
        rows += _keys(getattr(cfg, cls), f"{prefix}." if prefix else "")
    return markdown(pd.DataFrame(rows))


def _keys(cls: type, prefix: str) -> list[dict[str, str]]:
    hints, rows = get_type_hints(cls), []
    for item in fields(cls):
        found = keys.of(item)
        if found is None or prefix + item.name in ("env", "agent"):
            continue
        hint = hints[item.name]
        if isinstance(hint, type) and hasattr(hint, "__dataclass_fields__"):
            rows += _keys(hint, f"{prefix}{item.name}.")
            continue
        rows.append(
            {
                "key": f"`{prefix}{item.name}`",
                "default": _default(item),
                "valid": found.bounds(),
                "what it is": found.help,
            }
        )
    return rows


def _default(item: Any) -> str:
    made = item.default_factory() if callable(item.default_factory) else item.default
    if made == keys.MISSING:
        return "must be given"
    text = "null" if made is None else str(made).lower() if isinstance(made, bool) else f"{made}"
    return f"`{text}`" if text else '`""`'
