"""Tracking by MLflow, read back without MLflow; and the failures of trackers, that a training outlives."""

import json
import logging
import os
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlparse
from urllib.request import url2pathname

import pytest
from wxml import PluginChoice, TrackedRun, Tracker
from wxml.errors import ConfigError
from wxml.files.lock import locked
from wxml.masking import remember
from wxml.testing import TravellingWaves
from wxml_trainer_lightning.history import Row
from wxml_trainer_lightning.tracking import mlflow_records, mlflow_tracker, outlet
from wxml_trainer_lightning.tracking.mlflow_records import MlflowRecords
from wxml_trainer_lightning.tracking.outlet import Outlet
from wxml_trainer_lightning.tracking.run_record import tracked_run
from wxml_trainer_lightning.tracking.trackers import Trackers
from wxml_trainer_lightning.tracking.trackers import tracked as open_trackers


def query(path, sql):
    connection = sqlite3.connect(path)
    try:
        return connection.execute(sql).fetchall()
    finally:
        connection.close()


def mlflow(folder, name, parameters=None, **options):
    """A context with a tracker of a run; its database is in `folder`, where the folder of the run is, too."""
    run = TrackedRun(name, folder / name, f"identity of {name}", parameters or {})
    return open_trackers([PluginChoice(plugin="mlflow", **options)], None, run, {})


@pytest.fixture(scope="module")
def tracked(tmp_path_factory):
    """A folder whose `mlflow.db` exists: making one takes seconds."""
    folder = tmp_path_factory.mktemp("tracked")
    with mlflow(folder, "first", {"a": "1"}, system_metrics=False) as trackers:
        trackers([Row(1, 0.5, 0.1, 2), Row(2, 0.25, 0.05, 2, validation_loss=0.75)])
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
    (tracked / "run of open-sesame").mkdir()
    run = tracked_run(tracked / "run of open-sesame", {})
    with open_trackers([PluginChoice(plugin="mlflow")], None, run, {}):
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


def test_long_names_and_values_are_cut_to_the_limits_and_whole_in_an_artefact(tracked) -> None:
    parameters = {"x" * 300: "y" * 7000, "strange [name]": "1"} | {f"p{number}": "0" for number in range(250)}
    with mlflow(tracked, "long", parameters):
        pass
    table = query(
        tracked / "mlflow.db",
        "select length(key), length(value) from params join runs using (run_uuid) where name='long'",
    )
    assert len(table) == 252
    assert max(table) == (250, 6000)
    ((uri,),) = query(tracked / "mlflow.db", "select artifact_uri from runs where name = 'long'")
    assert json.loads((Path(url2pathname(urlparse(uri).path)) / "parameters.json").read_text()) == parameters


def test_the_load_of_the_machine_is_recorded(tracked) -> None:
    with mlflow(tracked, "loaded") as trackers:
        trackers([Row(3, 0.5, 0.1, 2)])
    found = dict(
        query(tracked / "mlflow.db", "select key, value from metrics join runs using (run_uuid) where name = 'loaded'")
    )
    assert 1 < found["system/process_memory_usage_megabytes"] < found["system/system_memory_usage_megabytes"] * 100
    assert 0 <= found["system/cpu_utilization_percentage"] <= 100


def test_children_have_one_parent(tracked) -> None:
    for name in ("child 1", "child 2"):
        with mlflow(tracked, name, parent="the sweep's"):
            pass
    ((parent,),) = query(tracked / "mlflow.db", "select run_uuid from runs where name = 'the sweep''s'")
    tags = query(
        tracked / "mlflow.db", "select name, value from tags join runs using (run_uuid) where key='mlflow.parentRunId'"
    )
    assert sorted(tags) == [("child 1", parent), ("child 2", parent)]


@pytest.mark.parametrize("name", ["a%20b", "100%", "what?", "a?b=c&d", "x#y", "ü @:+$'[1]"])
def test_whatever_the_name_of_the_folder_the_records_are_beside_the_run(tracked, tmp_path, name) -> None:
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(tracked / "mlflow.db", folder)
    with mlflow(folder, "here"):
        pass
    assert query(folder / "mlflow.db", "select status from runs where name = 'here'") == [("FINISHED",)]
    assert [path.name for path in tmp_path.iterdir()] == [name]


TRACK = """
import os
import sys
from pathlib import Path
import mlflow
from wxml import PluginChoice, TrackedRun
from wxml_trainer_lightning.tracking.trackers import tracked
children = []
for folder in map(Path, sys.argv[1:]):
    children.append(os.fork())
    if not children[-1]:
        with tracked([PluginChoice(plugin="mlflow")], None, TrackedRun(folder.name, folder, folder.name, {}), {}):
            pass
        os._exit(0)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
"""Forks of a process that has imported everything start the nearer together."""


def test_trainings_that_start_together_are_all_tracked(tmp_path) -> None:
    folders = [str(tmp_path / f"run{number}") for number in range(3)]
    subprocess.run([sys.executable, "-c", TRACK, *folders], check=True, timeout=600)
    found = query(tmp_path / "mlflow.db", "select name, status from runs order by name")
    assert found == [(f"run{number}", "FINISHED") for number in range(3)]


# Outages


def check_outage(fit, experiment, run_dir, caplog, uri) -> str:
    with caplog.at_level("WARNING", "wxml"):
        path = fit(experiment, run_dir, tracker="mlflow", tracking_uri=uri)
    assert path.exists()
    outage, end = [record.getMessage() for record in caplog.records if record.name == "wxml"]
    assert outage.startswith(f"tracking failed, training goes on without it ({uri})")
    assert end.startswith(f"the end of the training is not recorded ({uri})")
    return outage


def test_a_path_that_cannot_be_written_does_not_stop_a_training(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(mlflow_records, "LOCK_SECONDS", 2.0)
    (tmp_path / "file").touch()
    check_outage(fit, advection, tmp_path / "run", caplog, f"sqlite:///{tmp_path}/file/mlflow.db")


def test_a_locked_database_does_not_stop_a_training(advection, fit, tracked, caplog, monkeypatch) -> None:
    monkeypatch.setattr(mlflow_tracker, "DATABASE_SECONDS", 1.0)
    connection = sqlite3.connect(tracked / "mlflow.db")
    connection.execute("begin exclusive")
    try:
        check_outage(fit, advection, tracked / "locked", caplog, f"sqlite:///{tracked / 'mlflow.db'}")
    finally:
        connection.close()


def test_a_database_that_another_process_makes_is_left_to_it(tmp_path, caplog, monkeypatch) -> None:
    """Two processes that both make the tables of a new file would both fail."""
    monkeypatch.setattr(mlflow_records, "LOCK_SECONDS", 0.5)
    with locked(tmp_path / ".mlflow.db.lock"), mlflow(tmp_path, "second") as trackers:
        pass
    assert trackers.runs == {}
    assert not (tmp_path / "mlflow.db").exists()
    first, _ = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert first.startswith("tracking failed, training goes on without it")


def test_a_refused_port_does_not_stop_a_training(advection, fit, tmp_path, caplog) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        check_outage(fit, advection, tmp_path / "run", caplog, f"http://127.0.0.1:{port}")


def test_a_server_that_never_answers_does_not_hold_a_training_up(advection, fit, tmp_path, caplog, monkeypatch) -> None:
    monkeypatch.setattr(Tracker, "patience", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        uri = f"http://127.0.0.1:{server.getsockname()[1]}"
        assert "no answer within" in check_outage(fit, advection, tmp_path / "run", caplog, uri)


def wait_until(is_so) -> None:
    until = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < until
        time.sleep(0.01)


class Broken(Tracker):
    """Fails in one of its calls, once or always."""

    patience = 5.0

    def __init__(self, run, fails, always) -> None:
        super().__init__(run)
        self.fails, self.always = fails, always
        self.rows, self.calls = [], []

    def _call(self, name) -> None:
        self.calls.append(name)
        if name == self.fails and (self.always or self.calls.count(name) == 1):
            raise SystemError("the disk is gone")

    def open(self, known):
        self._call("open")
        return "known"

    def log(self, rows) -> None:
        self._call("log")
        self.rows += [row.step for row in rows]

    def attach(self, path, name) -> None:
        self._call("attach")

    def close(self, outcome) -> None:
        self._call("close")


@contextmanager
def outlet_of(tracker, tmp_path):
    way = Outlet(tracker, None)
    Trackers({"broken": way})([Row(step, 0.5, 0.1, 1) for step in (1, 2)])
    (tmp_path / "file").touch()
    way.attach(tmp_path / "file", "file")
    yield way
    way.close("finished")


@pytest.mark.parametrize("call", ["open", "log", "attach", "close"])
def test_whatever_fails_always_is_told_once_and_waited_for_no_longer(tmp_path, caplog, call) -> None:
    tracker = Broken(None, call, always=True)
    with outlet_of(tracker, tmp_path):
        pass
    assert tracker.calls[-1] == call
    outage, end = [record.getMessage() for record in caplog.records]
    assert outage.endswith("SystemError: the disk is gone")
    assert end.startswith("the end of the training is not recorded")


@pytest.mark.parametrize("call", ["open", "log", "attach"])
def test_whatever_fails_once_is_made_good(tmp_path, monkeypatch, call) -> None:
    monkeypatch.setattr(outlet, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(outlet, "SEND_SECONDS", 0.01)
    tracker = Broken(None, call, always=False)
    with outlet_of(tracker, tmp_path) as way:
        wait_until(lambda: "attach" in tracker.calls and not way._files)
    assert tracker.rows == [1, 2]
    assert tracker.calls[-1] == "close"


def test_servers_get_seconds_and_no_telemetry_is_sent(monkeypatch, tracked) -> None:
    for name in mlflow_records.ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    seen = {}
    monkeypatch.setattr(MlflowRecords, "_tagged", lambda *_: seen.update(os.environ))
    with mlflow(tracked, "environment"):
        pass
    assert seen["MLFLOW_DISABLE_TELEMETRY"] == seen["DO_NOT_TRACK"] == "true"
    assert seen["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "1"
    assert seen["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "77"  # the user's own choice stays
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ


def test_several_trackers_by_name_and_by_section(advection, fit, tmp_path) -> None:
    fit(advection, tmp_path / "run", tracker=["csv", {"plugin": "csv", "folder": str(tmp_path / "all")}])
    tables = [tmp_path / "run" / "tracked" / "numbers.csv", tmp_path / "all" / "run" / "numbers.csv"]
    for table in tables:
        assert table.read_text().count(",training_loss,") == 12


def test_a_tracker_that_is_not_there_is_refused_before_the_training(advection, fit, tmp_path) -> None:
    with pytest.raises(ConfigError, match="unknown tracker 'mlfow'"):
        fit(advection, tmp_path / "run", tracker="mlfow")
