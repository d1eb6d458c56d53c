"""Tracking by MLflow. If MLflow fails or hangs, the training logs one warning and goes on."""

__all__ = ["MlflowTracker", "open_tracker", "sqlite_address"]

import logging
import os
import re
import threading
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote

from wxml.files.lock import locked
from wxml.masking import masked

from wxml_trainer_lightning.history import Row
from wxml_trainer_lightning.options import TrackerName

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

LOG = logging.getLogger("wxml")
EXPERIMENT = "wxml"
CHARACTERS = "/:\\"
"""The characters of a path that stay as they are in an address, beside letters and digits."""
OPEN_SECONDS = 60.0
DATABASE_SECONDS = 300.0  # MLflow makes a new file by many migrations, 2 s and more, one process after the other
CLOSE_SECONDS = 30.0
SEND_SECONDS = 5.0  # between two batches: a call to a server takes 50 to 100 ms
PARAMETERS_PER_CALL, METRICS_PER_CALL, VALUE_LENGTH, KEY_LENGTH = 100, 1000, 6000, 250  # the limits of MLflow
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",  # the address may hold a password
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "5",
}


class MlflowTracker:
    """One MLflow run.

    MLflow is called in a thread of its own, one call after the other: it retries a locked database for minutes, and a
    server may accept a connection and never answer. After the first failure nothing more is sent.

    Attributes:
        run: the id of the MLflow run, once it is known.
    """

    def __init__(self, uri: str, name: str, parameters: Mapping[str, str], run: str | None) -> None:
        """Keep the parameters; the context opens the run. `run` is the id of an MLflow run to go on with."""
        self.run = run
        self._uri = uri
        self._name = masked(name)
        self._parameters = parameters
        self._client: MlflowClient | None = None
        self._has_failed = False
        self._rows: list[Row] = []
        self._sent = time.monotonic()
        self._warnings = warnings.catch_warnings()
        self._calls: SimpleQueue[tuple[Callable[[], None], threading.Event] | None] = SimpleQueue()

    def __enter__(self) -> Self:
        self._warnings.__enter__()
        warnings.filterwarnings("ignore", module=r"(mlflow|sqlalchemy|alembic)\b")  # of no use to a user of wxml
        threading.Thread(target=self._work, name="wxml-tracking", daemon=True).start()
        self._submit(self._open, OPEN_SECONDS if self._database is None else DATABASE_SECONDS)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        stopped = kind is not None and issubclass(kind, KeyboardInterrupt | SystemExit)
        status = "FINISHED" if kind is None else "KILLED" if stopped else "FAILED"
        self._send()
        self._submit(lambda: self._close(status), CLOSE_SECONDS)
        self._calls.put(None)
        self._warnings.__exit__(None, None, None)

    def __call__(self, rows: Sequence[Row]) -> None:
        """Collect rows, and send them together every `SEND_SECONDS`."""
        self._rows += rows
        if time.monotonic() - self._sent > SEND_SECONDS:
            self._send()

    def _send(self) -> None:
        """Have the thread log the rows that were collected."""
        rows, self._rows, self._sent = self._rows, [], time.monotonic()
        self._submit(lambda: self._log(rows, int(time.time() * 1000)))

    def _submit(self, call: Callable[[], None], seconds: float | None = None) -> None:
        """Have the thread make `call`; wait until it is done if `seconds` are given, and fail after these."""
        done = threading.Event()
        self._calls.put((call, done))
        if seconds is not None and not self._has_failed and not done.wait(seconds):
            self._fail(f"no answer within {seconds:.0f} s")

    def _work(self) -> None:
        """Make the calls in their order, in the thread; after a failure take them from the queue and make none."""
        for call, done in iter(self._calls.get, None):
            try:
                if not self._has_failed:
                    call()
            except Exception as error:  # noqa: BLE001  # a tracker must never stop a training, whatever it raises
                self._fail(f"{type(error).__name__}: {error}")
            done.set()

    def _fail(self, reason: str) -> None:
        """Send nothing more, and log one warning."""
        if not self._has_failed:
            self._has_failed = True
            where, why = masked(self._uri), masked(reason).splitlines()[0]
            LOG.warning("tracking failed, training goes on without it (%s): %s", where, why)

    def _open(self) -> None:
        """Connect to MLflow, and make a run or go on with the known one."""
        for name, value in ENVIRONMENT.items():
            os.environ.setdefault(name, value)
        try:
            Path.home()
        except RuntimeError:  # in a container: MLflow looks into the home folder, and fails if there is none
            os.environ["HOME"] = os.devnull
        from mlflow.tracking import MlflowClient

        for chatty in ("mlflow", "urllib3"):  # every migration of a new database, every connection that is tried again
            logging.getLogger(chatty).setLevel(logging.ERROR)
        lock: AbstractContextManager[object] = nullcontext()
        if self._database is not None:  # else two processes would both make the tables of a new file
            lock = locked(self._database.with_name(f".{self._database.name}.lock"), seconds=DATABASE_SECONDS)
        with lock:
            self._client = MlflowClient(self._uri)
            if self.run is None:
                self.run = self._new_run(self._client)
            else:
                self._client.update_run(self.run, status="RUNNING")
        if self._has_failed:  # the answer came too late: nothing else would end the run
            self._close("KILLED")

    @property
    def _database(self) -> Path | None:
        """The SQLite file; None for a server."""
        scheme, _, path = self._uri.partition(":///")
        return Path(unquote(path.partition("?")[0])) if scheme in ("sqlite", "sqlite+pysqlite") else None

    def _new_run(self, client: "MlflowClient") -> str:
        """Make a run with the parameters, and return its id."""
        from mlflow.entities import Param

        known = client.get_experiment_by_name(EXPERIMENT)
        experiment = known.experiment_id if known else client.create_experiment(EXPERIMENT)
        run: str = client.create_run(experiment, run_name=self._name).info.run_id
        params = []
        for name, text in self._parameters.items():
            key = re.sub(r"[^\w\-. /]", "_", name)[:KEY_LENGTH]  # MLflow accepts no other characters
            params.append(Param(key, text[:VALUE_LENGTH]))
        for start in range(0, len(params), PARAMETERS_PER_CALL):
            client.log_batch(run, params=params[start : start + PARAMETERS_PER_CALL])
        return run

    def _log(self, rows: Sequence[Row], now: int) -> None:
        """Log the losses, the learning rates and the rollouts of `rows`; `now` is in milliseconds since 1970."""
        from mlflow.entities import Metric

        metrics = []
        for row in rows:
            metrics += [Metric(name, value, now, row.step) for name, value in row.metrics.items()]
        if self._client is not None and self.run is not None:
            for start in range(0, len(metrics), METRICS_PER_CALL):
                self._client.log_batch(self.run, metrics=metrics[start : start + METRICS_PER_CALL])

    def _close(self, status: str) -> None:
        if self._client is not None and self.run is not None:
            self._client.set_terminated(self.run, status)


def sqlite_address(database: Path) -> str:
    """The address of an SQLite file for MLflow.

    Where the path has characters that stand for something else in an address, the driver is named, too: MLflow would
    else make a folder of the path as it stands in the address.
    """
    path = str(database)
    quoted = quote(path, safe=CHARACTERS)
    return f"sqlite:///{path}" if quoted == path else f"sqlite+pysqlite:///{quoted}"


def open_tracker(
    name: TrackerName, uri: str | None, run_dir: Path, parameters: Mapping[str, str], run: str | None
) -> AbstractContextManager[MlflowTracker | None]:
    """A context with the tracker of a run; with None if the option `tracker` is none.

    Args:
        name: the option `tracker`.
        uri: the address of MLflow's records; None: the SQLite file `mlflow.db` beside `run_dir`, which all runs share.
        run_dir: the folder of the training; its name becomes the name of the MLflow run.
        parameters: the parameters to record, by dotted key, see `state.flatten`.
        run: the id of an MLflow run to go on with; None: a new run.
    """
    if name == "none":
        return nullcontext()
    return MlflowTracker(
        uri or sqlite_address(run_dir.resolve().parent / "mlflow.db"), run_dir.resolve().name, parameters, run
    )
