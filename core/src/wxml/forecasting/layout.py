"""The layout of a forecast file: the contract between the plugins that write forecasts and whatever reads them.

Names, order, units and attributes are the same in every format, and follow CF-1.10; `docs/forecast-files.md` shows how
to open such a file. This module needs NumPy alone: a plugin brings the library of its format.
"""

__all__ = [
    "AREA_WEIGHT",
    "BOUNDARY",
    "HORIZONTAL",
    "LATITUDE",
    "LEAD_TIME",
    "LONGITUDE",
    "MEMBER",
    "PART",
    "PARTS",
    "PROVENANCE",
    "SPREAD",
    "STATION",
    "STATIONS",
    "TIME",
    "Coordinate",
    "ForecastHeader",
    "ForecastLayout",
    "MemberNumbers",
    "grid_coordinates",
    "parts_from_text",
    "provenance_from_text",
    "provenance_text",
    "spread_variable",
]

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.data.file_names import check_file_names
from wxml.data.grid import Grid
from wxml.data.grid_part import GridPart, check_parts
from wxml.data.times import format_duration, format_time
from wxml.data.units import have_same_meaning
from wxml.data.variables import Variable
from wxml.errors import ArtefactError, DataError
from wxml.files.json_loader import load_json
from wxml.files.record_file import PROVENANCE
from wxml.forecasting.ensemble import MemberNumbers

TIME = "time"
"""The dimension and coordinate of the initial times."""
LEAD_TIME = "prediction_timedelta"
"""The dimension and coordinate of the lead times."""
MEMBER = "number"
"""The dimension and coordinate of the members; absent where there is only one that has no number."""
LATITUDE = "latitude"
"""The coordinate of the nodes' latitudes; a dimension, too, on a regular grid."""
LONGITUDE = "longitude"
"""The coordinate of the nodes' longitudes; a dimension, too, on a regular grid."""
HORIZONTAL = ((LATITUDE, LONGITUDE), ("y", "x"), ("cell",))
"""The horizontal dimensions: of a regular grid, of a curvilinear one, and of any other."""
AREA_WEIGHT = "area_weight"
"""The coordinate, on the horizontal dimensions, with the share of the grid's area that each node stands for."""
BOUNDARY = "boundary"
"""The coordinate, on the horizontal dimensions, that is 1 where nodes are given; absent where all are forecast."""
PART = "grid_part"
"""The coordinate, on the horizontal dimensions, with the number of the grid that a node belongs to, as CF flags; absent
where there is one grid."""
PARTS = "wxml_parts"
"""The attribute of `grid_part` with the records of the parts, as JSON text."""

STATION = "station"
"""The coordinate, on the dimension `cell`, with the number of a station; absent where nodes are no stations."""
STATIONS = "wxml_stations"
"""The attribute of `station` with the names of the stations, as JSON text."""

SPREAD = "_spread"
"""What follows the name of a variable in that of the standard deviation that belongs to it."""

_ATTRIBUTES: dict[str, dict[str, str]] = {
    TIME: {
        "standard_name": "forecast_reference_time",
        "long_name": "initial time",
        "calendar": "proleptic_gregorian",
    },
    # xarray decodes a duration only where the attribute `dtype` says that it is one.
    LEAD_TIME: {"standard_name": "forecast_period", "long_name": "lead time", "dtype": "timedelta64[ns]"},
    MEMBER: {"standard_name": "realization", "long_name": "ensemble member", "units": "1"},
    LATITUDE: {"standard_name": "latitude", "long_name": "latitude", "units": "degrees_north"},
    LONGITUDE: {"standard_name": "longitude", "long_name": "longitude", "units": "degrees_east"},
    BOUNDARY: {"long_name": "1 at nodes that are given and not forecast, and not scored", "units": "1"},
    AREA_WEIGHT: {"long_name": "share of the area of the grid", "units": "1"},
    PART: {"long_name": "the grid that the node belongs to"},
    STATION: {"long_name": "the number of the station in the attribute `wxml_stations`", "units": "1"},
}
_GLOBAL_ATTRIBUTES = {"Conventions": "CF-1.10", "title": "machine-learned weather forecast"}
_CHUNK_BYTES = 32 * 2**20

Axis = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class ForecastHeader:
    """Everything about a forecast that is known before its first step."""

    grid: Grid
    variables: tuple[Variable, ...]
    initial_times: NDArray[np.datetime64]
    """`datetime64[s]`, strictly rising."""
    lead_times: NDArray[np.timedelta64]
    """`timedelta64[s]`, strictly rising, all positive."""
    members: int
    provenance: dict[str, Any]
    """JSON values; the writer stores them as JSON text in the file's attribute `wxml_provenance`."""
    boundary: NDArray[np.bool_] | None = None
    """Which nodes are given and not forecast, shape `[node]`, and so not scored; None: none of them."""
    stations: tuple[str, ...] = ()
    """The names of the nodes, where these are stations; empty for other nodes."""
    numbering: MemberNumbers | None = None
    """The numbers of the members; None: they are 0, 1, 2 and so on, the whole ensemble, and none is a control."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the members, in their order."""
        return tuple(range(self.members)) if self.numbering is None else self.numbering.numbers

    @property
    def is_ensemble(self) -> bool:
        """Whether the members have numbers: there are several, or it is one of several."""
        return self.members > 1 or self.numbering is not None

    def __post_init__(self) -> None:
        found = None if self.boundary is None else (self.boundary.dtype, self.boundary.shape)
        if found not in (None, (np.dtype(bool), (len(self.grid),))):
            raise DataError(
                f"`boundary` of a forecast must be [node] = [{len(self.grid)}] truth values, got {found[0]} of shape "
                f"{list(found[1])}",
                fix="give one truth value for each node of the grid, or None",
            )
        if len(self.stations) not in (0, len(self.grid)):
            raise DataError(
                f"`stations` of a forecast must name each of {len(self.grid)} nodes, got {len(self.stations)} names",
                fix="name each node, or none",
            )
        if len(self.numbers) != self.members:
            raise DataError(
                f"`numbering` of a forecast must number its {self.members} members, got {len(self.numbers)} numbers",
                fix="give one number for each member, or None",
            )

    @property
    def spreads(self) -> dict[str, str]:
        """Variable → the variable with its standard deviation, of those that have one in the file."""
        names = [variable.name for variable in self.variables]
        return {name: f"{name}{SPREAD}" for name in names if f"{name}{SPREAD}" in names}

    def place(self, fields: Fields, lead_time: np.timedelta64) -> tuple[int, int]:
        """The indices `(time, lead_time)` of one step.

        Raises:
            DataError: this forecast has no such step, or not with these variables, members and nodes.
        """
        expected = tuple(variable.name for variable in self.variables)
        if sorted(fields.variables) != sorted(expected):
            raise DataError(
                f"`fields` must have the variables of the header, got {_listed(fields.variables)}",
                fix=f"give each of these once, in any order: {_listed(expected)}",
            )
        shape = (self.members, len(self.variables), len(self.grid))
        if fields.values.shape != shape:
            raise DataError(
                f"`fields` must have [member, variable, node] = {list(shape)} values, got {list(fields.values.shape)}",
                fix="write fields on the grid of the header, with all of its members",
            )
        lead = _index(self.lead_times, lead_time, "lead time", format_duration)
        time = _index(self.initial_times, fields.valid_time - lead_time, "initial time", format_time)
        return time, lead


@dataclass(frozen=True, slots=True, eq=False)
class Coordinate:
    """An array of a file that is known before the first step."""

    name: str
    dimensions: tuple[str, ...]
    values: NDArray[Any]
    attributes: dict[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class ForecastLayout:
    """Everything in a forecast file except the values and the attributes of its forecast variables."""

    dimensions: dict[str, int]
    """Name and size of the dimensions of every forecast variable: time, lead time, member (if any), horizontal ones."""
    coordinates: tuple[Coordinate, ...]
    variables: tuple[str, ...]
    """The names of the forecast variables: float32, NaN where a value is missing or a step was never written."""
    attributes: dict[str, str]
    """The attributes of the file."""

    @classmethod
    def of(cls, header: ForecastHeader) -> Self:
        """Lay out the forecast that a header describes.

        Raises:
            DataError: nothing would be written, a name cannot stand in a file, or the provenance is not JSON.
        """
        sizes = {
            "variables": len(header.variables),
            "initial_times": len(header.initial_times),
            "lead_times": len(header.lead_times),
            "members": header.members,
        }
        for name, size in sizes.items():
            if size < 1:
                raise DataError(
                    f"`{name}` of a forecast must be at least one, got {size}", fix="give the header at least one"
                )
        leading, horizontal = _leading_coordinates(header), grid_coordinates(header.grid)
        weight = horizontal[-1]
        dimensions = {coordinate.name: len(coordinate.values) for coordinate in leading}
        dimensions |= zip(weight.dimensions, weight.values.shape, strict=True)
        of_nodes = (*_parts(header.grid), *_boundary(header, weight.dimensions), *_stations(header, weight.dimensions))
        coordinates = (*leading, *horizontal, *of_nodes)
        names = tuple(variable.name for variable in header.variables)
        check_file_names(names, {coordinate.name for coordinate in coordinates} | set(dimensions))
        return cls(
            dimensions, coordinates, names, {**_GLOBAL_ATTRIBUTES, PROVENANCE: provenance_text(header.provenance)}
        )

    @property
    def auxiliary(self) -> str:
        """The attribute `coordinates` of a forecast variable: the coordinates that are no dimensions.

        With it, a reader's list of data variables holds the forecast and nothing else.
        """
        return " ".join(coordinate.name for coordinate in self.coordinates if coordinate.name not in self.dimensions)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of every forecast variable."""
        return tuple(self.dimensions.values())

    @property
    def step_shape(self) -> tuple[int, ...]:
        """The shape of one variable at one initial time and lead time."""
        return self.shape[2:]

    @property
    def step_bytes(self) -> int:
        """The size of one step of all variables, uncompressed."""
        return 4 * len(self.variables) * int(np.prod(self.step_shape))

    @property
    def chunks(self) -> tuple[int, ...]:
        """One initial time, one lead time, every node, and as many members as fit into 32 MiB (at least one)."""
        if MEMBER not in self.dimensions:
            return (1, 1, *self.step_shape)
        members, *nodes = self.step_shape
        fitting = _CHUNK_BYTES // (4 * int(np.prod(nodes)))
        return (1, 1, min(members, max(1, fitting)), *nodes)


def spread_variable(variable: Variable) -> Variable:
    """The standard deviation of the normal distribution whose mean is a variable.

    Its standard name has CF's modifier `standard_error`; degrees apart are in K, whatever the scale.

    >>> spread = spread_variable(Variable("t_850", param="t", units="degC", standard_name="air_temperature"))
    >>> spread.name, spread.param, spread.units, spread.standard_name
    ('t_850_spread', 't_spread', 'K', 'air_temperature standard_error')
    """
    return replace(
        variable,
        name=f"{variable.name}{SPREAD}",
        param=f"{variable.param}{SPREAD}",
        units="K" if have_same_meaning(variable.units, "degC") else variable.units,
        standard_name=f"{variable.standard_name} standard_error" if variable.standard_name else "",
        grib="",
    )


def grid_coordinates(grid: Grid) -> tuple[Coordinate, Coordinate, Coordinate]:
    """The latitude, the longitude and the area weight of every node, in the order of the grid.

    The dimensions of the area weight are the horizontal dimensions of the file (see `HORIZONTAL`). A regular grid has
    one-dimensional latitudes and longitudes, unless they jump back and forth; any other grid has those of each node.
    """
    axes, dimensions = _axes(grid) if grid.is_regular else None, _dimensions(grid)
    if axes is not None:
        latitude = Coordinate(LATITUDE, (LATITUDE,), axes[0], {**_ATTRIBUTES[LATITUDE], "axis": "Y"})
        longitude = Coordinate(LONGITUDE, (LONGITUDE,), axes[1], {**_ATTRIBUTES[LONGITUDE], "axis": "X"})
    else:
        latitude = Coordinate(LATITUDE, dimensions, grid.latitudes.reshape(grid.shape), _ATTRIBUTES[LATITUDE])
        longitude = Coordinate(LONGITUDE, dimensions, grid.longitudes.reshape(grid.shape), _ATTRIBUTES[LONGITUDE])
    weights = grid.area_weights.reshape(grid.shape)
    return latitude, longitude, Coordinate(AREA_WEIGHT, dimensions, weights, _ATTRIBUTES[AREA_WEIGHT])


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
        **_ATTRIBUTES[PART],
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
    return (Coordinate(BOUNDARY, dimensions, values, _ATTRIBUTES[BOUNDARY]),)


def _stations(header: ForecastHeader, dimensions: tuple[str, ...]) -> tuple[Coordinate, ...]:
    """The numbers of the stations, with their names; nothing for other nodes."""
    if not header.stations:
        return ()
    attributes = {**_ATTRIBUTES[STATION], STATIONS: json.dumps(header.stations)}
    return (Coordinate(STATION, dimensions, np.arange(len(header.stations), dtype=np.int64), attributes),)


def provenance_text(record: dict[str, Any]) -> str:
    """The text of the attribute `wxml_provenance`.

    Raises:
        DataError: the record holds something else than JSON values.
    """
    try:
        return json.dumps(record, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"`provenance` must hold JSON values only: {error}", fix="turn other values into text"
        ) from error


def provenance_from_text(target: str, text: Any) -> dict[str, Any]:
    """The record in the attribute `wxml_provenance` of the file `target`; `text` is None where it has none.

    Raises:
        ArtefactError: there is no record, or it is damaged.
    """
    fix = "name a file that `wxml forecast` or `wxml verify` wrote, or write it again"
    if text is None:
        raise ArtefactError(f"`{target}` carries no `{PROVENANCE}`, so wxml did not write it", fix=fix)
    try:
        record = load_json(text)
    except ValueError as error:
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: {error}", fix=fix) from error
    if not isinstance(record, dict):
        raise ArtefactError(f"the `{PROVENANCE}` of `{target}` is damaged: it is no JSON object", fix=fix)
    found: dict[str, Any] = record
    return found


def _leading_coordinates(header: ForecastHeader) -> tuple[Coordinate, ...]:
    """The coordinates of initial time and lead time, and that of the members if there are several."""
    since, times = _counted(header.initial_times.astype("datetime64[s]"))
    unit, leads = _counted(header.lead_times.astype("timedelta64[s]"))
    initial = Coordinate(TIME, (TIME,), times, {**_ATTRIBUTES[TIME], "units": f"{since} since 1970-01-01T00:00:00"})
    lead = Coordinate(LEAD_TIME, (LEAD_TIME,), leads, {**_ATTRIBUTES[LEAD_TIME], "units": unit})
    if not header.is_ensemble:
        return initial, lead
    control = {"comment": "0 is the control"} if header.numbering and header.numbering.control else {}
    numbers = np.array(header.numbers, np.int64)
    return initial, lead, Coordinate(MEMBER, (MEMBER,), numbers, {**_ATTRIBUTES[MEMBER], **control})


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


def _index(known: NDArray[Any], wanted: Any, what: str, write: Callable[[Any], str]) -> int:
    """The place of `wanted` in `known`; if it is not there, the DataError calls it `what` and shows it by `write`."""
    found = np.flatnonzero(known == wanted)
    if not found.size:
        raise DataError(
            f"the header has no {what} {write(wanted)}, so the file has no place for it",
            fix=f"add it to the header, or choose one of these: {_listed([write(time) for time in known])}",
        )
    return int(found[0])


def _listed(names: Sequence[str], most: int = 12) -> str:
    """The first few names, and how many follow."""
    more = f", and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
