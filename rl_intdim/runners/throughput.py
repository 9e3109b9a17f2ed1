"""How fast an agent trains on a task, measured before hours are spent on it."""

import time
from dataclasses import replace

from rich.console import Console

from rl_intdim.config.schema import DIRECT, SweepConfig
from rl_intdim.runners import TrialRunner
from rl_intdim.runners.progress import span
from rl_intdim.search.loop import at_most
from rl_intdim.search.simulation import expected
from rl_intdim.training.evaluator import Evaluator
from rl_intdim.training.trial import TrialSpec, prepare, trainer

SECONDS = 4.0


class _Enough(Exception):
    pass


class _Clock(Evaluator):
    """Notes the time whenever a look could be due, and plays none."""

    points: list[tuple[float, int]]

    def due(self, env_steps: int) -> bool:
        self.points.append((time.perf_counter(), env_steps))
        if env_steps and self.points[-1][0] - self.points[0][0] > SECONDS:
            raise _Enough
        return False


def pace(trial: TrialSpec) -> float:
    """Env steps a second of the trial's training, direct, looks not counted; takes SECONDS, or one update."""
    task = replace(trial.task, checkpoint=None, scoring=replace(trial.task.scoring, look_episodes=1))
    context = prepare(replace(trial, task=task, d=DIRECT, folder=None, tensorboard=None), evaluator_type=_Clock)
    clock = context.evaluator
    assert isinstance(clock, _Clock)
    clock.points = [(time.perf_counter(), 0)]
    try:
        trainer(trial.agent).train(context)
    except _Enough:
        pass
    finally:
        clock.envs.close()
    # The second half: an algorithm with a replay buffer begins with steps that cost nothing.
    (start, before), (end, after) = clock.points[(len(clock.points) - 1) // 2], clock.points[-1]
    return (after - before) / (end - start)


def say_what_would_run(config: SweepConfig, runner: TrialRunner, D: int, d_max: int, console: Console) -> None:
    """The dry run: trials and env steps, at most and as expected."""
    env, search = config.env, config.search
    most = at_most(search)
    trials, steps = expected(search, D, d_max, env.budget)
    console.print(f"{env.name} by {config.agent.name}: D = {D:,}, d from 0 to {d_max:,}, threshold {env.threshold:g}")
    console.print(f"  at most     {most} trials, {most * env.budget:,} env steps of training")
    console.print(
        f"  expected    {trials:.0f} trials, {steps:,.0f} env steps (mean of simulated tasks, d_int log-uniform)"
    )
    say_how_long(config, runner, D, d_max, console)
    console.print(f"  run folder  {config.out}, {runner.slots} trials at a time")


def say_how_long(config: SweepConfig, runner: TrialRunner, D: int, d_max: int, console: Console) -> None:
    """The time that training will take at the pace measured now, where trials run."""
    env, at_once = config.env, max(runner.slots, 1)
    trial = TrialSpec(env, config.agent, config.subspace.projection, DIRECT, 0, config.threads, device=config.device)
    rate = runner.call(pace, trial)
    _, steps = expected(config.search, D, d_max, env.budget)
    console.print(
        f"  pace        {rate:,.0f} env steps/s of training a trial, measured now: {span(env.budget / rate)} for a "
        f"whole budget, {span(steps / rate / at_once)} for the sweep as expected, looks not counted"
    )
