"""Everything that a sweep needs before its first trial, checked: its runner, D, the largest d, and the projection."""

from dataclasses import dataclass, replace
from pathlib import Path

from rl_intdim import runners
from rl_intdim.config.schema import SweepConfig
from rl_intdim.config.validation import check_d
from rl_intdim.files import check_folder
from rl_intdim.runners import TrialRunner
from rl_intdim.search.adaptive import largest
from rl_intdim.search.loop import spaced


@dataclass(frozen=True)
class Prepared:
    """A sweep that is ready to run."""

    config: SweepConfig  # the workers, the projection and the d of a grid resolved
    runner: TrialRunner
    D: int
    d_max: int


def prepare(config: SweepConfig) -> Prepared:
    """Check everything that can be checked before a trial runs. Raises ConfigError."""
    from rl_intdim.subspace.projections import check_memory, resolve
    from rl_intdim.subspace.testing import check_own
    from rl_intdim.training import learned
    from rl_intdim.training.trial import check

    check_folder("out", Path(config.out))
    runner = runners.load(config.runner, config.workers, config.threads)
    if not config.dry_run:
        runner.warm(config.agent)
    D = check(config.env, config.agent)
    runner.check_device(config.device)
    search = config.search
    check_d(search.ds or [], D, "search.ds")
    check_d([search.d_max or 0], D, "search.d_max")
    learned.check(config.subspace, config.env.budget, D)
    check_own(config.subspace.projection)
    d_max = largest(search, D)
    projection = resolve(config.subspace.projection, D, d_max)
    free, at_once = runner.memory()
    check_memory(projection, D, d_max, at_once, free)
    if search.grid:
        search = replace(search, grid=None, ds=spaced(search.grid, d_max))
    subspace = replace(config.subspace, projection=projection)
    config = replace(config, workers=runner.slots, subspace=subspace, search=search)
    return Prepared(config, runner, D, d_max)
