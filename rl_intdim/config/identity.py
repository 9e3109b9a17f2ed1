"""Which keys make two configurations the same run."""

from typing import Any

# Keys that no trial and no decision depends on: a folder may be resumed with other values.
LOOSE = (
    *("defaults", "out", "workers", "runner.", "trial_hours", "dry_run", "tensorboard"),
    *("agent.note", "env.threshold_source", "env.statistics.source"),
    *("search.max_trials", "search.max_env_steps", "search.ci_ratio", "search.direct"),
)


def differing(old: dict[str, Any], new: dict[str, Any]) -> str | None:
    """The first key in which two flat configurations differ, LOOSE ones left out."""
    keys = sorted(old.keys() | new.keys())
    return next((k for k in keys if not k.startswith(LOOSE) and old.get(k) != new.get(k)), None)


def flat(node: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping as {dotted key: value}."""
    out: dict[str, Any] = {}
    for key, value in node.items():
        out |= flat(value, f"{prefix}{key}.") if isinstance(value, dict) and value else {f"{prefix}{key}": value}
    return out
