"""Tracker: keeps a record of a training somewhere else, such as on a server."""

__all__ = ["Outcome", "TrackedRow", "TrackedRun", "Tracker"]

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

Outcome = Literal["finished", "failed", "stopped"]
"""How a training ended; one that was stopped may go on."""


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What a record is about."""

    name: str
    """The name of the run, for people."""
    folder: Path
    """The folder of the run."""
    identity: str
    """A text that no other run has; a run that is resumed keeps it."""
    parameters: Mapping[str, str]
    """The config and the data that the training depends on, by dotted key; without secrets."""


@dataclass(frozen=True, slots=True)
class TrackedRow:
    """Numbers that belong to one step."""

    step: int
    """Counted from 1."""
    time: float
    """When they were measured, in seconds since 1970."""
    numbers: Mapping[str, float]
    """Name → value, finite or not."""


class Tracker(ABC):
    """Keeps the record of one training. All options are keyword-only.

    The trainer calls it in a thread of its own, one call after the other, so that it may wait for a server. A call that
    raises anything is made again later, after a pause; the training never waits, but at its end for `patience` seconds.

    Attributes:
        patience: the seconds that the end of a training waits for what is still to be recorded.
    """

    patience: ClassVar[float] = 30.0

    def __init__(self, run: TrackedRun) -> None:
        """Keep what the record is about; nothing is opened or connected yet."""
        self.run = run

    @abstractmethod
    def open(self, known: str | None) -> str:
        """Begin the record or go on with a known one, and return its name, by which it is found again.

        Args:
            known: what an earlier call returned, in the same training before it was resumed; None: a new record.
        """

    @abstractmethod
    def log(self, rows: Sequence[TrackedRow]) -> None:
        """Record rows, in the order of their steps.

        A training that is resumed makes some steps again, and a call that failed half-way is made again: a row may come
        twice, and then the later one is right.
        """

    @abstractmethod
    def attach(self, path: Path, name: str) -> None:
        """Record a file, in place of any earlier one of that name.

        Args:
            path: the file.
            name: what to call it, such as `plots/spectra.png`.
        """

    @abstractmethod
    def close(self, outcome: Outcome) -> None:
        """End the record; nothing else is called afterwards."""
