"""Dates that are regular and as many as the attributes say, and places on the Earth."""

__all__ = ["date_faults", "place_faults"]

from collections.abc import Iterator

import numpy as np
from wxml.data.times import format_time, parse_duration, parse_time
from wxml.errors import DataError

from wxml_dataset_builder.stored import MISSING
from wxml_dataset_builder.validating.subject import Subject

SECOND = np.timedelta64(1, "s")


def date_faults(subject: Subject) -> Iterator[str]:
    """Dates that fall, that leave a gap, or that are not those of the attributes."""
    dates, attributes = subject.dates, subject.attributes
    if np.isnat(dates).any():
        yield f"`dates` has {int(np.isnat(dates).sum())} entries that are no date"
        return
    falls = np.flatnonzero(np.diff(dates) <= 0 * SECOND)
    if len(falls):
        yield f"`dates` does not rise after {format_time(dates[falls[0]])}"
        return
    for key, found in (("start_date", dates[0]), ("end_date", dates[-1])):
        if (said := _time(attributes[key])) != found:
            yield f"`{key}` is {attributes[key]}, and `dates` {_ends(key)} {format_time(found)}" + _shorter(said, found)
    for text in attributes[MISSING]:
        if _time(text) not in dates:
            yield f"`{MISSING}` lists {text}, which is not on the axis"
    yield from _frequency_faults(subject)


def _ends(key: str) -> str:
    return "begins at" if key == "start_date" else "ends at"


def _shorter(said: np.datetime64 | None, found: np.datetime64) -> str:
    return ": the store is shorter than its dates" if said is not None and said > found else ""


def _time(text: object) -> np.datetime64 | None:
    try:
        return parse_time(str(text))
    except DataError:
        return None


def _frequency_faults(subject: Subject) -> Iterator[str]:
    """Steps between dates that are not `frequency`; one in months or years is not compared."""
    said = str(subject.attributes["frequency"])
    try:
        frequency = parse_duration(f"{said}h" if said.isdigit() else said)
    except DataError:
        return
    steps = np.diff(subject.dates)
    others = np.flatnonzero(steps != frequency)
    if len(others):
        first = others[0]
        yield (
            f"`dates` is not regular: {int(steps[first] / SECOND)} s from {format_time(subject.dates[first])} to the "
            f"next date, where `frequency` is {said}; {len(others)} of {len(steps)} steps differ"
        )


def place_faults(subject: Subject) -> Iterator[str]:
    """Latitudes and longitudes that are no places, or places that are there twice."""
    north, east = subject.array("latitudes"), subject.array("longitudes")
    for name, values, limits in (("latitudes", north, (-90.0, 90.0)), ("longitudes", east, (-180.0, 360.0))):
        wrong = np.flatnonzero(~((values >= limits[0]) & (values <= limits[1])))  # NaN is neither
        if len(wrong):
            yield (
                f"`{name}` holds {len(wrong)} values that are not within {limits[0]:g} and {limits[1]:g} degrees, the "
                f"first of them {values[wrong[0]]:g} at node {wrong[0]}"
            )
    places = np.stack([north, np.mod(east, 360.0)], axis=1)
    repeated = len(places) - len(np.unique(places, axis=0))
    if repeated and np.isfinite(places).all():
        yield f"{repeated} of the {len(places)} nodes lie where another node does"
