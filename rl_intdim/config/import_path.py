"""Objects by their import path, as a configuration names them."""

from importlib import import_module
from typing import Any

from rl_intdim.errors import ConfigError, choices, one_line


def load(path: str, key: str) -> Any:
    """The object at an import path such as gymnasium.wrappers.FlattenObservation, or a ConfigError."""
    module, _, name = path.rpartition(".")
    try:
        found = import_module(module)
        if hasattr(found, name):  # a module may import more only now
            return getattr(found, name)
    except (ImportError, ValueError) as error:
        raise ConfigError(f"{key}={path}: cannot be imported: {one_line(error)}") from None
    raise ConfigError(f"{key}={path}: {module} has no {name!r}. {choices(name, _public(found))}")


def _public(module: Any) -> list[str]:
    return [n for n in dir(module) if n[:1].isupper()]
