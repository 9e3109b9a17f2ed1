"""The identity of a run: do two configurations describe the same run, and which seed does a configuration draw?"""

import json
from dataclasses import MISSING, asdict, fields, is_dataclass
from hashlib import sha256
from typing import Any

from omegaconf import MISSING as REQUIRED

from rl_intdim.config.schema import AGENTS, SweepConfig, Task

NEVER = 10**9
ABSENT = object()  # is another value than null
# Values of keys that older records lack, by the agent's strategy, where today's default would be wrong.
BEFORE = {"cma": {"patience": NEVER, "diagonal_above": NEVER}}
# Neither trials nor the search's decisions depend on these keys: a folder may be resumed with other values.
LOOSE = (
    *("defaults", "out", "workers", "runner.", "trial_hours", "dry_run", "tensorboard"),
    *("agent.note", "env.threshold_source", "env.statistics.source"),
    *("search.max_trials", "search.max_env_steps", "search.ci_ratio", "search.direct", "search.seeds"),
)


def differing(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first key in which two dotted configurations differ, LOOSE keys left out; None if they agree."""
    keys = sorted(old.keys() | new.keys())
    return next((k for k in keys if not k.startswith(LOOSE) and old.get(k, ABSENT) != new.get(k, ABSENT)), None)


def described(config: dict[str, Any], key: str) -> str:
    """A key of a dotted configuration with its value, in words."""
    return f"{key}={config[key]}" if key in config else f"no {key}"


def completed(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """The dotted configuration `old`, plus the keys of `new` that did not exist when it was written. They get their
    value from BEFORE, or else their field's default."""
    agent = AGENTS.get(old.get("agent.trainer", ""))
    made_with = {"env": defaults_of(Task), "agent": defaults_of(agent) if agent else {}}
    made_with["agent"] |= BEFORE.get(old.get("agent.strategy", ""), {})
    known = dotted(defaults_of(SweepConfig) | made_with)
    return {key: known[key] for key in new if key in known} | old


def defaults_of(cls: type) -> dict[str, Any]:
    """The fields of a dataclass that have a default."""
    defaults: dict[str, Any] = {}
    for f in fields(cls):
        value = f.default if f.default_factory is MISSING else f.default_factory()
        if value is not MISSING and value != REQUIRED:
            defaults[f.name] = asdict(value) if is_dataclass(value) and not isinstance(value, type) else value
    return defaults


def dotted(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as {dotted key: value}."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        out |= dotted(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return out


def first_seed(config: dict[str, Any]) -> int:
    """The first seed of a sweep, drawn from the keys of its dotted configuration that identify the run.

    Keys at their default are left out, so that a key which is new in a later version moves no seed. At most eight
    digits keep a solution file short, and two sweeps of a task hardly ever share seeds.
    """
    defaults = completed({"agent.trainer": config["agent.trainer"]}, config)
    keys = {
        k: v for k, v in config.items() if not k.startswith((*LOOSE, "search.seed")) and defaults.get(k, ABSENT) != v
    }
    return int(sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest(), 16) % 2**24
