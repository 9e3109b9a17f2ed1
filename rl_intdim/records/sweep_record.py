"""What the trials in a run folder say, and whether two sweeps may be set side by side."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rl_intdim.config.catalogue import merged
from rl_intdim.config.schema import DIRECT, Search
from rl_intdim.errors import ConfigError, one_line
from rl_intdim.records.run_folder import read_config, result, trials
from rl_intdim.records.summary import MEANING, rows
from rl_intdim.search.adaptive import Answer, answer, largest
from rl_intdim.search.loop import outcomes
from rl_intdim.search.posterior import p_zero, posterior


@dataclass(frozen=True)
class Sweep:
    """One run folder, and what its trials say."""

    folder: Path
    env: str
    agent: str
    note: str  # what a reader of the agent's results must know, or empty
    projection: str
    hidden: str  # units of the layers, such as 20-20
    threshold: float
    budget: int
    D: int
    d_max: int
    answer: Answer
    env_steps: int
    direct: tuple[int, int]  # solved, runs
    command: str
    policy: dict[str, Any]  # the task's network, as configured
    world: tuple[Any, ...]  # the task's environment, its scoring, and what is asked beside the return
    solved: dict[tuple[int, int], bool]  # by d and seed of every trial of the search

    def distribution(self) -> tuple[np.ndarray, np.ndarray]:
        """The values that d_int may have, increasing, and their posterior probabilities; (n,) each."""
        model = posterior(self.d_max)
        return model.distribution(model.update(self.answer.tested), p_zero(self.answer.tested))


def read(folder: Path | str) -> Sweep:
    """What the trials of a run folder say, finished or not. Raises ConfigError for what is no run folder."""
    folder = Path(folder)
    config, records = read_config(folder), trials(folder)
    if not records:
        raise ConfigError(f"{folder}: no trial has finished yet.")
    search: Any = merged(Search, config["search"], folder / "config.yaml")
    search = Search(**{str(key): search[key] for key in search})
    D = int(records[0]["D"])
    d_max = largest(search, D)
    env, direct = config["env"], [t for t in records if t["d"] == DIRECT]
    searched, ended = [t for t in records if t["d"] != DIRECT], result(folder)
    # A sweep speaks by the rounds that it decided upon: one that was cut off has left its quick trials, the solved.
    if ended:
        searched = [t for t in searched if t["seed"] < search.seed + ended["trials"]]
    elif search.ds is None:
        whole = _whole_rounds(search, {t["seed"] for t in searched})
        searched = [t for t in searched if t["seed"] < search.seed + whole * search.round]
    return Sweep(
        folder,
        env["name"],
        config["agent"]["name"],
        config["agent"].get("note") or "",
        config["subspace"]["projection"],
        "-".join(map(str, env["policy"]["hidden"])),
        float(env["threshold"]),
        int(env["budget"]),
        D,
        d_max,
        answer(search, d_max, outcomes(searched, env["budget"])),
        sum(t["env_steps"] for t in searched + direct),
        (sum(t["solved"] for t in direct), len(direct)),
        ended.get("command", ""),
        env["policy"],
        _world(env),
        {(t["d"], t["seed"]): t["solved"] for t in searched},
    )


def _world(env: dict[str, Any]) -> tuple[Any, ...]:
    sticky = env.get("sticky") if env.get("vector") == "atari" else None
    statistics, goal = env.get("statistics") or {}, env.get("goal") or {}
    return (
        env["id"],
        env.get("kwargs") or {},
        env.get("wrappers") or [],
        sticky,
        [statistics[key] for key in ("mean", "std", "clip")] if statistics.get("mean") else [],
        [goal["info"], goal["least"]] if goal.get("info") else [],
        env["scoring"],
    )


def _whole_rounds(search: Search, seeds: set[int]) -> int:
    """How many rounds of a search have all their trials."""
    rounds = 0
    while all(search.seed + rounds * search.round + i in seeds for i in range(search.round)):
        rounds += 1
    return rounds


@dataclass(frozen=True)
class Run:
    """A finished sweep as it stands in its folder."""

    folder: Path
    config: dict[str, Any]
    result: dict[str, Any]
    trials: list[dict[str, Any]]

    @property
    def label(self) -> str:
        hidden = "-".join(map(str, self.config["env"].get("policy", {}).get("hidden", [])))
        return "{env} / {agent} / {projection} / ".format(**self.result) + (hidden or "linear")


def read_finished(folder: Path) -> Run | None:
    """The sweep of a run folder, or None if it is not finished. Raises ConfigError for what is no run folder."""
    config, found = read_config(folder), result(folder)
    if not found:
        return None
    try:
        if found["status"] not in MEANING:
            raise ValueError(f"status {found['status']!r}")
        low, high = found["ci95"]
        float(low) + float(high or 0) + float(found["d_int"] or 0) + float(found["d_max"])
        sum(int(d) + n + k for d, (n, k) in found["tested"].items())
        str(found["projection"]), rows(found), list(found["warnings"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise ConfigError(
            f"{folder / 'result.json'}: not a sweep's result: {type(error).__name__}: {one_line(error)}"
        ) from None
    return Run(folder, config, found, trials(folder))
