"""Import an object by the path that a configuration names."""

from importlib import import_module
from typing import Any

from rl_intdim.errors import ConfigError, choices, one_line

EXTRAS = {"sb3_contrib": "contrib"}  # package -> the extra of this one that brings it


def load(path: str, key: str) -> Any:
    """The object at an import path such as gymnasium.wrappers.FlattenObservation. Raises a ConfigError that names
    `key` if there is none."""
    module, _, name = path.rpartition(".")
    try:
        imported = import_module(module)
        if hasattr(imported, name):  # within the try, since a lazy module may import more here
            return getattr(imported, name)
    except ModuleNotFoundError as error:
        if error.name == (package := path.partition(".")[0]):
            raise ConfigError(f"{key}={path}: there is no package {package} here. {remedy(package)}") from None
        raise ConfigError(f"{key}={path}: cannot be imported: {one_line(error)}") from None
    except (Exception, SystemExit) as error:  # a module of the user's own may raise anything
        raise ConfigError(f"{key}={path}: cannot be imported: {one_line(error, named=True)}") from None
    raise ConfigError(f"{key}={path}: {module} has no {name!r}. {choices(name, _public(imported))}")


def remedy(package: str) -> str:
    """How to get a package; a module of the user's own is found beside a script, but not by an installed command."""
    if extra := EXTRAS.get(package):
        return f'pip install "rl_intdim[{extra}]".'
    return f"Install it; or if it is your own {package}.py, name its folder: PYTHONPATH=FOLDER rl-intdim ..."


def _public(module: Any) -> list[str]:
    return [n for n in dir(module) if n[:1].isupper()]
