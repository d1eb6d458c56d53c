"""The tracker `mlflow`: a server, or a file beside the run."""

__all__ = ["MlflowTracker"]

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from wxml import Outcome, TrackedRow, TrackedRun, Tracker
from wxml.masking import masked

from wxml_trainer_lightning.tracking.mlflow_records import EXPERIMENT, MlflowRecords, sqlite_address

STATUS = {"finished": "FINISHED", "failed": "FAILED", "stopped": "KILLED"}
DATABASE_SECONDS = 300.0
"""The patience with a new file: MLflow makes it by many migrations, 2 s and more, one process after the other."""


class MlflowTracker(Tracker):
    """One run of MLflow, on a server or in an SQLite file.

    Parameters that are longer than MLflow allows are cut there, and are whole in the artefact `parameters.json`.
    """

    def __init__(
        self,
        run: TrackedRun,
        *,
        address: Annotated[
            str | None,
            Field(description="of the server, like https://mlflow.example; null: mlflow.db beside the run's folder"),
        ] = None,
        token: Annotated[
            SecretStr | None,
            Field(description="that the server asks for: '${oc.env:NAME}'; null: that of `wxml track login`, if any"),
        ] = None,
        experiment: Annotated[str, Field(min_length=1, description="the experiment of MLflow")] = EXPERIMENT,
        parent: Annotated[
            str | None, Field(description="name of the run above this one, which is made if it is not there")
        ] = None,
        system_metrics: Annotated[
            bool, Field(description="the load of processors, memory, disks, network and GPUs")
        ] = True,
    ) -> None:
        super().__init__(run)
        where = address or sqlite_address(run.folder.resolve().parent / "mlflow.db")
        self.records = MlflowRecords(where, experiment, None if token is None else token.get_secret_value())
        self.parent = parent
        self.system_metrics = system_metrics
        self._run = ""

    @property
    def patience(self) -> float:  # type: ignore[override]  # it depends on the address
        """As long as a file may take to be made; a server has as much time as any tracker."""
        return Tracker.patience if self.records.database is None else DATABASE_SECONDS

    def __str__(self) -> str:
        return masked(self.records.address)

    def open(self, known: str | None) -> str:
        """Make the run of MLflow, or go on with a known one; return its id."""
        self._run = self.records.begin(self.run, known, self.parent)
        return self._run

    def log(self, rows: Sequence[TrackedRow]) -> None:
        """Record the numbers of rows, and the load of the machine."""
        self.records.log(self._run, rows)
        if self.system_metrics:
            self.records.log_system(self._run, rows[-1])

    def attach(self, path: Path, name: str) -> None:
        """Record a file as an artefact."""
        self.records.attach(self._run, path, name)

    def close(self, outcome: Outcome) -> None:
        """End the run of MLflow."""
        self.records.end(self._run, STATUS[outcome])
