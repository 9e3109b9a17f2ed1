"""sessions.jsonl: what the trials of a run folder were made by, a line for each session in which that is new.

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


def begin(folder: Path, config: SweepConfig) -> None:
    """Note by what the next trials are made, unless the last ones were made by the same."""
    now = {**versions(), "commit": commit(), **{module: _digest(path) for module, path in own_code(config)}}
    known = _read(folder)
    if not known or {**known[-1], AFTER: 0} != {**now, AFTER: 0}:
        append_line(folder / NAME, json.dumps({AFTER: _trials(folder), **now}))


def mixed(folder: Path) -> list[str]:
    """What was not the same for all trials, such as `torch (2.12.0, 2.13.0)`."""
    sessions = _read(folder)
    ends = [*(s[AFTER] for s in sessions[1:]), _trials(folder)]
    made = [s for s, end in zip(sessions, ends, strict=True) if end > s[AFTER]] if sessions else []
    values = {key: list(dict.fromkeys(str(s.get(key)) for s in made)) for s in made for key in s if key != AFTER}
    return [f"{key} ({', '.join(several)})" for key, several in values.items() if len(several) > 1]


def own_code(config: SweepConfig) -> Iterator[tuple[str, Path]]:
    """The modules that the configuration names and that are no installed package: name and file."""
    agent = config.agent
    paths = [config.env.id.partition(":")[0] + "." if ":" in config.env.id else "", *config.env.wrappers]
    paths += [agent.algorithm, agent.policy] if isinstance(agent, GradientAgent) else []
    paths += [agent.strategy] if isinstance(agent, EvolutionAgent) else []
    for module in sorted({path.rpartition(".")[0] for path in [*paths, config.subspace.projection]} - {""}):
        try:
            spec = find_spec(module)
        except (ImportError, ValueError):
            continue
        file = Path(spec.origin) if spec and spec.origin else None
        installed = any(file and file.is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix))
        if file and file.is_file() and not installed:
            yield module, file


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def _trials(folder: Path) -> int:
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _read(folder: Path) -> list[dict[str, Any]]:
    """The lines of the file; one that is not a session does not count."""
    out = []
    for line in (folder / NAME).read_bytes().splitlines() if (folder / NAME).exists() else []:
        try:
            session = json.loads(line)
            out += [session] if isinstance(session, dict) and isinstance(session.get(AFTER), int) else []
        except ValueError:
            continue
    return out
