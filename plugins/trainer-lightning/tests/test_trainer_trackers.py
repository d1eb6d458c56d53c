"""The trackers of this package: their contract, and what is found in their records."""

import csv
import struct
import tempfile
from math import isnan, nan
from pathlib import Path
from typing import ClassVar

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from wxml import TrackedRow, TrackedRun
from wxml.testing import TrackerContract
from wxml_trainer_lightning.tracking.csv_tracker import CsvTracker
from wxml_trainer_lightning.tracking.mlflow_records import sqlite_address
from wxml_trainer_lightning.tracking.mlflow_tracker import MlflowTracker
from wxml_trainer_lightning.tracking.tensorboard_tracker import TensorboardTracker

PICTURE = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000003000000020802000000000000000000000c49444154789c63f8cfc000000301"
)


class TestCsvTracker(TrackerContract):
    plugin = CsvTracker


class TestMlflowTracker(TrackerContract):
    plugin = MlflowTracker
    options: ClassVar[dict[str, str]] = {  # one file for all checks: making one takes seconds
        "address": sqlite_address(Path(tempfile.mkdtemp(prefix="wxml-mlflow-")) / "mlflow.db")
    }


class TestTensorboardTracker(TrackerContract):
    plugin = TensorboardTracker


def test_a_value_that_is_no_number_may_come_twice_with_a_mlflow_that_refuses_it(tmp_path, monkeypatch) -> None:
    log_batch = MlflowClient.log_batch

    def as_in_2(client, run, metrics=(), **others) -> None:
        there = {(one.key, known.step) for one in metrics for known in client.get_metric_history(run, one.key)}
        if any(isnan(one.value) and (one.key, one.step) in there for one in metrics):
            raise MlflowException("UNIQUE constraint failed: metrics.key, metrics.timestamp")
        log_batch(client, run, metrics=metrics, **others)

    monkeypatch.setattr(MlflowClient, "log_batch", as_in_2)
    tracker = MlflowTracker(run_in(tmp_path), **TestMlflowTracker.options, system_metrics=False)
    name = tracker.open(None)
    tracker.log([TrackedRow(1, 0.5, {"a": nan})])
    tracker.log([TrackedRow(1, 0.5, {"a": nan, "b": 1.0}), TrackedRow(2, 1.5, {"a": 0.25})])
    assert tracker.records.steps(name, ["a", "b"]) == {"a": {1, 2}, "b": {1}}
    monkeypatch.setattr(MlflowClient, "log_batch", lambda *_, **__: (_ for _ in ()).throw(MlflowException("no")))
    with pytest.raises(MlflowException, match="no"):
        tracker.log([TrackedRow(3, 2.5, {"a": nan})])


def run_in(folder) -> TrackedRun:
    return TrackedRun("first", folder, "abc", {"training.max_steps": "2"})


def test_the_table_has_a_line_for_each_number(tmp_path) -> None:
    tracker = CsvTracker(run_in(tmp_path))
    tracker.open(None)
    tracker.log([TrackedRow(1, 0.5, {"a": 0.1}), TrackedRow(2, 1.5, {"a": 0.25, "b": float("nan")})])
    tracker.close("failed")
    with (tmp_path / "tracked" / "numbers.csv").open() as file:
        lines = [(line["time"], line["step"], line["name"], line["value"]) for line in csv.DictReader(file)]
    assert lines == [("0.500", "1", "a", "0.1"), ("1.500", "2", "a", "0.25"), ("1.500", "2", "b", "nan")]
    assert (tmp_path / "tracked" / "outcome.txt").read_text() == "failed\n"


def test_a_folder_holds_the_tables_of_many_runs(tmp_path) -> None:
    tracker = CsvTracker(run_in(tmp_path / "run"), folder=str(tmp_path / "all"))
    tracker.open(None)
    tracker.attach(tmp_path / "all" / "first" / "numbers.csv", "plots/copy.csv")
    assert (tmp_path / "all" / "first" / "plots" / "copy.csv").read_text() == "time,step,name,value\n"


def events(folder):
    """The events of all files in a folder, read as their format says: length, checksum, message, checksum."""
    from tensorboardX.proto.event_pb2 import Event

    for path in sorted(folder.glob("events.*")):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack("<Q", data[at : at + 8])
            yield Event.FromString(data[at + 12 : at + 12 + length])
            at += 16 + length


def test_the_event_file_has_scalars_and_pictures(tmp_path) -> None:
    (tmp_path / "map.png").write_bytes(PICTURE)
    tracker = TensorboardTracker(run_in(tmp_path))
    tracker.open(None)
    tracker.log([TrackedRow(1, 100.0, {"a/b": 0.5}), TrackedRow(7, 200.0, {"a/b": 0.25})])
    tracker.attach(tmp_path / "map.png", "plots/map.png")
    tracker.close("finished")
    found = [event for event in events(tmp_path / "tensorboard") if event.HasField("summary")]
    scalars = [
        (event.wall_time, event.step, value.tag, value.simple_value)
        for event in found
        for value in event.summary.value
        if value.HasField("simple_value")
    ]
    assert scalars == [(100.0, 1, "a/b", 0.5), (200.0, 7, "a/b", 0.25)]
    ((step, image),) = [
        (event.step, value.image) for event in found for value in event.summary.value if value.HasField("image")
    ]
    assert (step, image.width, image.height, image.encoded_image_string) == (7, 3, 2, PICTURE)
    texts = {value.tag for event in found for value in event.summary.value if value.HasField("tensor")}
    assert {"parameters/text_summary", "outcome/text_summary"} <= texts
