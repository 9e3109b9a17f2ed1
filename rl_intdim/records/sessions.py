"""sessions.jsonl: what the trials of a run folder were made with, a line whenever that has changed.

A sweep may go on weeks later: with other versions, on another machine, or with an environment that was edited.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from rl_intdim.config.schema import EvolutionAgent, GradientAgent, SweepConfig
from rl_intdim.files import append_line
from rl_intdim.records.provenance import commit, versions

NAME = "sessions.jsonl"
AFTER = "after"  # trials that were in the folder when the session began
PACKAGE = "rl_intdim"


def begin(folder: Path, config: SweepConfig) -> None:
    """Record what the next trials are made with, if that has changed."""
    code = {name: _digest(files) for name, files in own_code(config)}
    code[PACKAGE] = _digest(sorted(Path(__file__).parents[1].rglob("*.py")))
    known, now = _read(folder), {"versions": versions(), "code": code}
    if not known or _made_with(known[-1]) != _made_with(now):
        append_line(folder / NAME, json.dumps({AFTER: _trials(folder), "commit": commit(), **now}))


def notes(folder: Path) -> list[str]:
    """What a reader of the result must know: what was not the same for all trials, or is not recorded."""
    sessions = _read(folder)
    if not sessions:
        return []
    ends = [*(s[AFTER] for s in sessions[1:]), _trials(folder)]
    made = [_made_with(s) for s, end in zip(sessions, ends, strict=True) if end > s[AFTER]]
    told = []
    if made and (first := sessions[0][AFTER]):
        told.append(f"what the first {first} trials were made with is not recorded.")
    values = {key: list(dict.fromkeys(m[key] for m in made if key in m)) for m in made for key in m}
    if mixed := [f"{key} ({', '.join(several)})" for key, several in values.items() if len(several) > 1]:
        told.append(f"the trials were not all made with the same {', '.join(mixed)}; see sessions.jsonl.")
    return told


def own_code(config: SweepConfig) -> Iterator[tuple[str, list[Path]]]:
    """The modules that the configuration names and that are not installed: name, and its file or its package's."""
    agent = config.agent
    paths = [config.env.id.partition(":")[0] + "." if ":" in config.env.id else "", *config.env.wrappers]
    paths += [agent.algorithm, agent.policy] if isinstance(agent, GradientAgent) else []
    paths += [agent.strategy] if isinstance(agent, EvolutionAgent) else []
    for name in sorted({path.partition(".")[0] for path in [*paths, config.subspace.projection] if "." in path}):
        try:
            spec = find_spec(name)
        except (ImportError, ValueError):
            continue
        if (
            spec
            and spec.origin
            and not any(Path(spec.origin).is_relative_to(p) for p in (sys.prefix, sys.base_prefix))
        ):
            folders = spec.submodule_search_locations or []
            yield name, sorted(file for top in folders for file in Path(top).rglob("*.py")) or [Path(spec.origin)]


def _made_with(session: dict[str, Any]) -> dict[str, str]:
    """The values of a session that trials depend on, by name; not the commit, which documentation changes too."""
    return session["versions"] | {f"code of {name}": digest for name, digest in session["code"].items()}


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()[:12]


def _trials(folder: Path) -> int:
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _read(folder: Path) -> list[dict[str, Any]]:
    """The lines of the file; one that is not a session does not count."""
    out = []
    for line in (folder / NAME).read_bytes().splitlines() if (folder / NAME).exists() else []:
        try:
            session = json.loads(line)
            int(session[AFTER]), _made_with(session)
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
        out.append(session)
    return out
