"""The tutorial: it runs from its first cell to its last, and its outputs are committed."""

import nbformat
import pytest
from run_tutorial import NOTEBOOK, execute


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # of Jupyter's own
def test_the_tutorial_runs(tmp_path):
    done = execute(tmp_path)
    assert (tmp_path / "runs/cma/solution.json").exists()
    played = next(cell for cell in done.cells if "solution.returns" in cell.source)
    assert "20 fresh episodes" in played.outputs[0].text


def test_the_committed_outputs_are_of_one_run_in_order():
    cells = [cell for cell in nbformat.read(NOTEBOOK, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error"]
    assert all(sum(o.output_type != "stream" for o in cell.outputs) <= 1 for cell in cells)  # shown once
    assert any("image/png" in output.get("data", {}) for output in outputs)
