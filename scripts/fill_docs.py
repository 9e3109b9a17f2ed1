"""Fill the figures of README.md and of the pages in docs/ from the records, the catalogue and the schema.

    python scripts/fill_docs.py            # write what has changed, and name it; `make figures`
    python scripts/fill_docs.py --check    # write nothing; exit status 1 if a page is not what this gives

A page marks where a figure stands, and what gives it is a function in FILLERS:

    <!-- fill: tasks -->
    ...the table...
    <!-- /fill -->

or, within a sentence, `<!-- fill: value calibration/calibration.json trials/0.5 -->42<!-- /fill -->`, which must not
stand first in its line: to Markdown a line that starts with a comment is HTML.
"""

import argparse
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import docs_benchmarks
import docs_catalogue
import docs_results

from rl_intdim.files import write_whole

ROOT = Path(__file__).resolve().parents[1]
MARK = re.compile(r"(<!-- fill: (?P<call>.+?) -->)(?P<text>.*?)(<!-- /fill -->)", re.DOTALL)
OPEN = re.compile(r"<!-- fill: ")

FILLERS: dict[str, Callable[..., str]] = {
    "value": docs_benchmarks.value,
    "ladder": docs_results.ladder_table,
    "harder": docs_results.harder_tables,
    "cost": docs_results.cost_table,
    "without_record": docs_results.without_record,
    "without_answer": docs_results.without_answer,
    "side_by_side": docs_results.side_by_side,
    "told_apart": docs_results.told_apart,
    "shares": docs_results.shares_table,
    "pairs_apart": docs_results.pairs_apart,
    "paper": docs_results.paper_table,
    "trials": docs_results.trials_of,
    "commands": docs_results.commands_of,
    "output": docs_results.output,
    "solutions": docs_results.solution_table,
    "statuses": docs_results.statuses,
    "tasks": docs_catalogue.tasks_table,
    "thresholds": docs_catalogue.thresholds_table,
    "agents": docs_catalogue.agents_table,
    "keys": docs_catalogue.keys_table,
    "calibration": docs_benchmarks.calibration_table,
    "shapes": docs_benchmarks.shapes_table,
    "grids": docs_benchmarks.grids_table,
    "evolution": docs_benchmarks.evolution_table,
    "evolution_on_two_cores": docs_benchmarks.evolution_on_two_cores,
    "evolution_shares": docs_benchmarks.evolution_shares,
    "training": docs_benchmarks.training_table,
    "gpu": docs_benchmarks.gpu_table,
    "projections": docs_benchmarks.projections_table,
    "rounds": docs_benchmarks.rounds_table,
    "counts": docs_benchmarks.counts_table,
    "freeze_thaw": docs_benchmarks.freeze_thaw_table,
    "growing": docs_benchmarks.growing_table,
    "prior": docs_benchmarks.prior_table,
    "statistics": docs_benchmarks.statistics_table,
    "source": lambda path: f"```python\n{(ROOT / path).read_text(encoding='utf-8')}```",
}


def pages(root: Path = ROOT) -> list[Path]:
    """Every page that may hold a mark."""
    return [root / "README.md", *sorted((root / "docs").rglob("*.md"))]


def filled(text: str, fillers: dict[str, Callable[..., str]], page: str = "page") -> str:
    """A page's text with every mark filled. Raises ValueError for a mark that is not closed, not known, or first
    in a line of text."""

    def fill(mark: re.Match[str]) -> str:
        name, *words = shlex.split(mark["call"])
        if name not in fillers:
            raise ValueError(f"{page}: `fill: {mark['call']}`: not known. Valid: {', '.join(sorted(fillers))}.")
        if OPEN.search(mark["text"]):
            raise ValueError(f"{page}: `fill: {mark['call']}` is not closed by <!-- /fill -->.")
        if "\n" not in mark["text"] and text[: mark.start()].endswith("\n"):
            raise ValueError(f"{page}: `fill: {mark['call']}` stands first in its line. Put a word before it.")
        inside = fillers[name](*words).strip("\n")
        return f"{mark[1]}\n\n{inside}\n\n{mark[4]}" if "\n" in mark["text"] else f"{mark[1]}{inside}{mark[4]}"

    out = MARK.sub(fill, text)
    if len(OPEN.findall(text)) != len(MARK.findall(text)):
        raise ValueError(f"{page}: a `fill:` is not closed by <!-- /fill -->.")
    return out


def changes(root: Path = ROOT) -> Iterator[tuple[Path, bytes]]:
    """The files that are not what the records give, and what they are to hold."""
    for page in pages(root):
        text = page.read_text(encoding="utf-8")
        if (new := filled(text, FILLERS, str(page.relative_to(root)))) != text:
            yield page, new.encode()
    for path, (is_fresh, make) in docs_results.WHOLE.items():
        if not is_fresh(root / path):
            yield root / path, make()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit status 1 if a page is not fresh")
    check = parser.parse_args().check
    stale = list(changes())
    for path, content in stale:
        print(f"{path.relative_to(ROOT)}: {'not what the records give; run `make figures`' if check else 'written'}")
        if not check:
            write_whole(path, content)
    if check and stale:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
