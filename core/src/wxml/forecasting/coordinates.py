"""The coordinates of a forecast file: times, members, places, and what is known of each node."""

__all__ = ["Coordinate", "grid_coordinates", "leading_coordinates", "node_coordinates", "parts_from_text"]

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.grid_part import GridPart, check_parts
from wxml.errors import DataError
from wxml.files.json_loader import load_json
from wxml.forecasting.header import ForecastHeader
from wxml.forecasting.layout_names import (
    AREA_WEIGHT,
    ATTRIBUTES,
    BOUNDARY,
    HORIZONTAL,
    LATITUDE,
    LEAD_TIME,
    LONGITUDE,
    MEMBER,
    PART,
    PARTS,
    STATION,
    STATIONS,
    TIME,
)

Axis = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate:
    """An array of a file that is known before the first step."""

    name: str
    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: dict[str, Any]


def grid_coordinates(grid: Grid) -> tuple[Coordinate, Coordinate, Coordinate]:
    """The latitude, the longitude and the area weight of every node, in the order of the grid.

    The dimensions of the area weight are the horizontal dimensions of the file (see `HORIZONTAL`). A regular grid has
    one-dimensional latitudes and longitudes, unless they jump back and forth; any other grid has those of each node.
    """
    axes, dimensions = _axes(grid) if grid.is_regular else None, _dimensions(grid)
    if axes is not None:
        latitude = Coordinate(LATITUDE, (LATITUDE,), axes[0], {**ATTRIBUTES[LATITUDE], "axis": "Y"})
        longitude = Coordinate(LONGITUDE, (LONGITUDE,), axes[1], {**ATTRIBUTES[LONGITUDE], "axis": "X"})
    else:
        latitude = Coordinate(LATITUDE, dimensions, grid.latitudes.reshape(grid.shape), ATTRIBUTES[LATITUDE])
        longitude = Coordinate(LONGITUDE, dimensions, grid.longitudes.reshape(grid.shape), ATTRIBUTES[LONGITUDE])
    weights = grid.area_weights.reshape(grid.shape)
    return latitude, longitude, Coordinate(AREA_WEIGHT, dimensions, weights, ATTRIBUTES[AREA_WEIGHT])


def _dimensions(grid: Grid) -> tuple[str, ...]:
    """The horizontal dimensions of a file with the nodes of `grid`."""
    if grid.is_regular and _axes(grid) is not None:
        return HORIZONTAL[0]
    return HORIZONTAL[1] if len(grid.shape) == 2 else HORIZONTAL[2]


def _parts(grid: Grid) -> tuple[Coordinate, ...]:
    """The number of the part of each node; nothing where there is one grid."""
    if not grid.parts:
        return ()
    numbers = np.arange(len(grid.parts), dtype=np.int64)
    attributes = {
        **ATTRIBUTES[PART],
        "flag_values": numbers.tolist(),
        "flag_meanings": " ".join(part.name for part in grid.parts),
        PARTS: json.dumps([part.record() for part in grid.parts]),
    }
    values = np.repeat(numbers, [part.count for part in grid.parts]).reshape(grid.shape)
    return (Coordinate(PART, _dimensions(grid), values, attributes),)


def parts_from_text(target: str, text: Any, count: int) -> tuple[GridPart, ...]:
    """The parts in the attribute `wxml_parts` of `grid_part` of the file `target`.

    Args:
        target: the name of the file in messages.
        text: the attribute; None where the file has none, and so one grid.
        count: the number of nodes.

    Raises:
        DataError: these are no records of parts, or they do not have `count` nodes.
    """
    if text is None:
        return ()
    try:
        records = load_json(text)
        if not isinstance(records, list):
            raise ValueError("it is no JSON list")
        parts = tuple(map(GridPart.of_record, records))
        check_parts(parts, count)
    except (ValueError, TypeError, DataError) as error:
        raise DataError(
            f"the `{PARTS}` of `{target}` is damaged: {error}",
            fix="write the forecast again, or take `grid_part` out: its nodes are then one grid",
        ) from error
    return parts


def _boundary(header: ForecastHeader, dimensions: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """The mask of the nodes that are given; nothing where there are none."""
    if header.boundary is None or not header.boundary.any():
        return ()
    values = header.boundary.reshape(header.grid.shape).astype(np.int8)
    return (Coordinate(BOUNDARY, dimensions, values, ATTRIBUTES[BOUNDARY]),)


def _stations(header: ForecastHeader, dimensions: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """The numbers of the stations, with their names; nothing for other nodes."""
    if not header.stations:
        return ()
    attributes = {**ATTRIBUTES[STATION], STATIONS: json.dumps(header.stations)}
    return (Coordinate(STATION, dimensions, np.arange(len(header.stations), dtype=np.int64), attributes),)


def leading_coordinates(header: ForecastHeader) -> tuple[Coordinate, ...]:
    """The coordinates of initial time and lead time, and that of the members if there are several."""
    since, times = _counted(header.initial_times.astype("datetime64[s]"))
    unit, leads = _counted(header.lead_times.astype("timedelta64[s]"))
    initial = Coordinate(TIME, (TIME,), times, {**ATTRIBUTES[TIME], "units": f"{since} since 1970-01-01T00:00:00"})
    lead = Coordinate(LEAD_TIME, (LEAD_TIME,), leads, {**ATTRIBUTES[LEAD_TIME], "units": unit})
    if not header.is_ensemble:
        return initial, lead
    control = {"comment": "0 is the control"} if header.numbering and header.numbering.control else {}
    numbers = np.array(header.numbers, np.int64)
    return initial, lead, Coordinate(MEMBER, (MEMBER,), numbers, {**ATTRIBUTES[MEMBER], **control})


def _counted(times: NDArray[Any]) -> tuple[str, NDArray[np.int64]]:
    """The unit of the times, and the times in it: hours if all are whole hours, else seconds."""
    seconds = times.astype(np.int64)
    return ("seconds", seconds) if np.any(seconds % 3600) else ("hours", seconds // 3600)


def _axes(grid: Grid) -> tuple[Axis, Axis] | None:
    """The latitudes `[latitude]` and longitudes `[longitude]`, or None where they jump back and forth.

    A coordinate of CF must rise or fall throughout. A grid counts longitudes from 0 to 360, so those of one that
    crosses Greenwich are written as -10, -5, 0, 5 instead of 350, 355, 0, 5.
    """

    def is_monotonic(values: Axis) -> bool:
        """Whether the values rise, or fall, from each to the next."""
        steps = np.diff(values)
        return bool(np.all(steps > 0) or np.all(steps < 0))

    latitudes, longitudes = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    if not is_monotonic(longitudes):
        longitudes = np.unwrap(longitudes, period=360.0)
        longitudes = longitudes - 360.0 * (longitudes.max() > 360.0)
    return (latitudes, longitudes) if is_monotonic(latitudes) and is_monotonic(longitudes) else None


def node_coordinates(header: ForecastHeader, dimensions: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """What a file tells of single nodes beside place and area: the grid, the boundary, the station; on `dimensions`."""
    return (*_parts(header.grid), *_boundary(header, dimensions), *_stations(header, dimensions))
