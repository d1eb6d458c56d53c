"""Tracking by MLflow, read back without MLflow; and its failures, that a training outlives."""

import logging
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading

import pytest
from wxml.files.lock import locked
from wxml.masking import remember
from wxml.testing import TravellingWaves
from wxml_trainer_lightning import tracking
from wxml_trainer_lightning.history import Row
from wxml_trainer_lightning.tracking import MlflowTracker, open_tracker


def query(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A folder whose `mlflow.db` exists: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracked")
    with MlflowTracker(f"sqlite:///{folder / 'mlflow.db'}", "first", {"a": "1"}, None) as tracker:
        tracker([Row(1, 0.5, 0.1, 2), Row(2, 0.25, 0.05, 2, validation_loss=0.75)])
    return folder


def test_parameters_metrics_and_status_are_in_the_database(tracked) -> None:
    database = tracked / "mlflow.db"
    ((run, status),) = query(database, "select run_uuid, status from runs where name = 'first'")
    assert status == "FINISHED"
    assert query(database, f"select key, value from params where run_uuid = '{run}'") == [("a", "1")]  # noqa: S608
    metrics = query(database, f"select key, step, value from metrics where run_uuid = '{run}'")  # noqa: S608
    assert sorted(metrics) == [
        ("learning_rate", 1, 0.1),
        ("learning_rate", 2, 0.05),
        ("rollout", 1, 2.0),
        ("rollout", 2, 2.0),
        ("training_loss", 1, 0.5),
        ("training_loss", 2, 0.25),
        ("validation_loss", 2, 0.75),
    ]


def test_the_name_of_a_run_holds_no_secret(tracked) -> None:
    remember("ACCESS", "open-sesame")
    with open_tracker("mlflow", f"sqlite:///{tracked / 'mlflow.db'}", tracked / "run of open-sesame", {}, None):
        pass
    names = [name for (name,) in query(tracked / "mlflow.db", "select name from runs")]
    assert "run of ${oc.env:ACCESS}" in names
    assert "open-sesame" not in " ".join(names)


def test_a_resumed_training_goes_on_with_its_run(advection, fit, tracked, monkeypatch, caplog) -> None:
    reads = iter(range(10**6))
    read = TravellingWaves._read

    def interrupt(source, *args) -> None:
        if next(reads) == 9:
            raise KeyboardInterrupt
        read(source, *args)

    monkeypatch.setattr(TravellingWaves, "_read", interrupt)
    with pytest.raises(KeyboardInterrupt):
        fit(advection, tracked / "run", tracker="mlflow")
    runs = "select run_uuid, status from runs where name = 'run'"
    ((run, status),) = query(tracked / "mlflow.db", runs)
    assert status == "KILLED"
    fit(advection, tracked / "run", tracker="mlflow", resume=True)
    assert query(tracked / "mlflow.db", runs) == [(run, "FINISHED")]
    where = f"where run_uuid = '{run}'"
    losses = query(tracked / "mlflow.db", f"select distinct step from metrics {where} and key = 'training_loss'")  # noqa: S608
    assert sorted(losses) == [(step,) for step in range(1, 13)]
    parameters = dict(query(tracked / "mlflow.db", f"select key, value from params {where}"))  # noqa: S608
    assert parameters["training.max_steps"] == "12"
    assert parameters["data.timestep"] == '"6h"'
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_long_names_and_values_are_cut_to_the_limits(tracked) -> None:
    parameters = {"x" * 300: "y" * 7000, "strange [name]": "1"} | {f"p{number}": "0" for number in range(250)}
    with MlflowTracker(f"sqlite:///{tracked / 'mlflow.db'}", "long", parameters, None):
        pass
    table = query(
        tracked / "mlflow.db",
        "select length(key), length(value) from params join runs using (run_uuid) where name='long'",
    )
    assert len(table) == 252
    assert max(table) == (250, 6000)


@pytest.mark.parametrize("name", ["a%20b", "100%", "what?", "a?b=c&d", "x#y", "ü @:+$'[1]"])
def test_whatever_the_name_of_the_folder_the_records_are_beside_the_run(tracked, tmp_path, name) -> None:
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(tracked / "mlflow.db", folder)
    with open_tracker("mlflow", None, folder / "here", {}, None):
        pass
    assert query(folder / "mlflow.db", "select status from runs where name = 'here'") == [("FINISHED",)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


TRACK = """
import sys
from pathlib import Path
from wxml_trainer_lightning.tracking import open_tracker
sys.stdin.read()
with open_tracker("mlflow", None, Path(sys.argv[1]), {}, None):
    pass
"""


def test_trainings_that_start_together_are_all_tracked(tmp_path) -> None:
    command = [sys.executable, "-c", TRACK]
    began = [subprocess.Popen([*command, str(tmp_path / f"run{number}")], stdin=subprocess.PIPE) for number in range(3)]
    for process in began:
        assert process.stdin is not None
        process.stdin.close()
    assert [process.wait(600) for process in began] == [0, 0, 0]
    found = query(tmp_path / "mlflow.db", "select name, status from runs order by name")
    assert found == [(f"run{number}", "FINISHED") for number in range(3)]


def check_outage(fit, experiment, run_dir, caplog, uri) -> str:
    with caplog.at_level("WARNING", "wxml"):
        path = fit(experiment, run_dir, tracker="mlflow", tracking_uri=uri)
    assert path.exists()
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "wxml"]
    assert warning.startswith(f"tracking failed, training goes on without it ({uri})")
    return warning


def test_a_path_that_cannot_be_written_does_not_stop_a_training(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "DATABASE_SECONDS", 2.0)
    (tmp_path / "file").touch()
    check_outage(fit, advection, tmp_path / "run", caplog, f"sqlite:///{tmp_path}/file/mlflow.db")


def test_a_locked_database_does_not_stop_a_training(advection, fit, tracked, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "DATABASE_SECONDS", 1.0)
    connection = sqlite3.connect(tracked / "mlflow.db")
    connection.execute("begin exclusive")
    try:
        check_outage(fit, advection, tracked / "locked", caplog, f"sqlite:///{tracked / 'mlflow.db'}")
    finally:
        connection.close()


def test_a_database_that_another_process_makes_is_left_to_it(tmp_path, caplog, monkeypatch) -> None:
    """Two processes that both make the tables of a new file would both fail."""
    monkeypatch.setattr(tracking, "DATABASE_SECONDS", 0.5)
    with locked(tmp_path / ".mlflow.db.lock"):
        with MlflowTracker(f"sqlite:///{tmp_path / 'mlflow.db'}", "second", {}, None) as tracker:
            assert tracker.run is None
        for thread in threading.enumerate():
            if thread.name == "wxml-tracking":
                thread.join(600)
    assert not (tmp_path / "mlflow.db").exists()
    (warning,) = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert warning.startswith("tracking failed, training goes on without it")


def test_a_run_that_is_made_too_late_is_ended(tracked, caplog, monkeypatch) -> None:
    """The tracker has failed by then, so it would not end the run with the training."""
    monkeypatch.setattr(tracking, "DATABASE_SECONDS", 0.5)
    make, may_go = MlflowTracker._new_run, threading.Event()

    def late(self, client):
        may_go.wait(600)
        return make(self, client)

    monkeypatch.setattr(MlflowTracker, "_new_run", late)
    with MlflowTracker(f"sqlite:///{tracked / 'mlflow.db'}", "late", {}, None):
        may_go.set()
    for thread in threading.enumerate():
        if thread.name == "wxml-tracking":
            thread.join(600)
    assert query(tracked / "mlflow.db", "select status from runs where name = 'late'") == [("KILLED",)]
    assert "no answer within" in caplog.text


def test_a_refused_port_does_not_stop_a_training(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "OPEN_SECONDS", 10.0)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        check_outage(fit, advection, tmp_path / "run", caplog, f"http://127.0.0.1:{port}")


def test_a_server_that_never_answers_does_not_hold_a_training_up(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(tracking, "OPEN_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert "no answer within" in check_outage(fit, advection, tmp_path / "run", caplog, uri)


def test_a_tracker_that_fails_later_is_left_alone_after_one_warning(tracked, caplog, monkeypatch) -> None:
    tracker = MlflowTracker(f"sqlite:///{tracked / 'mlflow.db'}", "later", {}, None)
    calls = []

    def fail(_rows, _now) -> None:
        calls.append(threading.current_thread().name)
        raise OSError("the disk is gone")

    monkeypatch.setattr(tracking, "SEND_SECONDS", -1.0)
    monkeypatch.setattr(tracker, "_log", fail)
    with tracker:
        for step in range(5):
            tracker([Row(step, 0.5, 0.1, 1)])
    assert calls == ["wxml-tracking"]
    (warning,) = [record.getMessage() for record in caplog.records if record.name == "wxml"]
    assert warning.endswith("OSError: the disk is gone")


def test_no_telemetry_is_sent_and_servers_get_seconds(monkeypatch, tracked) -> None:
    import os

    for name in tracking.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    with MlflowTracker(f"sqlite:///{tracked / 'mlflow.db'}", "environment", {}, None):
        pass
    assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"  # the user's own choice stays
