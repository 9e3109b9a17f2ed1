"""Kill a real sweep at random moments and compare what it ends with, to the bit, with an undisturbed one.

    python scripts/torture_sweep.py

Twenty times, at a random moment: SIGKILL to the sweep, to one of its workers, or to all of them at once, or
Ctrl-C, or SIGTERM; then the same command again. Checked each time: every finished trial is still there, none
is counted twice, no process is left behind. Writes docs/results/torture.json.
"""

import argparse
import json
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import psutil
from recording import record

from rl_intdim.records.reader import read_config, read_result, read_trials
from rl_intdim.records.result import SweepRecord
from rl_intdim.search.trials import TrialRecord

OUT = Path(__file__).parent.parent / "docs" / "results" / "torture.json"
WAYS = ("kill the sweep", "kill a worker", "kill both", "Ctrl-C", "SIGTERM")
PATIENCE = 30.0  # seconds that processes may take to end


def start(words: list[str], folder: Path) -> psutil.Popen:
    command = [sys.executable, "-m", "rl_intdim.sweep", *words, f"out={folder}"]
    return psutil.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, process_group=0)


def attack(sweep: psutil.Popen, way: str, rng: random.Random) -> list[psutil.Process]:
    """Do it; returns all processes that the sweep had."""
    below = sweep.children(recursive=True)
    workers = [worker for server in sweep.children() for worker in server.children()]
    victims: dict[str, list[psutil.Process]] = {
        "kill the sweep": [sweep],
        "kill a worker": [rng.choice(workers)] if workers else [],
        "kill both": [sweep, *below],
    }
    for process in victims.get(way, []):
        process.kill()
    if way == "Ctrl-C":  # as a terminal does: to the whole group
        for process in [sweep, *below]:
            process.send_signal(signal.SIGINT)
    if way == "SIGTERM":
        sweep.terminate()
    return below


def told(folder: Path) -> tuple[SweepRecord, list[TrialRecord]]:
    """All that a sweep says, but for times, command and commit."""
    result = read_result(folder)
    if result is None:
        raise SystemExit(f"{folder}: the sweep ended without a result.")
    trials = sorted(recorded(folder), key=lambda t: t.seed)
    # A commit made meanwhile changes nothing that runs.
    return replace(result, seconds=0.0, command="", commit=None), [replace(t, seconds=0.0) for t in trials]


def recorded(folder: Path) -> list[TrialRecord]:
    return read_trials(folder, read_config(folder)) if (folder / "trials.jsonl").exists() else []


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--ways", nargs="+", choices=WAYS, default=WAYS)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("overrides", nargs="*", help="of the sweep, such as env=CartPole search.max_trials=48")
    args = parser.parse_args()
    rng, log = random.Random(args.seed), []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job hands down a deaf ear
    with TemporaryDirectory() as scratch:
        calm, wild = Path(scratch, "calm"), Path(scratch, "wild")
        began = time.monotonic()
        undisturbed = start(args.overrides, calm)
        if undisturbed.wait():
            raise SystemExit(undisturbed.stderr.read().decode())
        seconds = time.monotonic() - began
        before: list[TrialRecord] = []
        kills = finished = 0
        while not finished or kills < args.kills:
            if finished and kills < args.kills:  # it ended before it was killed often enough: begin a new one
                finished, before, wild = 0, [], Path(scratch, f"wild{kills}")
            sweep = start(args.overrides, wild)
            below: list[psutil.Process] = []
            way = "none"
            if kills < args.kills:
                try:
                    sweep.wait(timeout=rng.uniform(2, 2 + 3 * seconds / args.kills))
                except psutil.TimeoutExpired:
                    way = rng.choice(args.ways)
                    below = attack(sweep, way, rng)
                    kills += 1
                    if way == "kill a worker":  # the sweep itself goes on; a while later it is killed too
                        try:
                            sweep.wait(timeout=rng.uniform(1, 4))
                        except psutil.TimeoutExpired:
                            below += attack(sweep, "kill the sweep", rng)
            errors = sweep.stderr.read().decode()
            status = sweep.wait()
            _, alive = psutil.wait_procs(below, timeout=PATIENCE)
            after = recorded(wild)
            jobs = [(t.d, t.seed) for t in after]
            entry: dict[str, Any] = {
                "way": way,
                "status": status,
                "trials": len(after),
                "lost": before != after[: len(before)],
                "twice": len(jobs) - len(set(jobs)),
                "left_behind": len(alive),
                "traceback": "Traceback" in errors,
            }
            if entry["traceback"]:
                entry["errors"] = errors
            log.append(entry)
            print(entry, flush=True)
            before, finished = after, int(status == 0)
            if status == 0 and told(wild) != told(calm):
                raise SystemExit("The answer differs from that of the undisturbed sweep.")
        failures = wild / "failures.jsonl"
        figures = {
            "kills": kills,
            "by_way": {way: sum(e["way"] == way for e in log) for way in args.ways},
            "lost": sum(e["lost"] for e in log),
            "twice": sum(e["twice"] for e in log),
            "left_behind": sum(e["left_behind"] for e in log),
            "tracebacks": sum(e["traceback"] for e in log),
            "breakdowns_recorded": len(failures.read_text().splitlines()) if failures.exists() else 0,
            "trials": len(before),
            "same_answer_to_the_bit": told(wild) == told(calm),
            "seconds_undisturbed": round(seconds, 1),
            "log": log,
        }
    record(figures, args.out)
    print(json.dumps({key: value for key, value in figures.items() if key != "log"}, indent=2))
    if figures["lost"] or figures["twice"] or figures["left_behind"] or figures["tracebacks"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
