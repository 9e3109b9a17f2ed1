"""The --help page of a command: its keys by group, each with its value, its help line and what is valid."""

import textwrap
from dataclasses import fields, is_dataclass
from typing import Any

from omegaconf import DictConfig, ListConfig, OmegaConf

from rl_intdim.config import keys
from rl_intdim.config import schema as cfg
from rl_intdim.config.compose import COMMANDS, GROUPS, Names
from rl_intdim.config.overrides import literal

WIDTH = 80  # columns of a terminal
LONGEST = 40  # characters of the longest value shown whole
USAGE = """\
Usage: rl-intdim {name} [KEY=VALUE ...] [OPTION ...]

{about}

  -m, --multirun     run every combination of the values: agent=cma,ppo
  --cfg job          show the configuration and stop
  --config-dir DIR   read tasks in DIR/envs and agents in DIR/agents too
  --help, --version
"""


def page(name: str, about: str, node: DictConfig, names: Names) -> str:
    """The help of a command, with the values in its composed configuration `node`."""
    out = [USAGE.format(name=name, about=_wrapped(about, ""))]
    schema, parts = COMMANDS[name], []
    if issubclass(schema, cfg.Command):
        out += [f"{group}=  {', '.join(names[group])}" for group in GROUPS if group in node]
        out = [out[0], *(_wrapped(line, "  ", " " * 11) for line in out[1:]), ""]
    for item in fields(schema):
        if (key := keys.of(item)) and isinstance(node._get_node(item.name), DictConfig):
            parts.append((item.name, key.help))
        elif key:
            out.append(_entry(item.name, node._get_node(item.name), key))
    for part, help in parts:
        child: Any = node._get_node(part)
        out += ["", f"{part} ({help})", *_group(part, OmegaConf.get_type(child), child)]
    return "\n".join(out)


def _group(prefix: str, schema: Any, node: DictConfig) -> list[str]:
    """The entries of a group and of the groups in it."""
    out = []
    for item in fields(schema):
        name, child, key = f"{prefix}.{item.name}", node._get_node(item.name), keys.of(item)
        inner = OmegaConf.get_type(child) if isinstance(child, DictConfig) else None
        if is_dataclass(inner):
            out += _group(name, inner, child)  # type: ignore[arg-type]
        elif key:
            out.append(_entry(name, child, key))
    return out


def _entry(name: str, node: Any, key: keys.Key) -> str:
    about = f"{key.help}; {key.bounds()}" if key.bounds() and not key.choices else key.help
    if key.choices and not all(choice in key.help for choice in key.choices):
        about += f"; {key.bounds()}"
    return f"  {name}={_value(node)}\n{_wrapped(about, ' ' * 6)}"


def _value(node: Any) -> str:
    if node._is_missing():
        return "(required)"
    if isinstance(node, DictConfig | ListConfig):
        text = "null" if node._is_none() else literal(OmegaConf.to_container(node))
    else:
        value = node._value()
        text = value if isinstance(value, str) else literal(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def _wrapped(text: str, indent: str, following: str | None = None) -> str:
    return textwrap.fill(
        text, WIDTH, initial_indent=indent, subsequent_indent=following or indent, break_long_words=False
    )
