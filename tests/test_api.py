"""The sweep from Python."""

import subprocess
import sys
from pathlib import Path

import nbformat
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from nbclient import NotebookClient
from rich.console import Console

import rl_intdim
from rl_intdim.config import overrides
from rl_intdim.errors import ConfigError

WORDS = ["env.budget=2000", "search.ds=[1,4]", "search.seeds=2", "search.direct=1"]


def test_a_sweep_in_a_notebook():
    result = rl_intdim.intrinsic_dimension(*WORDS, env="CartPole", agent="cma", workers=0)
    assert result.status in ("found", "undecided", "above_max")
    assert result.ci95 == tuple(result.summary["ci95"])
    assert len(result.trials) == 5
    assert set(result.trials.d) == {1, 4, "direct"}
    figure = result.plot()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 3
    assert "CartPole by cma: d_int" in repr(result)
    assert "Intrinsic dimension of CartPole" in result._repr_html_()
    console = Console(record=True, width=90)
    console.print(result)
    assert "95 % interval" in console.export_text()
    again = rl_intdim.intrinsic_dimension(*WORDS, workers=0)  # resumed: nothing is run anew
    assert again.trials.equals(result.trials)


def test_a_folder_of_ones_own_tasks_is_a_word_of_the_command_line_too():
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Pole.yaml").write_text("# A pole.\nid: CartPole-v1\nagent: cma\nthreshold: 5\nbudget: 2000\n")
    result = rl_intdim.intrinsic_dimension("--config-dir", "mine", "search.direct=0", env="Pole", workers=0)
    assert (result.record.env, result.status) == ("Pole", "below_1")


def test_a_mistake_is_an_exception():
    with pytest.raises(ConfigError, match="Did you mean CartPole"):
        rl_intdim.intrinsic_dimension(env="CartPol")
    with pytest.raises(AttributeError, match="intrinsic_dimensions"):
        rl_intdim.intrinsic_dimensions  # noqa: B018


@pytest.mark.parametrize(
    ("values", "read"),
    [
        ({"workers": None}, lambda c: c.workers is None),
        ({"search": {"max_trials": 40, "ds": None}}, lambda c: c.search.max_trials == 40),
        ({"search.ds": (1, 4)}, lambda c: c.search.ds == [1, 4]),
        ({"search.ds": range(1, 3)}, lambda c: c.search.ds == [1, 2]),
        ({"search.ds": np.array([2, 8])}, lambda c: c.search.ds == [2, 8]),
        ({"env.budget": 1e5}, lambda c: c.env.budget == 100_000),
        ({"env.threshold": np.float32(12.5)}, lambda c: c.env.threshold == 12.5),
        ({"out": Path("a b", "c,d")}, lambda c: c.out == "a b/c,d"),
        ({"out": "it's (#1), ~said\\"}, lambda c: c.out == "it's (#1), ~said\\"),
        ({"out": "null"}, lambda c: c.out == "null"),
        ({"env.vector": "slots", "env.kwargs": {"sutton_barto_reward": True}},
         lambda c: c.env.kwargs == {"sutton_barto_reward": True}),
        ({"agent": "ppo", "agent.settings": {"n_steps": 8}}, lambda c: c.agent.settings["n_steps"] == 8),
        ({"env": "Pong"}, lambda c: c.agent.name == "ppo"),
        ({"env": {"name": "Acrobot", "budget": 9000}}, lambda c: (c.env.id, c.env.budget) == ("Acrobot-v1", 9000)),
        ({"agent": {"name": "ppo"}, "search": {"name": "grid"}},
         lambda c: (c.agent.trainer, c.search.grid) == ("gradient", 22)),
        ({"dry_run": True}, lambda c: c.dry_run is True),
    ],
)  # fmt: skip
def test_any_python_value_of_the_keys_type(monkeypatch, values, read):
    seen = []
    monkeypatch.setattr("rl_intdim.sweep.sweep", lambda config: seen.append(config) or {})
    rl_intdim.intrinsic_dimension(**{"workers": 0} | values)
    assert read(seen[0])


@given(st.text(st.characters(exclude_characters="$", exclude_categories=["C", "Z"]) | st.just(" "), min_size=1))
def test_a_word_survives_its_quotes(text):
    assert overrides.parse(f"out={overrides.literal(text)}").value() == text


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("search.ds=1,2", r"several values for a list\. Write 'search\.ds=\[1,2\]'"),
        ("env.budget=range(1,3)", r"env\.budget=range\(1,3\): several values\."),
    ],
)
def test_several_values_are_refused_with_what_to_write(word, said):
    with pytest.raises(ConfigError, match=said):
        rl_intdim.intrinsic_dimension(word)


def test_a_value_that_no_configuration_holds():
    with pytest.raises(ConfigError, match=r"workers=<object.*a object cannot be a value; valid: numbers"):
        rl_intdim.intrinsic_dimension(workers=object())


QUICK = '"env.budget=2000", "search.ds=[1]", "search.seeds=2", "search.direct=0", workers=2, out="here"'
CALL = f"intrinsic_dimension({QUICK})"
GUARDED = f'from rl_intdim import intrinsic_dimension\n\nif __name__ == "__main__":\n    print({CALL}.status)\n'
UNGUARDED = f"from rl_intdim import intrinsic_dimension\n\ndef main():\n    print({CALL}.status)\n\nmain()\n"


@pytest.mark.parametrize("how", ["file", "stdin"])
def test_a_script_without_a_guard_is_told_what_to_write(how):
    Path("script.py").write_text(UNGUARDED)
    words = ["script.py"] if how == "file" else ["-"]
    done = subprocess.run([sys.executable, *words], input=UNGUARDED, capture_output=True, text=True)
    said = done.stderr.strip().splitlines()[-1]
    assert ("script.py, line 6: workers import the script" if how == "file" else "<stdin>: workers import") in said
    assert 'below a line `if __name__ == "__main__":`, or give workers=0.' in said
    assert done.stderr.count("Traceback") == 1
    assert not Path("here").exists()


def test_a_script_with_a_guard_runs():
    Path("script.py").write_text(GUARDED)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] in ("found", "undecided", "above_max")


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the kernel's own packages
def test_a_real_notebook_needs_no_guard():
    """In a kernel as Jupyter starts it: workers find nothing to import, and need nothing."""
    notebook = nbformat.v4.new_notebook()
    notebook.cells = [
        nbformat.v4.new_code_cell("from rl_intdim import intrinsic_dimension"),
        nbformat.v4.new_code_cell(f"{CALL}.status"),
    ]
    NotebookClient(notebook, timeout=600, kernel_name="python3").execute()
    assert notebook.cells[1].outputs[-1].data["text/plain"] in ("'found'", "'undecided'", "'above_max'")
