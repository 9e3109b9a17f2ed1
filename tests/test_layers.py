"""Imports run one way: each package imports from those below it, never from one beside it."""

import ast
from pathlib import Path

import pytest

import rl_intdim

ROOT = Path(rl_intdim.__file__).parent
LEVELS = [
    {"errors"},
    {"config", "files", "child_process"},
    {"search", "subspace", "tasks"},
    {"training", "records"},
    {"runners", "solution", "analysis"},
    {"sweep", "train", "compare", "report", "play", "compress", "export"},
    {"api", "atlas", "__main__"},
]
LEVEL = {name: i for i, names in enumerate(LEVELS) for name in names}
BESIDE = {("analysis", "records"), ("config", "files")}  # no level is crossed upwards by these
HEAVY = {"torch", "gymnasium", "matplotlib", "stable_baselines3", "plotly", "pandas", "ray"}


def imports(path: Path) -> set[str]:
    """The modules of this package that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("rl_intdim"):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.startswith("rl_intdim")}
    return found


@pytest.mark.parametrize("path", sorted(ROOT.rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_run_one_way(path):
    home = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if home == "__init__":
        return
    assert home in LEVEL, f"{home} has no level: give it one in this file and in the design"
    for name in imports(path):
        other = name.split(".")[1]
        if other != home and other in LEVEL:
            below = LEVEL[other] < LEVEL[home] or (home, other) in BESIDE
            assert below, f"{path.relative_to(ROOT)} imports {name}"


def test_the_search_is_pure_numpy():
    for path in (ROOT / "search").glob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        modules = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
        modules |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert not {m.split(".")[0] for m in modules} & HEAVY, path.name
