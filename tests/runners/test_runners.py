"""A runner answers for the place where its trials run, and a sweep asks nobody else."""

import json
import os
import subprocess
import sys
from concurrent.futures import Future
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import psutil
import pytest
import ray
from pebble import ProcessPool

from rl_intdim import runners
from rl_intdim.config import cli
from rl_intdim.config.schema import Runner
from rl_intdim.errors import ConfigError
from rl_intdim.runners import Memory, TrialError, TrialRunner
from rl_intdim.runners.local import LOST, LocalRunner
from rl_intdim.runners.ray import RayRunner
from rl_intdim.runners.throughput import busy, scoring_pace
from rl_intdim.sweep import sweep
from rl_intdim.training import resources

GiB = 2**30
HEAD = {"CPU": 0.0, "memory": 4.0 * GiB}  # where the sweep is started: trials have no room
LARGE = {"CPU": 8.0, "GPU": 1.0, "memory": 64.0 * GiB}
SMALL = {"CPU": 4.0, "memory": 16.0 * GiB}


def cluster(monkeypatch, *nodes, workers=None, **keys):
    """A runner that joined a cluster of these nodes."""
    monkeypatch.setattr(RayRunner, "_connect", lambda self: None)
    monkeypatch.setattr(ray, "nodes", lambda: [{"Alive": True, "Resources": node} for node in nodes])
    return RayRunner(Runner("ray", "auto", **keys), workers)


def test_slots_are_counted_node_by_node(monkeypatch):
    assert cluster(monkeypatch, HEAD, LARGE, SMALL).slots == 12
    assert cluster(monkeypatch, HEAD, LARGE, SMALL, cpus=3.0).slots == 3  # not 4: a trial stays on one node
    assert cluster(monkeypatch, HEAD, LARGE, SMALL, gpus=0.5).slots == 2
    assert cluster(monkeypatch, HEAD, LARGE, SMALL, workers=5).slots == 5
    with pytest.raises(
        ConfigError, match=r"runner\.cpus=9, .*more than any node .*\(0 CPU, 0 GPU; 4 CPU, 0 GPU; 8 CPU"
    ):
        _ = cluster(monkeypatch, HEAD, LARGE, SMALL, cpus=9.0).slots


def test_slots_here_are_as_many_as_the_gpus_hold(monkeypatch):
    monkeypatch.setattr("rl_intdim.runners.ray.cores", lambda: 16)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    assert [RayRunner(Runner("ray", gpus=gpus)).slots for gpus in (0.0, 0.25, 1.0)] == [16, 8, 2]


def test_memory_is_that_of_the_node_with_the_least_for_a_trial(monkeypatch):
    assert cluster(monkeypatch, HEAD, LARGE, SMALL).memory() == Memory(16 * GiB, 4)
    assert cluster(monkeypatch, HEAD, LARGE, SMALL, gpus=0.25).memory() == Memory(64 * GiB, 4)
    assert cluster(monkeypatch, HEAD, LARGE, SMALL, workers=1).memory() == Memory(16 * GiB, 1)
    assert LocalRunner(0).memory().trials == 1
    assert LocalRunner(3).memory() == RayRunner(Runner("ray"), 3).memory()._replace(free=LocalRunner(3).memory().free)
    assert 0 < LocalRunner().memory().free <= psutil.virtual_memory().total


def test_no_more_threads_than_cores(monkeypatch):
    for where in ("local", "ray"):
        monkeypatch.setattr(f"rl_intdim.runners.{where}.cores", lambda: 16)
    assert [LocalRunner(None, threads).slots for threads in (1, 4, 99)] == [16, 4, 1]
    assert LocalRunner(3, 16).slots == 3
    assert RayRunner(Runner("ray", cpus=4.0)).slots == 4


def test_a_device_that_only_some_nodes_have_needs_a_trial_to_ask_for_it(monkeypatch):
    asked: list[Any] = []
    monkeypatch.setattr(RayRunner, "call", lambda self, *call: asked.append(call))
    with pytest.raises(ConfigError, match=r"runner\.gpus=0: with device=cuda .* node without a GPU"):
        cluster(monkeypatch, LARGE, SMALL).check_device("cuda")
    cluster(monkeypatch, LARGE, SMALL).check_device("auto")
    assert asked == []
    cluster(monkeypatch, LARGE, SMALL, gpus=1.0).check_device("cuda")
    cluster(monkeypatch, LARGE, LARGE).check_device("cuda")
    assert asked == [(resources.check_device, "cuda")] * 2


def test_the_devices_of_this_machine(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    for runner in (LocalRunner(), RayRunner(Runner("ray"))):
        runner.check_device("auto")
        with pytest.raises(ConfigError, match=r"device=cuda: .* no CUDA device here"):
            runner.check_device("cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    monkeypatch.setattr("torch.cuda.device_count", lambda: 2)
    LocalRunner().check_device("cuda:1")
    for name in ("cuda:2", "cudas", "cuda:x"):
        with pytest.raises(ConfigError, match=rf"device={name}: not here\. .*cuda:1"):
            LocalRunner().check_device(name)


def test_workers_that_cannot_be_started_cost_each_trial_an_attempt(monkeypatch):
    """Pebble starts them within `schedule`, where a fork server that dies is BrokenProcessPool."""

    def broken(self, *args, **kwargs):
        raise BrokenProcessPool

    monkeypatch.setattr(ProcessPool, "schedule", broken)
    assert list(LocalRunner(2).run([1, 2])) == [(1, TrialError(LOST)), (2, TrialError(LOST))]


def test_trials_given_in_the_moment_in_which_the_workers_are_lost_cost_an_attempt_too(monkeypatch):
    """Pebble leaves them pending for ever, as here, and the sweep would wait as long."""
    monkeypatch.setattr(ProcessPool, "schedule", lambda self, *args, **kwargs: Future())
    monkeypatch.setattr(ProcessPool, "active", False)
    monkeypatch.setattr(runners, "TICK", 0.1)
    assert list(LocalRunner(2).run([1, 2])) == [(1, TrialError(LOST)), (2, TrialError(LOST))]


LOADED = """
import multiprocessing, sys
from rl_intdim.config import cli
from rl_intdim.runners.local import LocalRunner

if __name__ == "__main__":
    LocalRunner(1).warm(cli.load("sweep", ["agent=" + sys.argv[1]]).agent)
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        modules = pool.apply(eval, ("list(__import__('sys').modules)",))
    print(*sorted({"cma", "stable_baselines3"} & set(modules)))
"""


@pytest.mark.parametrize(("agent", "loaded"), [("cma", "cma"), ("a2c", "stable_baselines3")])
def test_workers_start_with_what_the_agents_trials_import(tmp_path, agent, loaded):
    """A worker that imports it for itself would take a second more to its first result."""
    (tmp_path / "script.py").write_text(LOADED)
    said = subprocess.run([sys.executable, "script.py", agent], capture_output=True, text=True, check=True)
    assert said.stdout.split() == [loaded]


STOPPED = """
import multiprocessing, pathlib, signal, sys, time
from pebble import ProcessPool
from rl_intdim.runners.local import PRELOAD

class Late:
    def __reduce__(self):
        return wait, ()

def wait():
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    pathlib.Path("begun").touch()
    while not pathlib.Path("stopped").exists():
        time.sleep(0.01)
    return "ready"

if __name__ == "__main__":
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([PRELOAD])
    pool = ProcessPool(1, context=context, initializer=print, initargs=(Late(),))
    pool.schedule(print)
    (worker,) = pool._pool_manager.worker_manager.workers.values()
    while not pathlib.Path("begun").exists():
        time.sleep(0.01)
    pool._pool_manager.worker_manager.close_channels()  # as `stop` begins
    pathlib.Path("stopped").touch()
    worker.join()
    print(worker.exitcode)
    pool.stop()
    pool.join()
"""


def test_a_worker_that_starts_while_its_pool_is_stopped_ends_without_a_word(tmp_path):
    """As when a sweep is stopped at the beginning of a round; it once wrote a traceback below "Stopped."."""
    (tmp_path / "script.py").write_text(STOPPED)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("1\n", "")


ORPHAN = """
import os, time
os.register_at_fork(after_in_child=lambda: time.sleep(1))  # in which the server dies
import rl_intdim.runners.preload

print("work" if os.fork() == 0 else "server", flush=True)
os._exit(0)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a worker is not tied to its server")
def test_a_worker_whose_server_died_as_it_was_forked_does_no_work():
    """It would take a trial that nobody could time or give up."""
    done = subprocess.run([sys.executable, "-c", ORPHAN], capture_output=True, text=True, check=True)
    assert done.stdout == "server\n"


INTERRUPTED = """
import multiprocessing, os, signal, time
from multiprocessing import forkserver
from rl_intdim.config import cli
from rl_intdim.runners.local import LocalRunner

if __name__ == "__main__":
    LocalRunner(1).warm(cli.load("sweep", []).agent)
    server = forkserver._forkserver._forkserver_pid
    for _ in range(20):
        os.kill(server, signal.SIGINT)
        time.sleep(0.05)
    with multiprocessing.get_context("forkserver").Pool(1) as pool:
        print(pool.apply(os.getppid) == server)  # no other has taken its place
"""


def test_a_fork_server_leaves_ctrl_c_to_the_sweep_from_its_beginning(tmp_path):
    """It imports for seconds; a Ctrl-C, which reaches the whole group, once ended it there with a traceback."""
    (tmp_path / "script.py").write_text(INTERRUPTED)
    done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("True\n", "")


class Elsewhere(LocalRunner):
    """A place that has what this machine has not."""

    slots = 1000

    def __init__(self) -> None:
        self.called: list[str] = []

    def memory(self) -> Memory:
        return Memory(2**50, 1)

    def check_device(self, name: str) -> None:
        self.called.append(name)

    def call(self, function, *args, **kwargs):
        self.called.append(function.__name__)
        return {scoring_pace: (1000.0, 100.0), busy: 0.0}.get(function, 1000.0)


def test_a_sweep_asks_its_runner_for_devices_memory_and_pace(monkeypatch, capsys):
    """P of 1,000 trials is far more than this machine has, and a CUDA device there may be none."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    little = psutil.virtual_memory()._replace(available=100)
    there: TrialRunner = Elsewhere()
    monkeypatch.setattr(runners, "load", lambda *configured: there)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: little)
    words = ["env.checkpoint=10_000", "search.ds=[1]", "device=cuda", "subspace.projection=dense"]
    assert sweep(cli.load("sweep", [*words, "dry_run=true"])) is None
    said = capsys.readouterr().out
    assert there.called == ["cuda", "busy", "pace", "scoring_pace"]
    assert "1,000 env steps/s" in said
    assert "15 trials at a time" in said  # as many as there are


@pytest.mark.slow
def test_what_is_called_on_a_cluster_runs_there_and_raises_here():
    ray.init(address="local", num_cpus=1, include_dashboard=False, _node_ip_address="127.0.0.1", log_to_driver=False)
    try:
        runner = RayRunner(Runner("ray", "auto"))
        assert runner.slots == 1
        assert runner.call(lambda: os.getpid()) != os.getpid()
        with pytest.raises(ConfigError, match=r"^device=cuda:99"):
            runner.call(resources.check_device, "cuda:99")
        with pytest.raises(ConfigError, match=r"runner\.address=auto: loads fails there: Expecting value"):
            runner.call(json.loads, "x")
    finally:
        ray.shutdown()
