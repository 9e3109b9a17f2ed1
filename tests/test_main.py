"""`rl-intdim` and `python -m rl_intdim`: the commands as subcommands, their help, and the catalogue."""

import ast
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import factories
import pytest

import rl_intdim
from rl_intdim import __main__ as entry
from rl_intdim.config import catalogue, cli
from rl_intdim.config.identity import dotted

ROOT = Path(rl_intdim.__file__).parent
PROGRAMS = [name for name in entry.COMMANDS if name not in ("tasks", "agents")]


def run(monkeypatch, capsys, *words):
    """Exit status, standard output and standard error of rl-intdim in this process."""
    monkeypatch.setattr(sys, "argv", ["rl-intdim", *words])
    status = 0
    try:
        entry.main()
    except SystemExit as stop:
        status = stop.code or 0
    said = capsys.readouterr()
    return status, said.out, said.err


def test_help_lists_every_command_in_its_own_words(monkeypatch, capsys):
    status, out, _ = run(monkeypatch, capsys, "--help")
    assert status == 0
    for name in PROGRAMS:
        assert name in out
        first = ast.get_docstring(ast.parse((ROOT / f"{name}.py").read_text())).splitlines()[0]
        assert entry.COMMANDS[name] in first


def test_python_m_rl_intdim_is_the_same():
    done = subprocess.run([sys.executable, "-m", "rl_intdim", "--version"], capture_output=True, text=True)
    assert done.stdout == f"rl_intdim {rl_intdim.__version__}\n"


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_command_has_help_and_our_version(monkeypatch, capsys, name):
    status, out, err = run(monkeypatch, capsys, name, "--help")
    assert (status, err) == (0, "")
    assert len(out) > 200
    assert run(monkeypatch, capsys, name, "--version") == (0, f"rl_intdim {rl_intdim.__version__}\n", "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_python_m_of_every_command(name):
    """A real process: what only `main` does, on the way to the command, and the file's last line that calls it."""
    done = factories.run(name, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"rl_intdim {rl_intdim.__version__}\n", "")


@pytest.mark.parametrize(("env", "agent"), [("Pong", "ppo"), ("CartPole", "cma"), ("Humanoid", "sac")])
def test_help_shows_every_key_with_its_value_in_a_pagers_width(monkeypatch, capsys, env, agent):
    _, out, _ = run(monkeypatch, capsys, "sweep", "--help", f"env={env}", f"agent={agent}")
    config = cli.load("sweep", [f"env={env}", f"agent={agent}"])
    for key in dotted(asdict(config)):
        if not any(part in key for part in ("settings.", "critic.", "kwargs.", "defaults")):
            assert f"\n  {key}=" in out, key
    assert f"env.budget={config.env.budget}" in out
    assert max(map(len, out.splitlines())) <= 80


def test_help_of_what_a_user_must_give(monkeypatch, capsys):
    _, out, _ = run(monkeypatch, capsys, "play", "--help")
    assert "solution=(required)" in out
    _, out, _ = run(monkeypatch, capsys, "sweep", "--help", "env=gym")
    assert "env.id=(required)" in out


@pytest.mark.parametrize(("word", "kind"), [("tasks", "envs"), ("agents", "agents")])
def test_the_catalogue_says_what_each_is_for(monkeypatch, capsys, word, kind):
    Path("mine", kind).mkdir(parents=True)
    Path("mine", kind, "Mine.yaml").write_text("# What mine is\n# for.\nid: CartPole-v1\n")
    _, out, _ = run(monkeypatch, capsys, word, "--config-dir", "mine")
    for name, path in catalogue.files(kind).items():
        assert f"{name}\n    " in out
        assert len(catalogue.about(path)) > 20, name
    assert "Mine\n    What mine is for.\n" in out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["sweeep"], "error: sweeep: no such command. Did you mean sweep?"),
        (["tasks", "env=Pong"], "takes no word but --config-dir"),
        (["sweep", "env=Pon"], "Did you mean Pong?"),
        (["sweep", "--help", "env=Pon"], "Did you mean Pong?"),
    ],
)
def test_a_mistake_is_one_line(monkeypatch, capsys, words, says):
    status, out, err = run(monkeypatch, capsys, *words)
    assert (status, out, err.count("\n")) == (2, "", 1)
    assert says in err


@pytest.mark.parametrize("words", [["tasks"], ["agents"], ["sweep", "--help"]])
def test_a_reader_that_stops_reading_is_no_error(words):
    program = [sys.executable, "-m", "rl_intdim", *words]
    with subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()  # before anything is written
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_help_needs_no_torch():
    code = (
        "import sys\nfrom rl_intdim import __main__ as entry\nsys.argv[1:] = ['sweep', '--help']\nentry.main()\n"
        "print('torch' in sys.modules, 'gymnasium' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr == "False False\n"


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        ("rl-intdim ", set(entry.COMMANDS)),
        ("rl-intdim sw", set(entry.COMMANDS)),  # the shell keeps those that begin so
        ("rl-intdim sweep env=Ca", {"env=CartPole", "env=CartPole200"}),
        ("rl-intdim sweep env=CartPole search.max_t", {"search.max_trials="}),
        ("rl-intdim train agent=pp", {"agent=ppo"}),
        ("rl-intdim play so", {"solution="}),
        ("rl-intdim compare ru", set()),  # the shell completes file names
    ],
)
def test_the_shell_completes_words(monkeypatch, capsys, line, offered):
    monkeypatch.setenv("COMP_LINE", line)
    status, out, err = run(monkeypatch, capsys, "-sc", "query=bash")
    assert (status, err) == (0, "")
    assert set(out.split()) == offered


def test_the_shell_is_told_to_complete_the_command(monkeypatch, capsys):
    status, out, _ = run(monkeypatch, capsys, "-sc", "install=bash")
    assert status == 0
    assert out.rstrip().endswith("-F hydra_bash_completion rl-intdim")
