"""How a task differs from the catalogue's in what its score and its threshold depend on."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from omegaconf import MISSING, OmegaConf

from rl_intdim.config.catalogue import shipped, task_node
from rl_intdim.config.schema import VECTORISATIONS, Task

# Keys of the game that is played. Of `vector`, only whether it is ALE; the others play the same episodes.
GAME = ("kwargs", "wrappers", "max_episode_steps", "vector", "sticky")
SCORED = ("threshold", "goal", *GAME, "statistics")  # those that a score depends on, besides id


def unlike_catalogue(task: Task) -> list[str]:
    """The SCORED keys, with their values, in which a task differs from the catalogue's of its id, such as a lower
    threshold, which is easier to reach. Of several such tasks the one of its name counts, else the most similar one.
    Empty if they agree, or the catalogue has no task with this id."""
    same_id = [other for other in _catalogue() if other["id"] == task.id]
    namesakes = [other for other in same_id if other["name"] == task.name]
    return min((_unlike(task, other, SCORED) for other in namesakes or same_id), key=len, default=[])


def borrowed_threshold(task: Task) -> str | None:
    """A note for a task that has the threshold of the catalogue's task of its name, from there, and other keys of the
    GAME."""
    keys = ("name", "id", "threshold", "threshold_source")  # the source of one that the user gives is another
    mine = [getattr(task, key) for key in keys]
    namesake = next((other for other in _catalogue() if [other[key] for key in keys] == mine), None)
    changed = _unlike(task, namesake, GAME) if namesake else []
    if not changed:
        return None
    return (
        f"Note: env.threshold={task.threshold:g} is that of the catalogue's {task.name}, and here "
        f"{'; '.join(changed)}. Give env.threshold=... if that changes what an episode can score."
    )


def _catalogue() -> list[dict[str, Any]]:
    return [OmegaConf.to_container(task_node(path)) for path in sorted(shipped("envs").glob("*.yaml"))]  # type: ignore[misc]


def _unlike(task: Task, other: dict[str, Any], keys: Sequence[str]) -> list[str]:
    mine = asdict(task)
    given = [key for key in keys if other[key] != MISSING]  # a file may leave the threshold open
    return [
        # Statistics are hundreds of numbers.
        f"other {key}" if key == "statistics" else f"{key}={mine[key]}, not {other[key]}"
        for key in given
        if _judged(key, mine[key]) != _judged(key, other[key])
    ]


def _judged(key: str, value: Any) -> Any:
    if key == "statistics":  # where they come from is a text
        return value | {"source": ""}
    return VECTORISATIONS[value].ale if key == "vector" else value
