"""Where the trainings of a sweep run: this machine, its devices and its memory. Small programs stand for trainings."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from wxml.cluster import cluster_client
from wxml.errors import ArtefactError, ConfigError
from wxml.files.lock import locked
from wxml_trainer_lightning.sweeping import memory_share
from wxml_trainer_lightning.sweeping.command import command
from wxml_trainer_lightning.sweeping.devices import visible_devices
from wxml_trainer_lightning.sweeping.dispatch import Dispatch, Listener
from wxml_trainer_lightning.sweeping.errand import train_here
from wxml_trainer_lightning.sweeping.ground import Ground
from wxml_trainer_lightning.sweeping.job import Sweep
from wxml_trainer_lightning.sweeping.launching import LOG_NAME, Order
from wxml_trainer_lightning.sweeping.machine import Machine
from wxml_trainer_lightning.sweeping.plan import PlannedRun, plan
from wxml_trainer_lightning.sweeping.record import open_record

LIMIT = 60
RUNS = tuple(
    PlannedRun(f"{number}_seed-{number}", {"seed": f"{number}"}, (f"seed={number}",)) for number in range(1, 6)
)


class Trial(Listener):
    """Runs small programs in place of trainings, and notes what is told."""

    def __init__(self, folder: Path, *programs: str) -> None:
        self.folder = folder
        self.programs = dict(zip((run.name for run in RUNS), programs, strict=False))
        self.told: list[tuple[str, str]] = []
        self.begun: list[tuple[str, str]] = []
        self.running = self.most = 0

    def order(self, run: PlannedRun) -> Order:
        folder = self.folder / run.name
        folder.mkdir(exist_ok=True)
        return Order((), str(folder), str(self.folder), program=self.programs[run.name])

    def began(self, run, place) -> None:
        self.begun.append((run.name[0], place))
        self.running += 1
        self.most = max(self.most, self.running)

    def ended(self, run, status, seconds) -> None:
        self.told.append((run.name[0], status))
        self.running -= 1

    def lost(self, run, reason, seconds) -> bool:
        self.told.append((run.name[0], reason))
        self.running -= 1
        return True

    def meanwhile(self) -> None:
        """Do nothing."""

    def run(self, jobs: int = 1, devices=(), runs=RUNS) -> list[tuple[str, str]]:
        return self.run_at(Machine(self.order, jobs, devices), runs)

    def run_at(self, places, runs=RUNS) -> list[tuple[str, str]]:
        self.dispatch = Dispatch(places, self)
        self.dispatch.run(runs[: len(self.programs)], self.meanwhile)
        return self.told

    def said(self, number: int) -> str:
        return (self.folder / RUNS[number - 1].name / LOG_NAME).read_text()


# Side by side


def test_a_failure_does_not_stop_the_others(tmp_path) -> None:
    assert Trial(tmp_path, "", "raise SystemExit(2)", "raise SystemExit(75)").run() == [
        ("1", "finished"),
        ("2", "failed"),
        ("3", "stopped"),
    ]


@pytest.mark.parametrize("jobs", [1, 2, 5])
def test_as_many_run_side_by_side_as_asked(tmp_path, jobs) -> None:
    trial = Trial(tmp_path, *["import time; time.sleep(0.5)"] * 3)
    assert sorted(trial.run(jobs)) == [("1", "finished"), ("2", "finished"), ("3", "finished")]
    assert trial.most == min(jobs, 3)


LEAVES = """
import pathlib, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
pathlib.Path("ready").touch()
time.sleep(60)
"""
STAYS = LEAVES.replace("lambda *_: sys.exit(75)", "signal.SIG_IGN")


def send(folder: Path, number: int, *delays: float) -> None:
    """Send a signal to this process after each of the delays, which begin when a program is ready."""

    def work() -> None:
        while not (folder / "ready").exists():
            time.sleep(0.01)
        for delay in delays:
            time.sleep(delay)
            os.kill(os.getpid(), number)

    threading.Thread(target=work).start()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_and_starts_no_more(tmp_path, number) -> None:
    before = signal.getsignal(number)
    trial = Trial(tmp_path, LEAVES, "import time; time.sleep(60)", "")
    send(tmp_path, number, 0.2)
    assert sorted(trial.run(2)) == [("1", "stopped"), ("2", "stopped")]
    assert trial.dispatch.signal == number
    assert signal.getsignal(number) is before


def test_a_second_signal_ends_what_does_not_listen(tmp_path) -> None:
    trial = Trial(tmp_path, STAYS)
    send(tmp_path, signal.SIGTERM, 0.2, 0.5)
    assert trial.run() == [("1", "stopped")]


def test_an_error_of_the_sweep_leaves_no_process_and_is_recorded(tmp_path) -> None:
    trial = Trial(tmp_path, "import os; print(os.getpid(), flush=True); import time; time.sleep(60)")

    def fail() -> None:
        if (tmp_path / RUNS[0].name / LOG_NAME).read_text():
            raise ZeroDivisionError

    trial.meanwhile = fail
    with pytest.raises(ZeroDivisionError):
        trial.run()
    with pytest.raises(ProcessLookupError):
        os.kill(int(trial.said(1)), 0)
    assert trial.told == [("1", "stopped")]


HOLDER = """
import sys, time
from wxml_trainer_lightning.sweeping.launching import Order, Process
held = Process(Order((), sys.argv[1], sys.argv[1], program=sys.argv[2]))
time.sleep(60)
"""
LEASHED = "from wxml_trainer_lightning.sweeping.leash import hold; hold()\n" + LEAVES.replace("sys.exit(75)", "left()")
LEAVING = "def left():\n    pathlib.Path('left').touch()\n    sys.exit(75)\n"


def wait_for(path: Path) -> None:
    until = time.monotonic() + LIMIT
    while not path.exists():
        assert time.monotonic() < until, path
        time.sleep(0.01)


def test_a_training_leaves_when_the_process_that_has_started_it_is_killed(tmp_path) -> None:
    program = LEASHED.replace("signal.signal(", f"{LEAVING}signal.signal(")
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path, program]) as holder:
        wait_for(tmp_path / "ready")
        time.sleep(0.2)
        assert not (tmp_path / "left").exists()
        holder.kill()
    wait_for(tmp_path / "left")


# Devices and processors

SAYS = "import os; print(os.environ.get('CUDA_VISIBLE_DEVICES'), os.environ.get('OMP_NUM_THREADS'))"


def test_each_training_has_devices_and_processors_of_its_own(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    trial = Trial(tmp_path, *[f"{SAYS}; import time; time.sleep(0.5)"] * 5)
    runs = [replace(run, devices=devices) for run, devices in zip(RUNS, (1, 2, 3, 1, 1), strict=True)]
    devices = [(f"cuda:{number}", f"{number + 4}") for number in range(4)]
    trial.run(9, devices, runs)
    given = [set(trial.said(number).split()[0].split(",")) for number in range(1, 6)]
    assert [len(one) for one in given] == [1, 2, 3, 1, 1]
    assert set.union(*given) == {"4", "5", "6", "7"}
    assert not given[0] & given[1]
    assert [trial.said(number).split()[1] for number in range(1, 6)] == ["4", "8", "12", "4", "4"]
    assert trial.begun[:2] == [("1", "cuda:0"), ("2", "cuda:1, cuda:2")]
    assert [number for number, _ in trial.begun] == ["1", "2", "3", "4", "5"]  # the third waits, and nobody overtakes


@pytest.mark.parametrize(("jobs", "user", "threads"), [(1, "", "None"), (3, "", "2"), (16, "", "1"), (3, "7", "7")])
def test_processes_side_by_side_divide_the_processors(tmp_path, monkeypatch, jobs, user, threads) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setenv("OMP_NUM_THREADS", user) if user else monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    trial = Trial(tmp_path, SAYS)
    trial.run(jobs)
    assert trial.said(1) == f"None {threads}\n"


@pytest.mark.carries_out("name devices that are there in --on, or leave it out to train on the processor")
def test_devices_are_those_that_this_process_sees(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    seen = {"CUDA_VISIBLE_DEVICES": "6, GPU-8f1"}
    assert visible_devices(("cuda:1", "cuda:0"), {}) == [("cuda:1", "1"), ("cuda:0", "0")]
    assert visible_devices(("cuda",), seen) == [("cuda:0", "6"), ("cuda:1", "GPU-8f1")]
    with pytest.raises(ArtefactError, match="on this machine: cuda:0, cuda:1; got cuda:2"):
        visible_devices(("cuda:0", "cuda:2"), seen)
    assert visible_devices(("cuda:0", "cuda:0"), seen) == [("cuda:0", "6")] * 2
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    with pytest.raises(ArtefactError, match="on this machine: none; got cuda\n"):
        visible_devices(("cuda",), {})


def test_trainings_that_do_not_fit_the_devices_are_refused_before_anything_runs(monkeypatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    runs = plan(None, ["training.devices=1,2,4", "training.accelerator=auto,cpu", "training.batch_size=8"], "x")
    with pytest.raises(ConfigError) as caught:
        Ground(devices=("cuda",)).check(runs)
    assert sorted(fault.key for fault in caught.value.faults) == ["training.accelerator", "training.devices"]
    assert "--on gives 2 to trainings, got 4" in str(caught.value)
    assert Ground(devices=("cuda",)).check(runs[:1]) == ()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--on", "gpu:0"), "cuda:0,cuda:1"),
        (("--on", "cuda:0,"), "cuda:0,cuda:1"),
        (("--memory", "60"), "512MiB"),
        (("--memory", "0B"), "512MiB"),
        (("--on", "cuda:0", "--scheduler", "tcp://host:1"), "--on and --scheduler exclude each other"),
        (("--memory", "1GiB", "--scheduler", "tcp://host:1"), "--memory and --scheduler exclude each other"),
    ],
)
def test_a_mistake_in_the_command_is_told(words, sentence) -> None:
    done = CliRunner().invoke(command, [*words, "seed=1,2"])
    assert done.exit_code == 2
    assert sentence in done.output


# Memory


@pytest.fixture
def free(monkeypatch):
    """100 GiB are free."""
    monkeypatch.setattr(memory_share, "free_memory", lambda: 100 * 2**30)


def limited(*limits: str | None) -> list[PlannedRun]:
    runs = zip(RUNS, limits, strict=False)
    return [replace(run, memory_limit=limit, accelerator="cpu") for run, limit in runs]


@pytest.mark.carries_out("lower --jobs, --memory or `model.memory_limit`")
@pytest.mark.usefixtures("free")
def test_trainings_side_by_side_have_to_fit_the_memory() -> None:
    runs = limited("60GiB", "30GiB", "50GiB")
    with pytest.raises(ArtefactError, match=r"2 trainings .* may take 60.0 GiB \+ 50.0 GiB .* 100.0 GiB are free"):
        Ground(jobs=2).check(runs)
    assert Ground(jobs=1).check(runs) == ()
    assert Ground(jobs=2).check(limited("60GiB", "30GiB", "40GiB")) == ()
    with pytest.raises(ArtefactError, match="are given by `--memory`"):
        Ground(jobs=2, memory="80GiB").check(runs)
    with pytest.raises(ArtefactError, match=r"`--memory` is 101.0 GiB, 100.0 GiB are free"):
        Ground(jobs=1, memory="101GiB").check(limited(None))


@pytest.mark.usefixtures("free")
def test_each_training_is_given_its_part_of_the_memory() -> None:
    assert Ground(jobs=4, memory="80GiB").check(limited(None, None, None, None)) == (
        f"model.memory_limit={20 * 2**30}B",
    )
    assert Ground(jobs=4, memory="80GiB").check(limited(None, None)) == (f"model.memory_limit={40 * 2**30}B",)
    assert Ground(jobs=2).check(limited(None, None)) == ()
    assert plan(None, ["seed=1,2", f"model.memory_limit={2**30}B"], "x")[0].memory_limit == f"{2**30}B"


# What is left of a sweep that was killed, and a place that is lost


def test_a_training_begins_when_the_one_of_a_killed_sweep_has_left(tmp_path) -> None:
    trial = Trial(tmp_path, "import time; print(time.time())")
    record = open_record(tmp_path, None, RUNS[:1], resume=False)
    record.began(RUNS[0].name)
    held, ended = threading.Event(), []

    def hold() -> None:
        with locked(tmp_path / RUNS[0].name / ".lock"):
            held.set()
            time.sleep(0.5)
            ended.append(time.time())

    thread = threading.Thread(target=hold)
    thread.start()
    assert held.wait(LIMIT)
    Sweep(RUNS[:1], tmp_path, record).run(Ground(), trial.order)
    thread.join()
    assert record.states[RUNS[0].name].status == "finished"
    assert float(trial.said(1)) > ended[0]


def test_a_training_whose_place_is_lost_again_and_again_has_failed(tmp_path) -> None:
    sweep = Sweep(RUNS, tmp_path, open_record(tmp_path, None, RUNS, resume=False))
    run, history = RUNS[0], tmp_path / RUNS[0].name / "history.csv"
    history.parent.mkdir()
    assert sweep.lost(run, "the worker has died", 1.0)
    assert sweep.lost(run, "the worker has died", 1.0)
    history.write_text("step,training_loss,validation_loss\n1,0.5,\n")  # it goes on, if slowly
    assert sweep.lost(run, "the worker has died", 1.0)
    assert sweep.lost(run, "the worker has died", 1.0)
    assert not sweep.lost(run, "the worker has died", 1.0)
    assert sweep.record.states[run.name].status == "failed"
    assert sweep.record.states[run.name].seconds == 5.0
    assert sweep.failures == {run.name: "error: the worker has died, 3 times without a step in between"}


# A cluster


@pytest.fixture
def cluster(monkeypatch):
    """Two workers of two threads each, in this process."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("wxml_trainer_lightning.sweeping.cluster.LOOK_SECONDS", 0.1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0", protocol="tcp"
    ) as made:
        yield made


def on(cluster, trial: Trial, jobs: int | None = None) -> list[tuple[str, str]]:
    with Ground(jobs=jobs, scheduler=cluster.scheduler_address).places(trial.order, len(trial.programs)) as places:
        return trial.run_at(places)


def test_each_worker_has_one_training_with_all_of_its_threads(tmp_path, cluster) -> None:
    trial = Trial(tmp_path, *[f"{SAYS}; import time; time.sleep(0.5)"] * 3, "raise SystemExit(2)")
    ends = on(cluster, trial)
    assert sorted(ends) == [("1", "finished"), ("2", "finished"), ("3", "finished"), ("4", "failed")]
    assert trial.most == 2
    assert {place for _, place in trial.begun} == {worker.address for worker in cluster.workers.values()}
    assert trial.said(1).split()[1] == "2"


def test_no_more_run_on_a_cluster_than_asked(tmp_path, cluster) -> None:
    trial = Trial(tmp_path, *["import time; time.sleep(0.3)"] * 2)
    assert on(cluster, trial, jobs=1) == [("1", "finished"), ("2", "finished")]
    assert trial.most == 1


def test_a_signal_reaches_the_workers(tmp_path, cluster) -> None:
    trial = Trial(tmp_path, LEAVES, STAYS.replace("ready", "ready too"), "")
    send(tmp_path, signal.SIGINT, 1.0, 1.0)
    assert sorted(on(cluster, trial)) == [("1", "stopped"), ("2", "stopped")]


def test_a_training_goes_on_elsewhere_when_its_worker_is_gone(tmp_path, cluster) -> None:
    again = "import pathlib, sys\nif pathlib.Path('ready').exists(): sys.exit()\n"
    trial = Trial(tmp_path, again + LEAVES)

    def close_the_first() -> None:
        wait_for(tmp_path / "ready")
        worker = next(one for one in cluster.workers.values() if one.address == trial.begun[0][1])
        cluster.sync(worker.close)

    thread = threading.Thread(target=close_the_first)
    thread.start()
    ends = on(cluster, trial)
    thread.join()
    (_, reason), last = ends
    first, second = (place for _, place in trial.begun)
    assert reason in (f"the worker at {first} is gone", f"the worker at {first} closes")
    assert second != first
    assert last == ("1", "finished")


def test_the_trainings_of_a_sweep_that_is_gone_leave(tmp_path, cluster) -> None:
    leaving = f"import pathlib, sys\n{LEAVING}" + LEAVES.replace("sys.exit(75)", "left()")
    order = Trial(tmp_path, leaving).order(RUNS[0])
    with cluster_client(cluster.scheduler_address, package="", again="") as client:
        future = client.submit(train_here, order)
        wait_for(tmp_path / "ready")
        assert future.status == "pending"
    wait_for(tmp_path / "left")


def test_a_scheduler_that_dies_is_told_and_trainings_leave(tmp_path, cluster) -> None:
    leaving = f"import pathlib, sys\n{LEAVING}" + LEAVES.replace("sys.exit(75)", "left()")
    trial = Trial(tmp_path, leaving)

    def close_the_scheduler() -> None:
        wait_for(tmp_path / "ready")
        cluster.sync(cluster.scheduler.close)

    thread = threading.Thread(target=close_the_scheduler)
    thread.start()
    with pytest.importorskip("dask").config.set({"distributed.comm.timeouts.connect": "1s"}):
        with pytest.raises(ArtefactError, match="did not finish the work") as caught:
            on(cluster, trial)
        thread.join()
        cluster.close()  # which asks the scheduler, too
    assert "--resume" in caught.value.fix
    assert len(trial.told) == 1  # stopped, or lost if its worker was seen to close before the scheduler
    wait_for(tmp_path / "left")


@pytest.mark.carries_out("start workers with the same packages and folders as this machine, {}")
def test_workers_that_cannot_train_get_no_training(tmp_path, cluster, caplog) -> None:
    trial = Trial(tmp_path, "")
    right = trial.order
    trial.order = lambda run: replace(right(run), directory=f"{tmp_path}/elsewhere")
    with pytest.raises(ArtefactError, match=r"no worker of the cluster at .* can train: it sees no folder .*elsewhere"):
        on(cluster, trial)
    assert caplog.text.count("gets no training any more") == 2
    trial.order = right
    assert on(cluster, trial)[-1] == ("1", "finished")


@pytest.mark.carries_out("see whether it runs, {}", "python -m pip install '{}'")
def test_a_cluster_that_is_not_there_is_told(tmp_path, cluster, monkeypatch) -> None:
    trial, ground = Trial(tmp_path, ""), Ground(scheduler="tcp://127.0.0.1:9")
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "distributed", None)
        with (
            pytest.raises(ArtefactError, match="needs the package distributed") as caught,
            ground.places(trial.order, 1),
        ):
            pass
    assert "'wxml-trainer-lightning[distributed]'" in caught.value.fix
    with (
        pytest.importorskip("dask").config.set(
            {"distributed.comm.timeouts.connect": "100ms", "distributed.comm.retry.count": 0}
        ),
        pytest.raises(ArtefactError, match=r"the cluster at tcp://127.0.0.1:9 did not finish the work") as caught,
        ground.places(trial.order, 1),
    ):
        pass
    assert "--resume" in caught.value.fix
    assert on(cluster, trial) == [("1", "finished")]
