"""Do two configurations describe the same run, and which seed does a configuration draw?"""

import json
from hashlib import sha256
from typing import Any

# Neither trials nor the search's decisions depend on these keys: a folder may be resumed with other values.
LOOSE = (
    *("defaults", "out", "workers", "runner.", "trial_hours", "dry_run", "tensorboard"),
    *("agent.note", "env.threshold_source", "env.statistics.source"),
    *("search.max_trials", "search.max_env_steps", "search.ci_ratio", "search.direct"),
)


def differing(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first key in which two flat configurations differ, LOOSE keys left out; None if they agree."""
    keys = sorted(old.keys() | new.keys())
    return next((k for k in keys if not k.startswith(LOOSE) and old.get(k) != new.get(k)), None)


def flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as {dotted key: value}."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return out


def first_seed(config: dict[str, Any]) -> int:
    """The first seed of the sweep of a flat configuration, from all that makes it this run and no other.

    Eight digits at most, since a solution file is short, and enough that two sweeps of a task hardly ever meet.
    """
    keys = {k: v for k, v in config.items() if not k.startswith((*LOOSE, "search.seed"))}
    return int(sha256(json.dumps(keys, sort_keys=True).encode()).hexdigest(), 16) % 2**24
