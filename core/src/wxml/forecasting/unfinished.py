"""Forecasts that are not whole: where they lie, which of their steps are complete, and how they are gone on with.

While a forecast is made it lies beside its place, as `forecast.unfinished.zarr`; the name `forecast.zarr` always means
a whole one. Beside it `forecast.unfinished.zarr.jsonl` grows by one line for each step that is complete, so that a line
that was cut short by a kill is the last one, and is passed over.
"""

__all__ = [
    "Journal",
    "Progress",
    "complete_steps",
    "differences",
    "read_progress",
    "settings_of",
    "told",
    "told_progress",
]

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.times import format_time, parse_time
from wxml.files.json_loader import load_json
from wxml.files.leftovers import steps_path
from wxml.forecasting.layout import ForecastHeader
from wxml.forecasting.saved_state import Moment

Step = tuple[np.datetime64, np.timedelta64]
"""An initial time and a lead time."""
NAMED = 5
"""So many differences are named."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What is known of a forecast that is not whole."""

    settings: dict[str, Any]
    """What it was begun with, see `settings_of`."""
    complete: frozenset[Step] = frozenset()
    """The steps that are in the file."""
    finished: frozenset[np.datetime64] = frozenset()
    """The initial times with all of their steps, as of `mark`."""
    mark: dict[str, Any] | None = None
    """Where its writer can go on from; None: it cannot."""
    saved: Mapping[Moment, dict[str, Any]] = field(default_factory=dict)
    """Where its writer can go on from in the midst of initial times that are not finished."""

    def has(self, moment: Moment) -> bool:
        """Whether it can be gone on with from a moment, which is perhaps in the past."""
        return moment in self.saved or (self.mark is not None and self.finished >= set(moment.times))


@dataclass(slots=True)
class _Found:
    """What the lines have told so far."""

    settings: dict[str, Any] = field(default_factory=dict)
    complete: set[Step] = field(default_factory=set)
    finished: set[np.datetime64] = field(default_factory=set)
    mark: dict[str, Any] | None = None
    saved: dict[Moment, dict[str, Any]] = field(default_factory=dict)

    def take(self, line: Mapping[str, Any]) -> None:
        """Take one line."""
        if "settings" in line:
            self.settings = dict(line["settings"])
        if "step" in line:
            time, seconds = line["step"]
            self.complete.add((parse_time(time), np.timedelta64(seconds, "s")))
        if "finished" in line:
            times = {parse_time(time) for time in line["finished"]}
            leads = [np.timedelta64(seconds, "s") for seconds in self.settings["lead_times"]]
            self.finished |= times
            self.complete |= {(time, lead) for time in times for lead in leads}
            self.mark, self.saved = line["mark"], {}
        if "saved" in line:
            self.saved[Moment.of(line["saved"])] = line["mark"]
        if "resumed" in line:
            self._resume(Moment.of(line["from"]) if line.get("from") else None)

    def _resume(self, moment: Moment | None) -> None:
        """Forget what was written after the place where a command has gone on."""
        self.saved = {one: mark for one, mark in self.saved.items() if one == moment}
        at = {(time, one.lead_time) for one in self.saved for time in one.times}
        self.complete = {
            (time, lead)
            for time, lead in self.complete
            if time in self.finished or any(time == begun and lead <= last for begun, last in at)
        }


def read_progress(target: Path) -> Progress | None:
    """What is known of the forecast that is to come to `target`; None: nothing of it was begun."""
    found = _Found()
    for line in _lines(steps_path(target)):
        with suppress(ValueError, TypeError, KeyError, AttributeError):
            found.take(load_json(line))
    if not found.settings:
        return None
    return Progress(found.settings, frozenset(found.complete), frozenset(found.finished), found.mark, found.saved)


def _lines(path: Path) -> Iterator[str]:
    with suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        yield from file


def complete_steps(header: ForecastHeader, progress: Progress | None) -> NDArray[np.bool_]:
    """Which steps of a forecast are in its file, shape `[initial_time, lead_time]`."""
    found = frozenset() if progress is None else progress.complete
    return np.array([[(time, lead) in found for lead in header.lead_times] for time in header.initial_times])


def told_progress(progress: Progress | None) -> str:
    """How much of a forecast is there, in words."""
    if progress is None:
        return "nothing is complete"
    times, leads = (len(progress.settings[name]) for name in ("initial_times", "lead_times"))
    finished = sum(count == leads for count in Counter(time for time, _ in progress.complete).values())
    return f"{len(progress.complete)} of {times * leads} steps are complete, and {finished} of {times} initial times"


def settings_of(header: ForecastHeader) -> dict[str, Any]:
    """Everything that a forecast is made of, as JSON values: two of the same settings are the same, bit for bit."""
    settings = {
        "record": header.provenance,
        "initial_times": [format_time(time) for time in header.initial_times],
        "lead_times": [int(lead / np.timedelta64(1, "s")) for lead in header.lead_times],
        "variables": sorted(variable.name for variable in header.variables),
        "members": list(header.numbers),
        "nodes": len(header.grid),
    }
    made: dict[str, Any] = json.loads(json.dumps(settings))
    return made


def differences(old: Any, new: Any, place: str = "") -> list[str]:
    """Where two settings differ: the place, what was, and what is.

    >>> differences({"members": 2, "nodes": 48}, {"members": 3, "nodes": 48})
    ['`members` was 2 and is 3']
    """
    if isinstance(old, dict) and isinstance(new, dict):
        keys = sorted({*old, *new})
        return [one for key in keys for one in differences(old.get(key), new.get(key), f"{place}.{key}".lstrip("."))]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        pairs = enumerate(zip(old, new, strict=True))
        return [one for number, pair in pairs for one in differences(*pair, f"{place}.{number}")]
    return [] if old == new else [f"`{place}` was {_short(old)} and is {_short(new)}"]


def told(found: list[str]) -> str:
    """The first of some differences, and how many more there are."""
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return "; ".join(found[:NAMED]) + more


def _short(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)}" if len(value) > NAMED else json.dumps(value)
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}…"


class Journal:
    """The file beside an unfinished forecast: a line for each step that is complete."""

    def __init__(self, path: Path, first: Mapping[str, Any], *, mode: str) -> None:
        self._file = path.open(mode, encoding="utf-8", buffering=1)  # a line is written at once
        try:
            self._file.write("\n" * (mode == "a"))  # ends a line that was cut short
            self._put(first)
        except BaseException:
            with suppress(OSError):  # what could not be written is tried once more
                self._file.close()
            raise

    @classmethod
    def begin(cls, target: Path, settings: Mapping[str, Any]) -> Self:
        """Begin the file of a new forecast, in place of one that is there."""
        return cls(steps_path(target), {"settings": settings}, mode="w")

    @classmethod
    def go_on(cls, target: Path, moment: Moment | None = None) -> Self:
        """Go on with a file; the steps of initial times that are not finished are written again.

        Args:
            target: the place of the forecast.
            moment: those up to it are not written again.
        """
        begun = {"from": moment.record} if moment else {}
        return cls(steps_path(target), {"resumed": True, **begun}, mode="a")

    def complete(self, time: np.datetime64, lead_time: np.timedelta64) -> None:
        """Say that a step is in the file."""
        self._put({"step": [format_time(time), int(lead_time / np.timedelta64(1, "s"))]})

    def finish(self, times: list[np.datetime64], mark: Mapping[str, Any] | None) -> None:
        """Say that these initial times are finished, and how the writer gets back to this moment."""
        self._put({"finished": [format_time(time) for time in times], "mark": mark})

    def save(self, moment: Moment, mark: Mapping[str, Any]) -> None:
        """Say how the writer gets back to a moment of which the state is saved."""
        self._put({"saved": moment.record, "mark": mark})

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _put(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
