"""Drives the search: rounds of trials, from the first to the last. Knows neither processes nor environments."""

from collections.abc import Callable, Collection, Iterable, Sequence
from math import ceil

import numpy as np

from rl_intdim.config.schema import DIRECT, DIRECT_SEED, Search
from rl_intdim.search.adaptive import Answer, Outcome, answer, next_round
from rl_intdim.search.trials import Job, TrialRecord


def drive(
    search: Search,
    d_max: int,
    budget: int,
    run: Callable[[list[Job]], dict[Job, TrialRecord]],
    on_round: Callable[[Answer, int], None] = lambda now, pending: None,
    recorded: Iterable[TrialRecord] = (),
) -> list[TrialRecord]:
    """Drive the search to its end with `run`, which runs or recalls the trials of a round.

    Direct runs go first: if they fail, the task may be beyond the agent. The whole rounds of `recorded` are taken as
    they were decided: it is the same search, unless another version of it, or other limits, began this one, and
    then nothing of theirs is lost. Where the d are given, all rounds that are left run at once. Returns the trials
    in the order decided, direct runs last.
    """
    first = search.seed or 0  # None outside a sweep, which has drawn its own
    direct = direct_jobs(search)
    decided = {t.seed: int(t.d) for t in recorded if not t.direct}
    if search.ds is not None:
        end = counted_below(search, decided)
        decided = {seed: d for seed, d in decided.items() if seed < end}
    trials: list[TrialRecord] = []
    direct_trials: list[TrialRecord] = []
    while True:
        seeds = range(first + len(trials), first + len(trials) + search.round_size)
        if all(seed in decided for seed in seeds):
            ds = [decided[seed] for seed in seeds]
        elif stopped_by(search, d_max, budget, trials + direct_trials):
            break
        else:
            ds = next_round(search, d_max, outcomes(trials, budget))
        jobs: list[Job] = [(d, first + len(trials) + i) for i, d in enumerate(ds)]
        if not trials:
            jobs = direct + jobs
        on_round(answer(search, d_max, outcomes(trials, budget)), len(jobs))
        records = run(jobs)
        trials += [records[job] for job in jobs if job[0] != DIRECT]
        direct_trials += [records[job] for job in jobs if job[0] == DIRECT]
    return trials + direct_trials


def counted_below(search: Search, seeds: Collection[int]) -> int:
    """Of finished search trials with these seeds, those below this one count: whole rounds, from the first on.

    Where the d are given, all rounds run at once, so the first to finish whole are the quick ones, which solved. Of
    rounds that are asked for none counts before the last, unless no trial ends early.
    """
    first, size = search.seed or 0, search.round_size
    end = first
    while all(end + i in seeds for i in range(size)):
        end += size
    if search.ds is None or search.full_budget:
        return end
    asked = first + search.seeds * size
    if end < asked:
        return first
    return asked if any(seed >= end for seed in seeds) else end


def direct_jobs(search: Search) -> list[Job]:
    """The direct runs of a sweep."""
    return [(DIRECT, (search.seed or 0) + DIRECT_SEED + i) for i in range(search.direct)]


def stopped_by(search: Search, d_max: int, budget: int, trials: Sequence[TrialRecord]) -> str:
    """What ends the sweep after these trials: the key of the configuration, or the answer; "" if nothing does.

    Neither limit is ever exceeded: a round that might is not begun. Trials of theta0 as drawn train nothing, and
    count towards neither.
    """
    searched = outcomes(trials, budget)
    if search.ds is not None:
        return "search.ds" if len(searched) >= len(search.ds) * search.seeds else ""
    if searched and (status := answer(search, d_max, searched).status) != "undecided":
        return "search.ci_ratio" if status == "found" else status
    if trained(trials) + search.round > search.max_trials:
        return "search.max_trials"
    spent = sum(t.env_steps for t in trials)
    coming = search.round if searched else search.direct  # beside theta0 alone, which trains nothing
    if search.max_env_steps is not None and spent + coming * budget > search.max_env_steps:
        return "search.max_env_steps"
    return ""


def trained(trials: Iterable[TrialRecord]) -> int:
    """The search trials that trained something: not those of theta0 alone, unless theta0 was learned."""
    return sum(t.d != 0 or t.subspace_steps > 0 for t in trials if not t.direct)


def outcomes(trials: Sequence[TrialRecord], budget: int, part: float = 1.0) -> list[Outcome]:
    """What the search may know of the trials, had they been stopped after this part of the budget."""
    return [
        Outcome(
            int(t.d),
            t.solved_at is not None and t.solved_at <= part * budget,
            min(t.env_steps, part * budget) / budget,
        )
        for t in trials
        if not t.direct
    ]


def at_most(search: Search) -> int:
    """The largest number of trials that a sweep can train, direct runs included. Those of theta0 alone are not
    counted."""
    given = None if search.ds is None else sum(d > 0 for d in search.ds) * search.seeds
    return search.direct + (search.max_trials if given is None else given)


def steps_at_most(search: Search, budget: int) -> int:
    """The largest number of env steps that a sweep can train."""
    steps = at_most(search) * budget
    return steps if search.max_env_steps is None else min(steps, search.max_env_steps)


def at_once(search: Search, slots: int) -> int:
    """Trials that run side by side on so many slots: a search waits for each of its rounds."""
    given = None if search.ds is None else search.direct + len(search.ds) * search.seeds
    return max(1, min(slots, search.round if given is None else given))


def times_faster(search: Search, slots: int) -> float:
    """How many times faster so many slots are than one, if all trials take equally long: six on four take as long as
    two."""
    beside = at_once(search, slots)
    return beside if search.ds is not None else search.round / ceil(search.round / beside)


def spaced(n: int, d_max: int) -> list[int]:
    """n different whole numbers about evenly spaced in log d, from 1 to d_max; all of them if there are fewer."""
    points, found = n, {1}
    while len(found) < min(n, d_max):
        found = {int(d) for d in np.round(np.geomspace(1, d_max, points))}
        points += 1
    return sorted(found)
