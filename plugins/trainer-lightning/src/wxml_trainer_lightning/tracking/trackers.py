"""The trackers of a training, which are told what happens in it."""

__all__ = ["Trackers", "quiet_libraries", "tracked"]

import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from wxml import Outcome, PluginChoice, TrackedRow, TrackedRun, create

from wxml_trainer_lightning.history import Row
from wxml_trainer_lightning.tracking.outlet import Outlet

LIBRARIES = r"(mlflow|sqlalchemy|alembic|tensorboardX)\b"


class Trackers:
    """All trackers of a training: a listener of its history, which also takes numbers and files."""

    def __init__(self, outlets: Mapping[str, Outlet]) -> None:
        self._outlets = outlets

    @property
    def runs(self) -> dict[str, str]:
        """The names of the records that are open, by which a resumed training goes on with them."""
        return {name: outlet.known for name, outlet in self._outlets.items() if outlet.known is not None}

    def __call__(self, rows: Sequence[Row]) -> None:
        """Have the rows of the history recorded."""
        now = time.time()
        self._log([TrackedRow(row.step, now, row.metrics) for row in rows])

    def numbers(self, step: int, numbers: Mapping[str, float]) -> None:
        """Have numbers recorded that are no part of the history."""
        self._log([TrackedRow(step, time.time(), numbers)])

    def attach(self, path: Path, name: str) -> None:
        """Have a file recorded."""
        for outlet in self._outlets.values():
            outlet.attach(path, name)

    def close(self, outcome: Outcome) -> None:
        """Have all records ended."""
        for outlet in self._outlets.values():
            outlet.close(outcome)

    def _log(self, rows: Sequence[TrackedRow]) -> None:
        for outlet in self._outlets.values():
            outlet.log(rows)


@contextmanager
def tracked(
    choices: Sequence[PluginChoice], address: str | None, run: TrackedRun, known: Mapping[str, str]
) -> Iterator[Trackers]:
    """A context with the trackers of a run, which are told at its end how it ended.

    Args:
        choices: the option `tracker`.
        address: the option `tracking_uri`: of `mlflow`, where its section has none.
        run: what the records are about.
        known: `Trackers.runs` of the training before it was resumed.
    """
    made = [
        create("tracker", choice.plugin, _options(choice, address), run, where=f"training.tracker.{number}")
        for number, choice in enumerate(choices)
    ]
    names = [f"{choice.plugin}" + f" {number}" * bool(number) for number, choice in enumerate(choices)]
    with quiet_libraries():
        trackers = Trackers({name: Outlet(tracker, known.get(name)) for name, tracker in zip(names, made, strict=True)})
        outcome: Outcome = "failed"
        try:
            yield trackers
            outcome = "finished"
        except (KeyboardInterrupt, SystemExit):
            outcome = "stopped"
            raise
        finally:
            trackers.close(outcome)


def _options(choice: PluginChoice, address: str | None) -> dict[str, Any]:
    beside = {} if address is None or choice.plugin.rpartition(":")[2] != "mlflow" else {"address": address}
    return {**beside, **choice.options}


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Silence the warnings of the libraries of trackers, which are of no use to a user of wxml, in every thread."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=LIBRARIES)
        yield
