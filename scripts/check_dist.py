"""What is in dist/, and does it run? Looks into both files, installs the wheel into a clean environment, and sweeps.

    python -m build && python scripts/check_dist.py                             # what `make dist` does
    python scripts/check_dist.py --python python3.12 python3.13                 # with other interpreters
    python scripts/check_dist.py --python                                       # only what is in the files

The environment knows no checkout: it is made in a temporary folder, and the sweep starts in an empty one.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory

from rl_intdim import __version__

ROOT = Path(__file__).resolve().parents[1]
NAME = f"rl_intdim-{__version__}"
SWEEP = ["env.budget=20_000", "search.ds=[2,8]", "search.seeds=2", "search.direct=1", "workers=2", "out=run"]
CATALOGUE = [f"{kind}/{path.name}" for kind in ("agents", "envs") for path in sorted((ROOT / kind).glob("*.yaml"))]
SOURCES = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "CITATION.cff", "LICENSE", "Makefile", "constraints.txt",
           "pyproject.toml", "docs/conf.py", "docs/index.md", "docs/tutorial.ipynb", "docs/results.md",
           "tests/conftest.py", "scripts/fill_docs.py"]  # fmt: skip
RELATIVE = re.compile(r"\]\((?!https?:)[^)]*\)")  # a Markdown link to a file that a package index does not have


def lacking(have: Iterable[str], want: Iterable[str]) -> list[str]:
    return sorted(set(want) - set(have))


def check_wheel(path: Path) -> list[str]:
    """What is wrong with a wheel, a line each."""
    metadata = f"{NAME}.dist-info/METADATA"
    with zipfile.ZipFile(path) as wheel:
        names = wheel.namelist()
        description = wheel.read(metadata).decode() if metadata in names else ""
    wanted = [metadata, *(f"rl_intdim/data/{name}" for name in CATALOGUE)]
    wrong = [f"{path.name}: no {name}" for name in lacking(names, wanted)]
    tops = {name.split("/")[0] for name in names} - {"rl_intdim", f"{NAME}.dist-info"}
    wrong += [f"{path.name}: {name} is no part of the package" for name in sorted(tops)]
    return wrong + [f"{path.name}: its description has a relative link: {x}" for x in RELATIVE.findall(description)]


def check_sdist(path: Path) -> list[str]:
    """What is wrong with an sdist, a line each."""
    with tarfile.open(path) as archive:
        names = [name.removeprefix(f"{NAME}/") for name in archive.getnames()]
    wrong = [f"{path.name}: no {name}" for name in lacking(names, [*SOURCES, *CATALOGUE])]
    return wrong + [f"{path.name}: {name} was built" for name in names if name.startswith("docs/_build")]


def check_runs(wheel: Path, python: str) -> str:
    """Install the wheel into a clean environment, and sweep from an empty folder; what the sweep found. Raises
    CalledProcessError where a command fails."""
    clean = {key: value for key, value in os.environ.items() if key not in ("PYTHONPATH", "VIRTUAL_ENV")}
    clean["PIP_CONSTRAINT"] = str(ROOT / "constraints.txt")
    with TemporaryDirectory() as folder:
        home, empty = Path(folder) / "venv", Path(folder) / "empty"
        empty.mkdir()
        if python == sys.executable:
            venv.create(home, with_pip=True, symlinks=True)
        else:
            subprocess.run([python, "-m", "venv", home], check=True, env=clean)
        inside = home / "bin/python"
        for command in (["pip", "install", "--quiet", "torch"], ["pip", "install", "--quiet", wheel.resolve()]):
            subprocess.run([inside, "-m", *command], check=True, env=clean, cwd=empty)
        subprocess.run([inside, "-m", "rl_intdim.sweep", *SWEEP], check=True, env=clean, cwd=empty)
        result = json.loads((empty / "run/result.json").read_text(encoding="utf-8"))
        version = result["versions"]["python"]
        return f"Python {version}: {result['trials']} trials, d_int {result['d_int']} {result['ci95']}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--python", nargs="*", default=[sys.executable], help="interpreters to install the wheel into"
    )
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    arguments = parser.parse_args()
    wheel, sdist = arguments.dist / f"{NAME}-py3-none-any.whl", arguments.dist / f"{NAME}.tar.gz"
    if wrong := [*check_wheel(wheel), *check_sdist(sdist)]:
        raise SystemExit("\n".join(wrong))
    print(f"{wheel.name}, {sdist.name}: whole")
    for python in arguments.python:
        print(check_runs(wheel, python))


if __name__ == "__main__":
    main()
