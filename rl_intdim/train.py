"""python -m rl_intdim.train: run one trial at one d."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rich.console import Console

from rl_intdim.config import cli
from rl_intdim.config.schema import DIRECT, TrainConfig
from rl_intdim.config.validation import check_d
from rl_intdim.errors import ConfigError
from rl_intdim.files import check_folder, write_whole
from rl_intdim.records import folder_lock
from rl_intdim.records.result import points, trial_time_left
from rl_intdim.search.trials import TrialRecord
from rl_intdim.solution.solution import Solution
from rl_intdim.training.progress import NAME as PROGRESS

WORKING = "checkpoint"  # where a trial keeps its state; removed when it has finished
# One of them is there once it has begun.
OURS = {folder_lock.NAME, PROGRESS, f"{PROGRESS}.part", "state.pt", "direct"}


def train(config: TrainConfig) -> None:
    """Run one trial and print its score; write it to `out` if given. Raises IntdimError."""
    from rl_intdim.tasks.output import hearing, notes

    console = cli.console()
    with hearing(notes(console)):
        if config.out:
            _check_out(Path(config.out))
        _train(config, console)


def _check_out(folder: Path) -> None:
    """Raise ConfigError if the folder holds another trial, a sweep, or a WORKING of something else, which would be
    removed at the end."""
    check_folder("out", folder)
    working = folder / WORKING
    if (folder / "trial.json").exists():
        raise ConfigError(f"out={folder}: holds a trial already. Give another out=...")
    if (folder / "config.yaml").exists():
        raise ConfigError(f"out={folder}: is the run folder of a sweep. Give another out=...")
    if (folder / "solution.json").exists() and not working.exists():
        raise ConfigError(f"out={folder}: holds a solution already. Give another out=...")
    kept = {path.name for path in working.iterdir()} if working.is_dir() else set()
    if (kept and not kept & OURS) or (working.exists() and not working.is_dir()):
        raise ConfigError(f"out={folder}: its {WORKING} is not that of a trial. Give another out=...")


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Make the folder and hold it, so that no other process runs a trial there. Raises ConfigError."""
    busy = "another process runs a trial there. Give another out=..."
    with folder_lock.held(folder / WORKING, folder, busy):
        _check_out(folder)  # again, now that no other process can write
        yield


def _train(config: TrainConfig, console: Console) -> None:
    from rl_intdim.runners.local import LocalRunner
    from rl_intdim.subspace.projections import resolve
    from rl_intdim.subspace.testing import check_own
    from rl_intdim.training import learned
    from rl_intdim.training.spec import TrialSpec
    from rl_intdim.training.trial import check, run_trial

    D = check(config.env, config.agent, config.device)
    if isinstance(config.d, int):
        check_d([config.d], D, "d")
    learned.check(config.subspace, config.env.budget, D)
    check_own(config.subspace.projection)
    projection = resolve(config.subspace.projection, D, D if config.d == DIRECT else config.d)

    def on_look(env_steps: int, score: float, norm: float, seconds: float) -> None:
        left = trial_time_left(seconds, env_steps, config.env.budget)
        console.print(
            f"{env_steps:>9,} env steps  look {points(score):>8}  norm of theta_d {norm:<8.3g} {left} left at most"
        )

    trial = TrialSpec(
        *(config.env, config.agent, projection, config.d, config.seed),
        threads=config.threads,
        device=config.device,
        folder=str(Path(config.out, WORKING).resolve()) if config.out else None,
        tensorboard=str(Path(config.tensorboard).resolve()) if config.tensorboard else None,
        cores=LocalRunner(workers=0).cores,
        learned=config.subspace.learned(config.env.budget),
    )
    if trial.learns and trial.learned:
        console.print(f"Learned basis: a direct run of {trial.learned.direct_steps:,} env steps comes first.")
    with _held(Path(config.out)) if config.out else nullcontext():
        result = run_trial(trial, on_look)
        _tell(config, console, result, D)
        if config.out:
            _write(config, console, result, projection)


def _tell(config: TrainConfig, console: Console, result: TrialRecord, D: int) -> None:
    """Print what a trial has shown."""
    when = f" after {result.solved_at:,} env steps" if result.solved_at else ""
    how = f"solved{when}" if result.solved else "not solved"
    console.print(f"{config.env.name} by {config.agent.name}, d = {config.d} of D = {D:,}, seed {config.seed}:")
    console.print(f"score {points(result.score)}, {how} (threshold {config.env.threshold:g})")
    beside = f" and {result.subspace_steps:,} of the direct run before" if result.subspace_steps else ""
    console.print(f"{result.env_steps:,} env steps{beside}, {result.seconds:.1f} s")


def _write(config: TrainConfig, console: Console, result: TrialRecord, projection: str) -> None:
    """Write a finished trial into its folder."""
    folder = Path(config.out or "")
    solution = Solution(
        *(config.env, config.agent.name, projection, config.d, config.seed, result.score, result.theta_d or []),
        theta0=result.theta0,
        basis=result.basis,
    )
    # Until trial.json is there, the folder of its state says that solution.json is ours.
    solution.save(folder / "solution.json")
    # Last, since trial.json marks the trial as finished; without it, the same command resumes from a checkpoint.
    write_whole(folder / "trial.json", json.dumps(result.line()) + "\n")
    shutil.rmtree(folder / WORKING, ignore_errors=True)
    console.print(f"Wrote {folder / 'trial.json'} and {folder / 'solution.json'}")


def main() -> None:
    """The command, as it stands in sys.argv."""
    cli.main("train", train, __doc__)


if __name__ == "__main__":
    main()
