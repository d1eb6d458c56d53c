"""A sweep on a cluster of dask, whose workers are in this process. Small programs stand for trainings."""

import importlib.util
import signal
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from wxml.cluster import cluster_client
from wxml.errors import ArtefactError
from wxml_trainer_lightning.sweeping.errand import train_here
from wxml_trainer_lightning.sweeping.ground import Ground

pytestmark = pytest.mark.usefixtures("interruptible")
spec = importlib.util.spec_from_file_location("sweep_trial", Path(__file__).with_name("sweep_trial.py"))
assert spec is not None
assert spec.loader is not None
trials = importlib.util.module_from_spec(spec)
spec.loader.exec_module(trials)
RUNS, Trial = trials.RUNS, trials.Trial
LEAVES, LEAVING, SAYS, STAYS, send, wait_for = (
    getattr(trials, name) for name in ("LEAVES", "LEAVING", "SAYS", "STAYS", "send", "wait_for")
)


@pytest.fixture
def cluster(monkeypatch):
    """Two workers of two threads each, in this process."""
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr("wxml_trainer_lightning.sweeping.cluster.LOOK_SECONDS", 0.1)
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=2, processes=False, dashboard_address=":0", protocol="tcp"
    ) as made:
        yield made


def on(cluster, trial, jobs: int | None = None) -> list[tuple[str, str]]:
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
