"""Throughput of training and scoring, measured before a sweep, and the time that the sweep will take."""

import time
from contextlib import suppress
from dataclasses import dataclass, replace

import psutil
from rich.console import Console

from rl_intdim.config.schema import DIRECT, GradientAgent, SweepConfig, Task
from rl_intdim.records.result import span
from rl_intdim.runners import TrialRunner
from rl_intdim.search.loop import at_most, at_once, steps_at_most, times_faster
from rl_intdim.search.simulation import Cost, expected, unsolved
from rl_intdim.tasks import environment, rollout
from rl_intdim.training.contained import contained
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.spec import TrialSpec
from rl_intdim.training.trial import prepare, trainer

SECONDS = 4.0
WAIT = 0.3  # seconds in which other work is measured
BUSY = 0.2  # a pace measured while other work takes more of the machine than this is not what it can do
LONGER = 3  # episodes of a trained policy are about this many times longer than theta0's; Pong, docs/results/


class _Enough(Exception):
    pass


class _Clock(Evaluator):
    """Records the time whenever a look could be due, and plays no look."""

    points: list[tuple[float, int]]

    def due(self, env_steps: int) -> bool:
        self.points.append((time.perf_counter(), env_steps))
        if env_steps and self.points[-1][0] - self.points[0][0] > SECONDS:
            raise _Enough
        return False

    def unseen(self, env_steps: int) -> bool:
        return False


@contained()
def pace(trial: TrialSpec) -> float:
    """Env steps per second of direct training, without looks. Takes SECONDS, or one update if that is longer."""
    task = replace(trial.task, checkpoint=None, scoring=replace(trial.task.scoring, look_episodes=1))
    agent = trial.agent
    if isinstance(agent, GradientAgent) and "learning_starts" in agent.settings:  # it may collect longer than SECONDS
        agent = replace(agent, settings=agent.settings | {"learning_starts": 0})
    direct = replace(trial, task=task, agent=agent, d=DIRECT, folder=None, tensorboard=None)
    context = prepare(direct, evaluator_type=_Clock)
    clock = context.evaluator
    assert isinstance(clock, _Clock)
    clock.points = [(time.perf_counter(), 0)]
    try:
        steps = trainer(trial.agent).train(context)
        clock.points.append((time.perf_counter(), steps))  # the budget was shorter than that
    except _Enough:
        pass
    finally:
        clock.envs.close()
    # The second half only: an algorithm with a replay buffer begins with steps that train nothing.
    end, after = clock.points[-1]
    first_half = clock.points[: (len(clock.points) + 1) // 2]
    start, before = [point for point in first_half if point[1] < after][-1]
    return (after - before) / (end - start)


@contained()
def scoring_pace(trial: TrialSpec) -> tuple[float, float]:
    """Env steps per second of scoring, measured on the episodes of one look at theta0, and the env steps to expect of
    an episode."""
    context = prepare(replace(trial, d=0, folder=None, tensorboard=None))
    evaluator, n = context.evaluator, trial.task.scoring.look_episodes
    start = time.perf_counter()
    theta = context.subspace.theta(context.subspace.theta0.new_zeros(0))
    _, _, steps = rollout.score_episodes(evaluator.envs, context.network, theta, n, evaluator.looks)
    seconds = time.perf_counter() - start
    evaluator.envs.close()
    return steps / seconds, episode_length(trial.task, steps / n)


def busy() -> float:
    """The share of the machine's cores that work other than this process and its children takes now, in [0, 1]."""
    start, share = _cpu_seconds(), psutil.cpu_percent(interval=WAIT) / 100
    return max(0.0, share - (_cpu_seconds() - start) / WAIT / (psutil.cpu_count() or 1))


def _cpu_seconds() -> float:
    me, seconds = psutil.Process(), 0.0
    for process in (me, *me.children(recursive=True)):
        with suppress(psutil.Error):  # it has ended
            seconds += sum(process.cpu_times()[:2])
    return seconds


def episode_length(task: Task, measured: float) -> float:
    """The env steps to expect of an episode: its time limit if it has one, since a better policy may live longer.
    Without, LONGER times theta0's: Atari games hardly ever reach ALE's own limit."""
    env = environment.make(task)
    limit = environment.limit(task, env)
    env.close()
    return limit or LONGER * measured


@dataclass(frozen=True)
class Pace:
    """Env steps per second of training and of scoring, and the env steps to expect of an episode."""

    training: float
    playing: float
    length: float
    before: int = 0  # env steps of the direct run that each trial begins with, in which nothing is scored
    busy: float = 0.0  # the share of the machine's cores that other work took just before

    def seconds(self, task: Task, trials: float, steps: float) -> float:
        """The seconds of so many trials with so many env steps of training, one after another."""
        scoring = task.scoring
        episodes = steps / task.budget * scoring.looks * scoring.look_episodes + trials * scoring.confirm_episodes
        return (steps + trials * self.before) / self.training + episodes * self.length / self.playing


def measured(config: SweepConfig, runner: TrialRunner) -> Pace:
    """The pace of a sweep's trials, measured where they run."""
    projection = config.subspace.projection
    trial = TrialSpec(
        *(config.env, config.agent, projection, DIRECT, 0, config.threads), device=config.device, cores=runner.cores
    )
    others = runner.call(busy)
    training, (playing, length) = runner.call(pace, trial), runner.call(scoring_pace, trial)
    # Training plays episodes too, so scoring is not slower; theta0's may be too short to show it.
    learned = config.subspace.learned(config.env.budget)
    return Pace(training, max(training, playing), length, learned.direct_steps if learned else 0, others)


def hours(config: SweepConfig, runner: TrialRunner, D: int, d_max: int) -> tuple[Pace, tuple[float, ...]]:
    """The pace, and the seconds of a trial that uses its whole budget, of the expected sweep, of a sweep in which no
    trial solves, and of the longest sweep."""
    env, search, found = config.env, config.search, measured(config, runner)
    faster = times_faster(search, runner.slots)
    none = unsolved(search, D, d_max, env.budget)
    theta0 = none.zero if search.ds is None else search.ds.count(0) * search.seeds  # trials of it alone
    longest = Cost(at_most(search), theta0, steps_at_most(search, env.budget))
    costs = [expected(search, D, d_max, env.budget), none, longest]
    sweeps = (found.seconds(env, cost.trials + cost.zero, cost.env_steps) / faster for cost in costs)
    return found, (found.seconds(env, 1, env.budget), *sweeps)


def print_dry_run(config: SweepConfig, runner: TrialRunner, D: int, d_max: int, console: Console) -> None:
    """Print the dry run: trials and env steps, at most and expected, and hours."""
    env, search = config.env, config.search
    trials, zero, steps = expected(search, D, d_max, env.budget)
    console.print(f"{env.name} by {config.agent.name}: D = {D:,}, d from 0 to {d_max:,}, threshold {env.threshold:g}")
    console.print(
        f"  at most     {at_most(search)} trials, {steps_at_most(search, env.budget):,} env steps of training"
    )
    console.print(
        f"  expected    {trials:.0f} trials, {steps:,.0f} env steps (mean of simulated tasks, d_int log-uniform)"
        + (f"; besides, {zero:.0f} of theta0 alone, which train nothing" if zero else "")
    )
    if learned := config.subspace.learned(env.budget):
        console.print(f"  learned     besides, a direct run of {learned.direct_steps:,} env steps before each trial")
    print_expected_time(config, runner, D, d_max, console)
    console.print(f"  run folder  {config.out}, {at_once(search, runner.slots)} trials at a time")


def print_expected_time(
    config: SweepConfig, runner: TrialRunner, D: int, d_max: int, console: Console, begun: bool = False
) -> None:
    """Print the time that the sweep takes at the throughput measured now, from its beginning if it has `begun`."""
    found, (whole, likely, none, longest) = hours(config, runner, D, d_max)
    console.print(
        f"  pace        {found.training:,.0f} env steps/s of training a trial, measured now; {found.playing:,.0f} of "
        "scoring" + (f"; other work took {found.busy:.0%} of the machine" if found.busy > BUSY else "")
    )
    console.print(
        f"  time        {span(whole)} for a trial that takes its whole budget\n"
        f"  the sweep   {'from its beginning: ' * begun}{span(likely)} expected, if {config.agent.name} can learn "
        f"the task; {span(none)} if no trial solves it, since it then stops early; {span(longest)} at most"
    )
