"""The Markdown page of the atlas: the ladder of tasks, which is harder, what it took, and what was not run."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rl_intdim.analysis import task_ladder
from rl_intdim.analysis.ranking import harder
from rl_intdim.analysis.tables import markdown
from rl_intdim.config.schema import Task
from rl_intdim.records.result import interval
from rl_intdim.records.sweep import Sweep

if TYPE_CHECKING:
    import pandas as pd

HOUR = 3600


def page(
    sweeps: Sequence[Sweep], tasks: Mapping[str, Task], left_out: Mapping[str, str], picture: str, command: str
) -> str:
    """The page. `tasks` are the tasks as they are meant, by name; `left_out` says why a task, or a task by an agent,
    was left out; `picture` is where the ladder's picture is."""
    own = [s for s in sweeps if s.env in tasks and task_ladder.is_own(s, tasks[s.env])]
    matrices = [f"By {agent}:\n\n{markdown(frame)}" for agent, frame in harder(own).items()]
    without = task_ladder.unanswered(own, tasks)
    return "\n".join(
        [
            f"# The atlas\n\nMade by `{command}` from the trials in the run folders; nothing here is typed.\n",
            "## The ladder\n",
            "One row a task: the smallest d_int of the agents tried, an upper bound. `solved below it`: trials of\n"
            "each agent at a smaller d above 0.\n",
            markdown(task_ladder.table(task_ladder.rungs(own, tasks), tasks)),
            f"![d_int of each task with its interval, and the paper's]({picture})\n",
            *(["## Tried, without a d_int\n", markdown(_unanswered(without))] if without else []),
            "## Harder than\n",
            "The probability, from the posteriors, that the row's task has a larger d_int than the column's; a tie\n"
            "counts half. Empty where agent, budget or scoring differ.\n",
            *(matrices or ["No two tasks were measured alike yet.\n"]),
            "## What it took\n",
            markdown(cost(sweeps)),
            "## Left out\n",
            *([f"- {name}: {reason}" for name, reason in left_out.items()] or ["Nothing was left out."]),
            "",
        ]
    )


def _unanswered(rows: Sequence[task_ladder.TaskRung]) -> "pd.DataFrame":
    import pandas as pd

    return pd.DataFrame(
        [
            {
                **{"task": r.task, "agent": r.agent, "95 % interval": interval((r.low, r.high))},
                **{"D": r.D, "solved": r.tried, "status": r.status},
            }
            for r in rows
        ]
    )


def cost(sweeps: Sequence[Sweep]) -> "pd.DataFrame":
    """What each sweep took, and all together: trials, with those of rounds that were cut off, env steps, and hours of
    computing summed over trials."""
    import pandas as pd

    rows = [
        {
            "task": s.env,
            "agent": s.agent,
            "status": s.answer.status,
            "trials": len(s.finished),
            "env steps": sum(t.env_steps for t in s.finished),
            "of scoring": sum(t.scoring_steps for t in s.finished),
            "hours": round(sum(t.seconds for t in s.finished) / HOUR, 2),
        }
        for s in sorted(sweeps, key=lambda s: (s.env, s.agent))
    ]
    frame = pd.DataFrame(rows, columns=["task", "agent", "status", "trials", "env steps", "of scoring", "hours"])
    total = {"task": "all", "agent": "", "status": ""} | {
        name: frame[name].sum() for name in ("trials", "env steps", "of scoring", "hours")
    }
    return pd.concat([frame, pd.DataFrame([total])], ignore_index=True)
