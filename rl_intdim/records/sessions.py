"""sessions.jsonl: what the trials of a run folder were made with, a line whenever that has changed.

A sweep may go on weeks later: with other versions, on another machine, or with an environment that was edited.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from rl_intdim.config.schema import EvolutionAgent, GradientAgent, SweepConfig
from rl_intdim.files import append_line
from rl_intdim.records.provenance import commit, versions

NAME = "sessions.jsonl"


@dataclass(frozen=True)
class Session:
    """One line."""

    after: int  # trials that were in the folder when it began
    versions: dict[str, str]
    code: dict[str, str]  # digests, by module
    commit: str | None = None

    @property
    def made_with(self) -> dict[str, str]:
        """What trials depend on, by name; not the commit, which documentation changes too."""
        return self.versions | {f"code of {name}": digest for name, digest in self.code.items()}


def begin(folder: Path, config: SweepConfig) -> None:
    """Record what the next trials are made with, if that has changed."""
    code = {name: _digest(files) for name, files in own_code(config)}
    code["rl_intdim"] = _digest(sorted(Path(__file__).parents[1].rglob("*.py")))
    known, now = _read(folder), Session(_trials(folder), versions(), code, commit())
    if not known or known[-1].made_with != now.made_with:
        append_line(folder / NAME, json.dumps(asdict(now)))


def notes(folder: Path) -> list[str]:
    """What a reader of the result must know: what was not the same for all trials, or is not recorded."""
    sessions = _read(folder)
    if not sessions:
        return []
    ends = [*(s.after for s in sessions[1:]), _trials(folder)]
    made = [s.made_with for s, end in zip(sessions, ends, strict=True) if end > s.after]
    told = []
    if made and (first := sessions[0].after):
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
        file = Path(spec.origin) if spec and spec.origin else None
        if spec and file and not any(file.is_relative_to(prefix) for prefix in (sys.prefix, sys.base_prefix)):
            folders = spec.submodule_search_locations or []
            yield name, sorted(part for top in folders for part in Path(top).rglob("*.py")) or [file]


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"".join(file.read_bytes() for file in files if file.is_file())).hexdigest()[:12]


def _trials(folder: Path) -> int:
    path = folder / "trials.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _read(folder: Path) -> list[Session]:
    """The lines of the file; one that is not a session does not count."""
    path, out = folder / NAME, []
    for line in path.read_bytes().splitlines() if path.exists() else []:
        with suppress(msgspec.DecodeError):
            out.append(msgspec.json.decode(line, type=Session))
    return out
