"""Where the trainings of a sweep run: this machine, its devices and its memory. Small programs stand for trainings."""

import importlib.util
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
from wxml.errors import ArtefactError, ConfigError
from wxml.files.lock import locked
from wxml_trainer_lightning.sweeping import memory_share
from wxml_trainer_lightning.sweeping.command import command
from wxml_trainer_lightning.sweeping.devices import visible_devices
from wxml_trainer_lightning.sweeping.ground import Ground
from wxml_trainer_lightning.sweeping.job import Sweep
from wxml_trainer_lightning.sweeping.launching import LOG_NAME
from wxml_trainer_lightning.sweeping.plan import PlannedRun, plan
from wxml_trainer_lightning.sweeping.record import open_record

pytestmark = pytest.mark.usefixtures("interruptible")
spec = importlib.util.spec_from_file_location("sweep_trial", Path(__file__).with_name("sweep_trial.py"))
assert spec is not None
assert spec.loader is not None
trials = importlib.util.module_from_spec(spec)
spec.loader.exec_module(trials)
LIMIT, RUNS, Trial = trials.LIMIT, trials.RUNS, trials.Trial
LEAVES, LEAVING, SAYS, STAYS, send, wait_for = (
    getattr(trials, name) for name in ("LEAVES", "LEAVING", "SAYS", "STAYS", "send", "wait_for")
)


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


def test_a_place_is_free_once_its_training_is_told_to_have_ended(tmp_path, monkeypatch) -> None:
    """Not as soon as it has ended, between two looks: more would be shown as running than there are places."""
    trial = Trial(tmp_path, *["import time; time.sleep(0.3)"] * 3)
    monkeypatch.setattr(trial, "meanwhile", lambda: time.sleep(0.6))
    assert trial.run() == [(number, "finished") for number in "123"]
    assert trial.most == 1


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


def test_a_training_leaves_when_the_process_that_has_started_it_is_killed(tmp_path) -> None:
    program = LEASHED.replace("signal.signal(", f"{LEAVING}signal.signal(")
    with subprocess.Popen([sys.executable, "-c", HOLDER, tmp_path, program]) as holder:
        wait_for(tmp_path / "ready")
        time.sleep(0.2)
        assert not (tmp_path / "left").exists()
        holder.kill()
    wait_for(tmp_path / "left")


# Devices and processors


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
