"""What is looked for in a wheel and in an sdist."""

import tarfile
import zipfile

import check_dist


def test_a_wheel_without_a_task_or_with_a_stranger_is_not_whole(tmp_path):
    path = tmp_path / "a.whl"
    names = [f"rl_intdim/data/{name}" for name in check_dist.CATALOGUE]
    with zipfile.ZipFile(path, "w") as wheel:
        for name in [*names[1:], "tests/__init__.py"]:
            wheel.writestr(name, "")
        wheel.writestr(f"{check_dist.NAME}.dist-info/METADATA", "[Start](docs/start.md), [Hydra](https://hydra.cc)")
    assert check_dist.check_wheel(path) == [
        f"a.whl: no {names[0]}",
        "a.whl: tests is no part of the package",
        "a.whl: its description has a relative link: ](docs/start.md)",
    ]


def test_an_sdist_without_a_page_or_with_a_built_site_is_not_whole(tmp_path):
    path, empty = tmp_path / "a.tar.gz", tmp_path / "empty"
    empty.touch()
    with tarfile.open(path, "w:gz") as archive:
        for name in [*check_dist.SOURCES, *check_dist.CATALOGUE, "docs/_build/html/index.html"]:
            if name != "docs/index.md":
                archive.add(empty, f"{check_dist.NAME}/{name}")
    assert check_dist.check_sdist(path) == [
        "a.tar.gz: no docs/index.md",
        "a.tar.gz: docs/_build/html/index.html was built",
    ]
