"""Sends what the folder of a run holds to MLflow, as often as one likes."""

__all__ = ["Sent", "send"]

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wxml import TrackedRow
from wxml.errors import ArtefactError
from wxml.masking import masked

from wxml_trainer_lightning.seeing.tables import read_metrics, read_numbers
from wxml_trainer_lightning.tracking.mlflow_records import MlflowRecords
from wxml_trainer_lightning.tracking.run_record import read_run
from wxml_trainer_lightning.tracking.trackers import quiet_libraries

ARTEFACTS = ("report.html", "plots/*.png", "plots/*.html", "metrics.csv", "history.csv", "profile.json")
NO_NUMBERS = ("step",)


@dataclass(frozen=True, slots=True)
class Sent:
    """What was sent of one run."""

    run: str
    """The id of the run of MLflow."""
    numbers: int
    """How many numbers were not there yet."""
    files: int


def send(run_dir: Path, records: MlflowRecords, parent: str | None) -> Sent:
    """Send a run to MLflow; numbers that are there are not sent again, and files are replaced.

    Args:
        run_dir: the folder of the run.
        records: where to send it.
        parent: the name of the run above it; None: none.

    Raises:
        ArtefactError: the folder holds no run, or MLflow refuses it or does not answer.
    """
    run, rows = read_run(run_dir), list(_rows(run_dir))
    try:
        with quiet_libraries():
            record = records.begin(run, None, parent)
            missing = list(_missing(rows, records, record))
            records.log(record, missing)
            files = [path for pattern in ARTEFACTS for path in sorted(run_dir.glob(pattern))]
            for path in files:
                records.attach(record, path, path.relative_to(run_dir).as_posix())
            records.end(record, "FINISHED" if (run_dir / "checkpoint.safetensors").exists() else "KILLED")
    except Exception as error:
        raise ArtefactError(
            f"could not send `{run_dir}` to {masked(records.address)}: {masked(str(error))}",
            fix="check the address, and give the server's token: wxml track login ADDRESS; what was sent stays, and "
            "the same command sends the rest",
        ) from error
    return Sent(record, sum(len(row.numbers) for row in missing), len(files))


def _rows(run_dir: Path) -> Iterator[TrackedRow]:
    """The rows of the history, the metrics and what callbacks noted; their time is that of the table's last line."""
    path = run_dir / "history.csv"
    if not path.exists():
        raise ArtefactError(f"`{run_dir}` has no history.csv", fix="name the folder of a run that has made a step")
    time = path.stat().st_mtime
    with path.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            numbers = {name: float(text) for name, text in line.items() if text and name not in NO_NUMBERS}
            yield TrackedRow(int(line["step"]), time, numbers)
    for step, score in read_metrics(run_dir):
        if math.isfinite(score.value):
            yield TrackedRow(step, time, {score.name: score.value})
    for step, name, value in read_numbers(run_dir):
        yield TrackedRow(step, time, {name: value})


def _missing(rows: list[TrackedRow], records: MlflowRecords, record: str) -> Iterator[TrackedRow]:
    names = sorted({name for row in rows for name in row.numbers})
    steps = records.steps(record, names)
    for row in rows:
        numbers = {name: value for name, value in row.numbers.items() if row.step not in steps[name]}
        if numbers:
            yield TrackedRow(row.step, row.time, numbers)
