"""The page: whole, safe, and opened in a browser where there is one."""

import html
import json
import re
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from factories import argv, record, run
from filelock import FileLock
from markupsafe import escape

from rl_intdim import report
from rl_intdim.analysis import report_page
from rl_intdim.analysis.running_sweep import snapshot, sweep_time_left
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.records import reproduce
from rl_intdim.records.provenance import Provenance
from rl_intdim.records.run_folder import Store
from rl_intdim.records.summary import summarise
from rl_intdim.search.adaptive import largest
from rl_intdim.solution import video
from rl_intdim.solution.smallest import smallest
from rl_intdim.training.progress import ProgressFile

FIRST = "undecided"  # what the made-up trials give: their interval is wide
HOSTILE = "<script>alert(1)</script>\"'&<b>{x}"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome",
                                               "chrome-headless-shell"))), None)  # fmt: skip


def trial(d, seed, solved):
    return record(d, seed, solved, score=480.25 if solved else 20.0, env_steps=300 if solved else 500_000)


def sweep(folder, solves_from=4, words=(), config=None, ds=(0, 0, 0, 0, *[1, 2, 3, 4, 8, 32] * 4), **changes):
    """The folder of a finished sweep whose trials solve from some d on, with made-up trials."""
    config = config or cli.load("sweep", ["agent=cma", "subspace.projection=dense", *words])
    trials = [trial(d, seed, 0 < solves_from <= d) for seed, d in enumerate(ds)]
    trials.append(trial("direct", 500_000, True))
    with Store(Path(folder)).open(config) as store:
        for each in trials:
            store.append(each)
        result = summarise(
            config, 562, largest(config.search, 562), trials, Provenance(command="python -m rl_intdim.sweep")
        )
        store.write_result(replace(result, **changes))
        if best := smallest(config, trials, store.folder):
            best.save(store.folder / "solution.json")
    return Path(folder)


class Tags(HTMLParser):
    """The tags of a page, with their attributes."""

    def __init__(self, text):
        super().__init__()
        self.found = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    one = sweep(folder / "one")
    two = sweep(folder / "two", solves_from=0, words=["agent=random", "search.d_max=2"], ds=[1, 2] * 14)
    return report_page.page([one, two], video.clip)


def test_the_page_fetches_nothing_and_brings_plotly_once(page):
    fetched = [a.get(key) for _, a in Tags(page).found for key in ("src", "href") if key in a]
    assert all(address.startswith("data:") for address in fetched)
    style = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    assert "body {" in style
    assert "@import" not in style
    assert "url(" not in style
    assert 4e6 < len(page) < 7e6


def test_every_sweep_has_its_figure_and_the_ladder_has_all(page):
    ids = [a.get("id") for _, a in Tags(page).found if "plotly-graph-div" in a.get("class", "")]
    assert ids == ["ladder", "sweep-0", "course-sweep-0", "sweep-1", "course-sweep-1"]
    for name in ids:
        assert re.search(rf'Plotly\.newPlot\(\s*"{name}"', page)
    for status in ("found", "undecided", "above_max", "below_1"):
        assert (f'"name":"{status}"' in page) is (status in (FIRST, "above_max"))
    for agent in ("cma", "random"):
        assert f"\\u003cb\\u003eCartPole by {agent}, dense" in page


def test_hover_shows_the_trial_and_the_command_that_runs_it(page):
    command = "python -m rl_intdim.train env=CartPole agent=cma subspace.projection=dense d=8 seed=8"
    assert command in page
    assert "d = 8, seed 8: solved" in page
    assert "score 480.2, 300 env steps" in page


@pytest.mark.parametrize(
    "words",
    [
        ["env=CartPole", "agent=cma", "subspace.projection=sparse", "agent.sigma=0.3"],
        ["env=InvertedPendulum", "agent=ppo", "agent.settings.gamma=0.5", "threads=2"],
        ["env=gym", "env.id=Acrobot-v1", "env.threshold=-100", "++env.kwargs.max_episode_steps=30",
         "env.threshold_source='it\\'s, (a) $note=1'", "env.policy.hidden=[3,4]"],
        ["env=gym", "env.id=CartPole-v1", "env.threshold=195", "env.name=mine"],
        ["env=CartPole", "env.id=CartPole-v0", "env.threshold=475", "env.threshold_source='a file of before'"],
        ["env=Taxi", "env.threshold=7"],
        ["env=MountainCar", "agent=ppo", "~agent.settings.gae_lambda", "~agent.critic.vf"],
        ["agent=ppo", "agent.settings={}", "agent.name=ours"],
        ["agent=openai_es", "agent.name=gone"],
        ["env=CartPole200", "agent=dqn", "agent.name=gone"],
    ],
)  # fmt: skip
def test_the_command_of_a_trial_composes_to_the_same_trial(words):
    swept = cli.load("sweep", words)
    trained = cli.load("train", [*reproduce.words(swept), "d=3", "seed=7"])
    for part in reproduce.PARTS:
        assert getattr(trained, part) == getattr(swept, part)


def test_the_solution_plays_within_the_page_or_the_page_says_why_not(page):
    gifs = [a["src"] for tag, a in Tags(page).found if tag == "img"]
    assert len(gifs) == 1
    assert gifs[0].startswith("data:image/gif;base64,R0lGOD")
    assert len(gifs[0]) < 1.4 * video.CLIP_BYTES
    assert "No policy to show" in page


def test_a_solution_that_cannot_be_shown_leaves_the_page_whole():
    folder = sweep("run")
    (folder / "solution.json").write_text("{}")
    assert "The solution cannot be shown" in report_page.page([folder], video.clip)


def test_a_solution_of_the_user_s_own_code_is_played_where_it_is_trusted(monkeypatch):
    Path("mine.py").write_text("import gymnasium as gym\n\nclass Mine(gym.Wrapper):\n    pass\n")
    monkeypatch.syspath_prepend(".")
    sweep("run", words=["env.wrappers=[mine.Mine]", "env.vector=slots"])
    assert "give trust=true" in report_page.page(["run"], video.clip)
    data, caption = video.clip(Path("run/solution.json"), trust=True)
    assert data.startswith(b"GIF89a")
    assert "The solution at play" in caption


def test_without_opengl_the_page_says_so(monkeypatch):
    sweep("run", words=["env=InvertedPendulum", "env.threshold=475"])
    monkeypatch.setenv("MUJOCO_GL", "none-such")
    done = run("report", "run")
    assert done.returncode == 0, done.stderr
    assert "The solution cannot be shown: InvertedPendulum-v5" in Path("report.html").read_text()


def test_hostile_names_are_text():
    config = cli.load("sweep", ["subspace.projection=dense"])
    env = replace(config.env, name=HOSTILE, threshold_source=HOSTILE)
    config = replace(config, env=env, agent=replace(config.agent, name=HOSTILE, note=HOSTILE))
    folder = sweep("run", config=config, command=HOSTILE, commit=HOSTILE)
    text = report_page.page([folder], video.clip)
    assert "alert(1)</script>" not in text
    assert text.count(str(escape(HOSTILE))) >= 5
    assert sum(tag == "script" for tag, _ in Tags(text).found) == sum(
        tag == "script" for tag, _ in Tags(report_page.page([sweep("plain")], video.clip)).found
    )


def test_results_of_older_versions_are_shown():
    folder = sweep("run")
    result = json.loads((folder / "result.json").read_text())
    for key in ("stopped_by", "flaws", "d90_paper", "misfit", "looked_above", "commit", "threshold_source"):
        result.pop(key)
    (folder / "result.json").write_text(json.dumps(result))
    assert "sweep-0" in report_page.page([folder], video.clip)


def test_the_command_writes_one_file():
    sweep("run")
    done = run("report", "run")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("Wrote report.html: 1 run folder")
    assert sorted(path.name for path in Path().iterdir()) == ["report.html", "run"]


def test_mistakes():
    folder = sweep("run")
    for words, said in (
        (["nowhere"], "nowhere: not a run folder"),
        (["run", "to=x"], "to=x: no such key"),
        (["run", "out="], "out=: needs a value"),
        (["run", "follow=yes"], "follow=yes: not known. Valid: false, true."),
        (["run", "trust=yes"], "trust=yes: not known. Valid: false, true."),
        (["run", "out=no/page.html"], "no folder no"),
        (["run", "out=run"], "is a folder"),
        (["out=page.html"], "no run folder"),
    ):
        refused(words, said)
    whole = (folder / "result.json").read_text()
    for broken in ("{", "[]", "{}", whole.replace('"ci95": [', '"ci95": [1,'), whole.replace('"status"', '"state"')):
        (folder / "result.json").write_text(broken)
        with pytest.raises(ConfigError, match=r"result\.json: not a sweep's result"):
            report_page.page([folder], video.clip)
    refused(["run"], "not a sweep's result")
    (folder / "result.json").write_text(whole)
    with (folder / "trials.jsonl").open("a") as file:
        file.write('{"d": 3}\n')
    with pytest.raises(ConfigError, match=r"trials\.jsonl, line 30: not a trial"):
        report_page.page([folder], video.clip)


def refused(words, said):
    done = run("report", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(Path().glob("*.html*"))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium here")
def test_a_browser_draws_every_plot_without_an_error(page):
    phone = "<style>body { width: 360px }</style>"  # where a plot scrolls sideways and is not squeezed
    probe = """<script>window.problems = [];
    window.addEventListener("error", (e) => window.problems.push(e.message));
    console.error = (...said) => window.problems.push(said.join(" "));
    window.addEventListener("load", () => setTimeout(() => {
      const plots = [...document.querySelectorAll(".plotly-graph-div")];
      const drawn = plots.map((p) => p.querySelectorAll(".point").length);
      const plot = document.getElementById("sweep-0");
      const curve = plot.data.findIndex((trace) => trace.customdata);
      const room = plots.map((p) => p.closest(".chart").scrollWidth);
      plot.emit("plotly_click", {points: [{customdata: plot.data[curve].customdata[0]}]});
      document.title = JSON.stringify({problems: window.problems, drawn: drawn, room: room,
        picked: document.querySelector(".picked").textContent, image: document.querySelector("img").naturalWidth});
    }, 500));</script>"""
    Path("page.html").write_text(page.replace("<head>", "<head>" + phone + probe, 1))
    done = subprocess.run(
        [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         f"--user-data-dir={Path('profile').resolve()}", "--virtual-time-budget=10000", "--dump-dom",
         Path("page.html").resolve().as_uri()],
        capture_output=True, text=True, timeout=600, check=False,
    )  # fmt: skip
    title = html.unescape(re.search(r"<title>(.*?)</title>", done.stdout)[1])
    seen = json.loads(title)
    assert seen["problems"] == []
    assert len(seen["drawn"]) == 5
    assert all(width > 600 for width in seen["room"])
    assert seen["drawn"][0] >= 2
    assert all(points > 29 for points in seen["drawn"][1::2])
    assert seen["drawn"][2] >= 3  # d_int after each round
    assert re.search(r"d=\d+ seed=\d+$", seen["picked"])
    assert seen["image"] > 0


def test_no_solution_is_made_of_a_trial_that_ended_on_a_policy_that_does_not_solve():
    """With search.full_budget: solved at some look, worse at the end, or no longer where the goal is."""
    config = cli.load("sweep", ["agent=cma", "subspace.projection=dense"])
    worse = replace(trial(2, 0, True), score=470.0, confirmations=[[300, 480.25], [500, 470.0]])
    assert smallest(config, [worse], Path()) is None
    assert smallest(config, [worse, trial(4, 1, True)], Path()).d == 4
    walks = cli.load("sweep", ["env=Humanoid"])
    stands = replace(trial(2, 0, True), score=6100.0, confirmations=[[300, 6001.0, 9.0], [500, 6100.0, 4.0]])
    assert smallest(walks, [stands], Path()) is None
    assert smallest(walks, [replace(stands, score=6001.0)], Path()).d == 2


def begun(folder, jobs=(), words=("agent=cma", "subspace.projection=dense", "search.seed=0")):
    """The folder of a sweep of which trials (d, seed, solved) have finished."""
    with Store(Path(folder)).open(cli.load("sweep", list(words))) as store:
        for job in jobs:
            store.append(trial(*job))
    return Path(folder)


WHOLE = [(d, seed, d > 1) for seed, d in enumerate([0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32])]
PART = [(64, 12, True), (64, 14, True)]  # of a round of six


@contextmanager
def held(folder):
    """The folder, as it is while a process runs its sweep."""
    with FileLock(folder / ".lock"):
        yield


def told(folder, d, seed, curve=()):
    """A trial of the folder tells its progress."""
    (folder / "checkpoints").mkdir(exist_ok=True)
    ProgressFile(folder / f"checkpoints/d-{d}-seed-{seed}", d, seed).write(90.0, curve)


def test_a_running_sweep_is_shown_as_it_stands():
    folder = begun("run", WHOLE + PART)
    with held(folder):
        told(folder, 64, 13, [[10_000, 50.0, 0.1], [20_000, 77.5, 0.2]])
        told(folder, 64, 15)
        text = report_page.page([folder], video.clip, follow=True)
    assert ">running</span>" in text
    assert "8 trials of the search, 6 of theta0 alone, 0 direct" in text
    assert "2 finished trials are drawn and not counted yet" in text
    assert "<td>77.5</td><td>20,000 of 500,000</td><td>90 s</td>" in text
    assert "<td>0 of 500,000</td>" in text  # before its first look
    assert "running: d = 64, seed 13" in text
    assert "running: d = 64, seed 15" not in text  # no curve yet
    assert "117 more by search.max_trials, each its whole budget, 2 at a time" in text
    assert "location.reload" in text
    assert "d = 64, seed 14: solved" in text
    assert [n for n in range(20) if f'"after {n} trials' in text] == [6, 12]  # each whole round is answered


def test_the_time_left_is_shared_by_the_slots_that_trials_fill():
    jobs = [(0, 0, False), (4, 1, True), (0, 2, False)]
    words = ("agent=cma", "subspace.projection=dense", "search.seed=0", "search.ds=[0,4]", "search.direct=0")
    one, four = (
        sweep_time_left(snapshot(begun(f"run{workers}", jobs, (*words, "search.seeds=2", f"workers={workers}"))))
        for workers in (1, 4)
    )
    assert one == four
    assert "1 more by search.ds, each its whole budget, 1 at a time" in one
    ran = begun("ran", jobs[:2], (*words, "search.seeds=1"))
    assert sweep_time_left(snapshot(ran)).startswith("none")


def test_a_limit_of_env_steps_limits_the_time_left():
    jobs = [(0, 0, False), (4, 1, True), (0, 2, False)]
    words = ("agent=cma", "subspace.projection=dense", "search.seed=0", "workers=1")
    longer, capped = (
        sweep_time_left(snapshot(begun(f"to{most}", jobs, (*words, f"search.max_env_steps={most}"))))
        for most in (20_000_000, 5_500_000)
    )
    assert longer.partition(" at most")[0] != capped.partition(" at most")[0]


def test_a_sweep_that_was_stopped_is_shown_and_not_followed():
    folder = begun("run", WHOLE)
    told(folder, 64, 13, [[10_000, 50.0, 0.1]])  # a killed sweep leaves it
    text = report_page.page([folder], video.clip)
    assert ">stopped before its end</span>" in text
    assert "the same command goes on from here" in text
    assert "running: d = 64" not in text
    assert "location.reload" not in text
    done = run("report", "run", "follow=true")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "No sweep is running. Wrote report.html.\n"


@pytest.mark.parametrize("ds", [(), (0,) * 6], ids=["no trial yet", "some"])
def test_the_commands_of_a_sweep_that_was_stopped_find_the_user_s_own_files(ds, monkeypatch):
    Path("mine/envs").mkdir(parents=True)
    Path("mine/envs/Mine.yaml").write_text("id: CartPole-v1\nthreshold: 300\nbudget: 500_000\n")
    typed = "rl_intdim.sweep --config-dir mine env=Mine agent=cma search.seed=0 subspace.projection=dense out=run"
    monkeypatch.setattr("sys.orig_argv", ["/bin/python3", "-m", *typed.split()])
    config = cli.load("sweep", typed.split()[3:], [Path("mine")])
    with Store(Path("run")).open(config) as store:
        for seed, d in enumerate(ds):
            store.append(trial(d, seed, False))
    text = report_page.page(["run"], video.clip)
    assert f"The sweep: <code>python -m {typed}</code>" in text
    assert "python -m rl_intdim.train --config-dir mine env=Mine agent=cma" in text


def test_a_sweep_without_a_finished_trial_is_shown():
    folder = begun("run")
    with held(folder):
        told(folder, "direct", 0, [[10_000, 50.0, 0.1]])
        text = report_page.page([folder], video.clip)
    assert "running: d = direct, seed 0" in text
    assert "1 min" not in text
    assert "at most: 125 more by search.max_trials" in text


def test_a_sweep_that_goes_on_after_its_end_is_not_taken_for_the_old_one():
    folder = sweep("run")
    with held(folder):
        assert ">running</span>" in report_page.page([folder], video.clip)
    assert ">running</span>" not in report_page.page([folder], video.clip)


def test_follow_writes_when_a_trial_has_moved_and_ends_with_the_sweep(monkeypatch, capsys):
    folder, pages, waits = begun("run", WHOLE), [], iter([None, lambda: told(folder, 64, 13), None, "end"])
    lock = FileLock(folder / ".lock")
    monkeypatch.setattr(report_page, "page", lambda folders, clip, again: pages.append(again) or "page")

    def sleep(seconds):
        what = next(waits)
        lock.release() if what == "end" else what and what()

    monkeypatch.setattr("time.sleep", sleep)
    lock.acquire()
    report.follow([folder], Path("page.html"), video.clip)
    assert pages == [True, True, False]  # begun; moved; ended
    said = capsys.readouterr().out
    assert said == (
        "Open page.html in a browser: it follows run. Ctrl-C ends this.\n"
        "No sweep is running any more. Wrote page.html.\n"
    )


def test_ctrl_c_ends_following_with_a_line_and_a_page_that_stands_still():
    folder = begun("run", WHOLE)
    with (
        held(folder),
        subprocess.Popen(
            argv("report", "run", "follow=true"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stdout.readline().startswith("Open report.html in a browser")
        assert "location.reload" in Path("report.html").read_text()
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=600)
    assert process.returncode == 130
    assert said == "\nStopped following. report.html holds the sweeps as they are now.\n"
    assert "location.reload" not in Path("report.html").read_text()
