"""The page: whole, safe, and opened in a browser where there is one."""

import html
import json
import re
import shutil
import subprocess
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from factories import finished, run
from markupsafe import escape

from rl_intdim.analysis import report_page
from rl_intdim.config import cli
from rl_intdim.errors import ConfigError
from rl_intdim.records import reproduce
from rl_intdim.solution import video

FIRST = "undecided"  # what the made-up trials give: their interval is wide
HOSTILE = "<script>alert(1)</script>\"'&<b>{x}"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome",
                                               "chrome-headless-shell"))), None)  # fmt: skip


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
    one = finished(folder / "one")
    two = finished(folder / "two", solves_from=0, words=["agent=random", "search.d_max=2"], ds=[1, 2] * 14)
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
    folder = finished("run")
    (folder / "solution.json").write_text("{}")
    assert "The solution cannot be shown" in report_page.page([folder], video.clip)


def test_a_solution_of_the_user_s_own_code_is_played_where_it_is_trusted(monkeypatch):
    Path("mine.py").write_text("import gymnasium as gym\n\nclass Mine(gym.Wrapper):\n    pass\n")
    monkeypatch.syspath_prepend(".")
    finished("run", words=["env.wrappers=[mine.Mine]", "env.vector=slots"])
    assert "give trust=true" in report_page.page(["run"], video.clip)
    data, caption = video.clip(Path("run/solution.json"), trust=True)
    assert data.startswith(b"GIF89a")
    assert "The solution at play" in caption


def test_without_opengl_the_page_says_so(monkeypatch):
    finished("run", words=["env=InvertedPendulum", "env.threshold=475"])
    monkeypatch.setenv("MUJOCO_GL", "none-such")
    done = run("report", "run")
    assert done.returncode == 0, done.stderr
    assert "The solution cannot be shown: InvertedPendulum-v5" in Path("report.html").read_text()


def test_hostile_names_are_text():
    config = cli.load("sweep", ["subspace.projection=dense"])
    env = replace(config.env, name=HOSTILE, threshold_source=HOSTILE)
    config = replace(config, env=env, agent=replace(config.agent, name=HOSTILE, note=HOSTILE))
    folder = finished("run", config=config, command=HOSTILE, commit=HOSTILE)
    text = report_page.page([folder], video.clip)
    assert "alert(1)</script>" not in text
    assert text.count(str(escape(HOSTILE))) >= 5
    assert sum(tag == "script" for tag, _ in Tags(text).found) == sum(
        tag == "script" for tag, _ in Tags(report_page.page([finished("plain")], video.clip)).found
    )


def test_results_of_older_versions_are_shown():
    folder = finished("run")
    result = json.loads((folder / "result.json").read_text())
    for key in ("stopped_by", "flaws", "d90_paper", "misfit", "looked_above", "commit", "threshold_source"):
        result.pop(key)
    (folder / "result.json").write_text(json.dumps(result))
    assert "sweep-0" in report_page.page([folder], video.clip)


def test_the_command_writes_one_file():
    finished("run")
    done = run("report", "run")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("Wrote report.html: 1 run folder")
    assert sorted(path.name for path in Path().iterdir()) == ["report.html", "run"]


def test_mistakes():
    folder = finished("run")
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
