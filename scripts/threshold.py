"""Measure the threshold of a task: 90 % of the way from random actions to direct training.

    python scripts/threshold.py env=Pendulum agent=cma              # print the lines for the task's file
    python scripts/threshold.py env=Pendulum agent=cma write=true   # write them into the file

random: mean return of uniformly random actions. direct: mean score of five direct runs, seeds from 500,000, each of
its best look, confirmed on fresh episodes. Both take the episodes of the task's confirmations, 100 by default. Direct
runs train to the end of the budget, since no return reaches the threshold that they are given. Other words are a
sweep's: workers=2, search.direct=3, env.budget=...

The folder (by default docs/results/thresholds/<task>-<agent>, or out=) is a run folder whose trials are the direct
runs, and the same command resumes it. A direct run may also be made elsewhere, with the same settings, by

    python -m rl_intdim.train env=Pong d=direct seed=500000 env.threshold=1e9 out=there
    cat there/trial.json >> docs/results/thresholds/Pong-ppo/trials.jsonl

once `search.direct=0`, which measures random actions alone, has made the folder. (Looks of `train` may end after half
of their episodes, so it chooses its best look by fewer.)
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import yaml

from rl_intdim import runners
from rl_intdim.analysis import style, sweep_plots
from rl_intdim.config import catalogue, cli
from rl_intdim.config.schema import SubspaceConfig, SweepConfig, Task
from rl_intdim.errors import ConfigError, TrialFailure
from rl_intdim.files import check_folder, write_whole
from rl_intdim.records import provenance
from rl_intdim.records.run_folder import Store
from rl_intdim.records.summary import summarise
from rl_intdim.runners.executor import direct
from rl_intdim.search.trials import TrialRecord
from rl_intdim.subspace.projections import resolve
from rl_intdim.tasks import environment
from rl_intdim.tasks.output import hearing, notes
from rl_intdim.training.trial import check

ROOT = Path(__file__).parents[1]
FOLDER = Path("docs/results/thresholds")
UNREACHED = 1e9  # a threshold above every return
FIXED = ("search.seed=0", "search.full_budget=true")  # which keeps looks from being cut short as hopeless
SHARE = 0.9
APART = 3  # standard errors between direct training and random actions, below which nothing was learned


class Mean(NamedTuple):
    """A mean and its standard error."""

    value: float
    error: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Mean":
        return cls(float(np.mean(values)), float(np.std(values, ddof=1) / len(values) ** 0.5))


def random_returns(task: Task) -> list[float]:
    """Undiscounted returns of whole episodes of uniformly random actions, (confirm_episodes,)."""
    env = environment.make(task)
    env.action_space.seed(0)
    returns = []
    for seed in range(task.scoring.confirm_episodes):
        env.reset(seed=seed)
        ended, total = False, 0.0
        while not ended:
            _, reward, terminated, truncated, _ = env.step(env.action_space.sample())
            ended, total = terminated or truncated, total + float(reward)
        returns.append(total)
    env.close()
    return returns


def rule(config: SweepConfig, random: Mean, direct: Mean, runs: int, folder: Path) -> tuple[float, str]:
    """The threshold, and its source in one line. Raises TrialFailure where direct training learned nothing."""
    task, agent, episodes = config.env, config.agent.name, config.env.scoring.confirm_episodes
    if direct.value - random.value <= APART * (random.error**2 + direct.error**2) ** 0.5:
        raise TrialFailure(
            f"{task.name} has no threshold by {agent}: direct training reaches {direct.value:.4g} (standard error "
            f"{direct.error:.2g}) and random actions {random.value:.4g} ({random.error:.2g}). Give a larger "
            "env.budget, or another agent."
        )
    low, high = f"{random.value:.4g}", f"{direct.value:.4g}"
    span = f"{high} - {low}" if random.value >= 0 else f"{high} + {low[1:]}"
    source = (
        f"{low} + {SHARE:g} ({span}), from random actions ({episodes} episodes) to direct training by {agent} (mean "
        f"of {runs} seeds, the best of {task.budget:,} env steps on {episodes} fresh episodes): {folder}"
    )
    return float(f"{float(low) + SHARE * (float(high) - float(low)):.4g}"), source


def check_trained(name: str, threshold: float, trials: Sequence[TrialRecord]) -> None:
    """Raises TrialFailure where most direct runs reach the threshold at their first look, hardly trained.

    So it is where random actions do worse than standing still, as beside CliffWalking's cliff.
    """
    early = sum(trial.curve[0][1] >= threshold for trial in trials)
    if 2 * early > len(trials):
        raise TrialFailure(
            f"{name} has no threshold by this rule: {early} of {len(trials)} direct runs reach {threshold:g} at "
            f"their first look, after {trials[0].curve[0][0]:,.0f} env steps. If random actions do worse than "
            "standing still, take the return of standing still in their place."
        )


def lines(threshold: float, source: str) -> str:
    """The two lines of a task's file."""
    return yaml.safe_dump({"threshold": threshold, "threshold_source": source}, sort_keys=False, width=110)


def edited(text: str, new: str) -> str:
    """A task's file with these lines in place of its threshold and source, or before its budget if it has none."""
    text = text.rstrip("\n") + "\n"
    old = re.compile(r"^threshold(_source)?:.*\n(?:[ \t]+.*\n)*", re.MULTILINE)
    found = old.search(text) or re.search(r"^budget:|\Z", text, re.MULTILINE)
    assert found is not None  # \Z always matches
    head, tail = text[: found.start()], text[found.start() :]
    return head + new + old.sub("", tail)


def configured(words: Sequence[str], given: Mapping[str, str], folders: Sequence[Path]) -> SweepConfig:
    """The configuration of the direct runs."""
    config: SweepConfig = cli.load("sweep", [*words, f"env.threshold={UNREACHED:g}", *FIXED], folders)
    out = given.get("out", str(FOLDER / f"{config.env.name}-{config.agent.name}"))
    task = replace(config.env, threshold_source="above every return, so that direct runs take the whole budget")
    return replace(config, env=task, out=out)


def measure(given: dict[str, str], words: list[str], folders: list[Path]) -> None:
    """Measure, print and, with write=true, write the threshold. Raises IntdimError."""
    console = cli.console()
    tell = notes(console)
    write = given.get("write", "false")
    if write not in ("true", "false"):
        raise ConfigError(f"write={write}: valid: true, false.")
    # A source names the budget; of another environment than the file's it would say nothing.
    changed = [word for word in words if word.startswith("env.") and not word.startswith("env.budget=")]
    if write == "true" and changed:
        raise ConfigError(f"write=true: {changed[0]} is not in the task's file. Change the file, or leave it out.")
    config = configured(words, given, folders)
    folder = Path(config.out)
    check_folder("out", folder)
    runner = runners.load(config.runner, config.workers, config.threads)
    D = check(config.env, config.agent)
    runner.check_device(config.device)
    config = replace(config, subspace=SubspaceConfig(resolve(config.subspace.projection, D, D)))
    with Store(folder).open(config) as store:
        path = folder / "random.json"
        if not path.exists():
            write_whole(path, json.dumps(random_returns(config.env)) + "\n")
        random = Mean.of(json.loads(path.read_text()))
        console.print(
            f"random: {random.value:.4g} (standard error {random.error:.2g}), "
            f"{config.env.scoring.confirm_episodes} episodes"
        )
        with hearing(tell):
            trials = direct(config, runner, D, store, console, tell)
        if len(trials) < 2:
            console.print(f"No threshold from {len(trials)} direct runs; the records are in {folder}.")
            return
        reached = Mean.of([t.score for t in trials])
        console.print(f"direct: {reached.value:.4g} (standard error {reached.error:.2g}), {len(trials)} runs")
        threshold, source = rule(config, random, reached, len(trials), folder)
        measured = {
            "threshold": threshold,
            "threshold_source": source,
            "random": random._asdict(),
            "direct": reached._asdict() | {"scores": [t.score for t in trials]},
            "provenance": asdict(provenance.here()),
        }
        shown = summarise(
            replace(config, env=replace(config.env, threshold=threshold)), D, D, trials, provenance.here()
        )
        write_whole(folder / "curves.png", style.png(sweep_plots.curves(shown, trials)))
        check_trained(config.env.name, threshold, trials)
        write_whole(folder / "threshold.json", json.dumps(measured, indent=2) + "\n")
    if write == "true":
        file = catalogue.files("envs", folders)[config.env.name]
        write_whole(file, edited(file.read_text(encoding="utf-8"), lines(threshold, source)))
        console.print(f"Wrote {file}:")
    console.print(lines(threshold, source), end="")


if __name__ == "__main__":
    cli.main_on_words(measure, __doc__ or "", ("write", "out"))
