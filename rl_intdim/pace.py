"""How fast an agent trains on a task, measured before hours are spent on it."""

import time
from dataclasses import replace

from rl_intdim import tasks
from rl_intdim.checkpoint import Checkpoints
from rl_intdim.config import DIRECT
from rl_intdim.referee import Referee
from rl_intdim.trial import Trial, device, draw_subspace, settle, trainer

SECONDS = 4.0


class _Enough(Exception):
    pass


class _Clock(Referee):
    """Notes the time whenever a look could be due, and plays none."""

    points: list[tuple[float, int]]

    def due(self, env_steps: int) -> bool:
        self.points.append((time.perf_counter(), env_steps))
        if env_steps and self.points[-1][0] - self.points[0][0] > SECONDS:
            raise _Enough
        return False


def pace(trial: Trial) -> float:
    """Env steps a second of the trial's training, direct, looks not counted; takes SECONDS, or one update."""
    settle(trial)
    task = replace(trial.task, checkpoint=None, scoring=replace(trial.task.scoring, look_episodes=1))
    policy = tasks.policy(task)
    subspace, (training, looks, confirms) = draw_subspace(policy, trial.projection, DIRECT, trial.seed)
    subspace.to(device(trial.device, policy))
    clock = _Clock(task, policy, subspace, looks, confirms)
    clock.points = [(time.perf_counter(), 0)]
    try:
        trainer(trial.agent).train(task, trial.agent, policy, subspace, training, clock, Checkpoints(clock, training))
    except _Enough:
        pass
    finally:
        clock.envs.close()
    # The second half: an algorithm with a replay buffer begins with steps that cost nothing.
    (start, before), (end, after) = clock.points[(len(clock.points) - 1) // 2], clock.points[-1]
    return (after - before) / (end - start)
