"""The records of MLflow at one address: runs, numbers, artefacts. Every call may take long, or raise anything."""

__all__ = ["EXPERIMENT", "MlflowRecords", "sqlite_address"]

import hashlib
import json
import logging
import os
import re
import shutil
import tempfile
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cached_property
from math import isnan
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote

from wxml import TrackedRow, TrackedRun
from wxml.files.lock import locked

from wxml_trainer_lightning.tracking.system_load import SystemLoad
from wxml_trainer_lightning.tracking.tokens import kept_token

if TYPE_CHECKING:
    from mlflow.entities import Metric
    from mlflow.tracking import MlflowClient

EXPERIMENT = "wxml"
IDENTITY, PARENT = "wxml.run", "wxml.parent"
"""The tags of MLflow's runs by which they are found again: `TrackedRun.identity`, and the hash of a parent's name."""
CHARACTERS = "/:\\"
"""The characters of a path that stay as they are in an address, beside letters and digits."""
LIBRARIES = r"(mlflow|sqlalchemy|alembic)\b"
LOCK_SECONDS = 300.0
TURN = threading.RLock()
PARAMETERS_PER_CALL, METRICS_PER_CALL, VALUE_LENGTH, KEY_LENGTH = 100, 1000, 6000, 250  # the limits of MLflow
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the address may hold a password
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}
"""What MLflow reads for each call, unless the user has set it."""
TOKEN, OWN_WAYS = "MLFLOW_TRACKING_TOKEN", ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_USERNAME")
"""Where MLflow looks for a token, and the variables by which a user logs in without a token that is kept."""


class MlflowRecords:
    """An address of MLflow, and an experiment there.

    Attributes:
        address: of a server, or of an SQLite file.
        database: the SQLite file; None for a server.
    """

    def __init__(self, address: str, experiment: str = EXPERIMENT, token: str | None = None) -> None:
        """Connect to nothing yet.

        Args:
            address: as MLflow writes it.
            experiment: the name of the experiment; it is made if it is not there.
            token: what the server asks for, in the header `Authorization: Bearer`; None: that of the environment, else
                the one that is kept for this server (`tokens`), which is looked up for each call.
        """
        self.address = address
        self.experiment = experiment
        scheme, _, path = address.partition(":///")
        is_file = scheme in ("sqlite", "sqlite+pysqlite")
        self.database = Path(unquote(path.partition("?")[0])) if is_file else None
        self._token = token
        self._load = SystemLoad()

    def begin(self, run: TrackedRun, known: str | None, parent: str | None) -> str:
        """Make a run with its parameters, or set one that is there to running; return its id.

        Args:
            run: what the run is about; one with its identity is gone on with.
            known: the id of a run to go on with.
            parent: the name of the run above it; None: none.
        """
        with self._calls(), self._alone():
            found = known or self._tagged(IDENTITY, run.identity)
            if found is not None:
                self._client.update_run(found, status="RUNNING")
                return found
            tags = {IDENTITY: run.identity}
            if parent is not None:
                tags["mlflow.parentRunId"] = self._parent(parent)
            made: str = self._client.create_run(self._experiment_id, run_name=run.name, tags=tags).info.run_id
            self._log_parameters(made, run.parameters)
            return made

    def log(self, run: str, rows: Sequence[TrackedRow]) -> None:
        """Record the numbers of `rows`; one that is there already stays as it is."""
        from mlflow.entities import Metric

        metrics = [
            Metric(_key(name), value, int(row.time * 1000), row.step)
            for row in rows
            for name, value in row.numbers.items()
        ]
        with self._calls():
            self._log_metrics(run, metrics)

    def log_system(self, run: str, row: TrackedRow) -> None:
        """Record the load of the machine at this moment, at the step of `row`."""
        self.log(run, [TrackedRow(row.step, row.time, self._load.numbers())])

    def steps(self, run: str, names: Sequence[str]) -> dict[str, set[int]]:
        """The steps at which each of some numbers is recorded."""
        with self._calls():
            return {name: set(self._history(run, _key(name))) for name in names}

    def attach(self, run: str, path: Path, name: str) -> None:
        """Record a file as the artefact `name`."""
        place = PurePosixPath(name)
        with self._calls(), tempfile.TemporaryDirectory(prefix="wxml-") as folder:
            copy = Path(folder) / place.name  # MLflow keeps the name of the file
            shutil.copyfile(path, copy)
            self._client.log_artifact(run, str(copy), None if str(place.parent) == "." else str(place.parent))

    def check(self) -> None:
        """Ask the server for the experiment; it raises what the server or the connection refuses."""
        with self._calls():
            self._client.get_experiment_by_name(self.experiment)

    def end(self, run: str, status: str) -> None:
        """Set the status of a run, such as `FINISHED`."""
        with self._calls():
            self._client.set_terminated(run, status)

    @cached_property
    def _client(self) -> "MlflowClient":
        try:
            Path.home()
        except RuntimeError:  # in a container: MLflow looks into the home folder, and fails if there is none
            os.environ["HOME"] = os.devnull
        from mlflow.tracking import MlflowClient

        for chatty in ("mlflow", "urllib3", "alembic"):  # every migration of a database, every new connection
            logging.getLogger(chatty).setLevel(logging.ERROR)
        return MlflowClient(self.address)

    @cached_property
    def _experiment_id(self) -> str:
        known = self._client.get_experiment_by_name(self.experiment)
        if known is not None:
            return str(known.experiment_id)
        beside = None if self.database is None else self.database.resolve().with_name("mlflow-artifacts").as_uri()
        return str(self._client.create_experiment(self.experiment, artifact_location=beside))

    def _parent(self, name: str) -> str:
        """The id of the parent of that name; the oldest, where two processes have made one at the same time."""
        mark = hashlib.sha256(name.encode()).hexdigest()  # a search knows no way to write every character of a name
        if self._tagged(PARENT, mark) is None:
            made = self._client.create_run(self._experiment_id, run_name=name, tags={PARENT: mark})
            self._client.set_terminated(made.info.run_id, "FINISHED")
        return self._tagged(PARENT, mark) or made.info.run_id

    def _tagged(self, tag: str, value: str) -> str | None:
        """The id of the oldest run with a tag of that value; None without one."""
        runs = self._client.search_runs(
            [self._experiment_id], f"tags.`{tag}` = '{value}'", order_by=["attributes.start_time ASC"], max_results=1
        )
        return str(runs[0].info.run_id) if runs else None

    def _log_parameters(self, run: str, parameters: Mapping[str, str]) -> None:
        from mlflow.entities import Param

        params = [Param(_key(name), text[:VALUE_LENGTH]) for name, text in parameters.items()]
        for start in range(0, len(params), PARAMETERS_PER_CALL):
            self._client.log_batch(run, params=params[start : start + PARAMETERS_PER_CALL])
        self._client.log_text(run, json.dumps(dict(parameters), indent=1), "parameters.json")

    def _log_metrics(self, run: str, metrics: Sequence["Metric"]) -> None:
        from mlflow.exceptions import MlflowException

        for start in range(0, len(metrics), METRICS_PER_CALL):
            some = metrics[start : start + METRICS_PER_CALL]
            try:
                self._client.log_batch(run, metrics=some)
            except MlflowException:  # older versions refuse a NaN that is there already, and all else with it
                new = [one for one in some if not (isnan(one.value) and one.step in self._history(run, one.key))]
                if len(new) == len(some):
                    raise
                self._client.log_batch(run, metrics=new)

    def _history(self, run: str, key: str) -> Iterator[int]:
        return (metric.step for metric in self._client.get_metric_history(run, key))

    def _alone(self) -> AbstractContextManager[object]:
        """Two processes would both make the tables of a new file, or both the experiment."""
        if self.database is None:
            return nullcontext()
        return locked(self.database.with_name(f".{self.database.name}.lock"), seconds=LOCK_SECONDS)

    @contextmanager
    def _calls(self) -> Iterator[None]:
        """The surroundings of MLflow's calls: its settings and the token in the environment, where it looks for them.

        One call at a time, so that no server is sent the token of another.
        """
        with TURN:
            wanted = {name: value for name, value in ENVIRONMENT.items() if name not in os.environ}
            token = self._token_now()
            wanted |= {} if token is None else {TOKEN: token}
            before = {name: os.environ.get(name) for name in (*wanted, "HOME")}
            os.environ.update(wanted)
            warnings.filterwarnings("ignore", module=LIBRARIES)  # of no use to a user of wxml
            try:
                yield
            finally:
                _restore(before)

    def _token_now(self) -> str | None:
        """What the server is sent, if that is not what the user has put into the environment."""
        has_own = any(os.environ.get(name) for name in OWN_WAYS)
        return self._token if self._token is not None or has_own else kept_token(self.address)


def _restore(variables: Mapping[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _key(name: str) -> str:
    """A name with no other characters than MLflow accepts, and not longer."""
    return re.sub(r"[^\w\-. /]", "_", name)[:KEY_LENGTH]


def sqlite_address(database: Path) -> str:
    """The address of an SQLite file for MLflow.

    Where the path has characters that stand for something else in an address, the driver is named, too: MLflow would
    else make a folder of the path as it stands in the address.
    """
    path = str(database)
    quoted = quote(path, safe=CHARACTERS)
    return f"sqlite:///{path}" if quoted == path else f"sqlite+pysqlite:///{quoted}"
