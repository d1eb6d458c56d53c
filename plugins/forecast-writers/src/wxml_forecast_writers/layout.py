"""The layout of a forecast file, the same for every format: dimensions, coordinates, attributes (CF-1.10)."""

__all__ = ["Layout"]

import re
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError
from wxml.forecasting.writer import ForecastHeader

from wxml_forecast_writers.cf_names import cf_attributes
from wxml_forecast_writers.horizontal import Coordinate, Horizontal
from wxml_forecast_writers.provenance import PROVENANCE, provenance_text

# The names that every version of NetCDF takes and that make a folder anywhere, as zarr does. CF would begin them with a
# letter, but 2t and 10u are ECMWF's own names.
PORTABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}")
GLOBAL_ATTRIBUTES = {"Conventions": "CF-1.10", "title": "machine-learned weather forecast"}
CHUNK_BYTES = 32 * 2**20
INITIAL_TIME = {
    "standard_name": "forecast_reference_time",
    "long_name": "initial time",
    "calendar": "proleptic_gregorian",
}
# xarray decodes a duration only where the attribute `dtype` says that it is one.
LEAD_TIME = {"standard_name": "forecast_period", "long_name": "lead time", "dtype": "timedelta64[ns]"}
MEMBER = {"standard_name": "realization", "long_name": "ensemble member", "units": "1"}


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Everything about a file except its values."""

    dimensions: dict[str, int]
    """Of every forecast variable: time, prediction_timedelta, number (if any), then the horizontal ones."""
    coordinates: tuple[Coordinate, ...]
    variables: dict[str, dict[str, Any]]
    """The attributes of each forecast variable, by name."""
    attributes: dict[str, str]

    @classmethod
    def of(cls, header: ForecastHeader) -> Self:
        """The layout of what a header describes.

        Raises:
            DataError: nothing would be written, a name cannot stand in a file, or the provenance is not JSON.
        """
        _check_sizes(header)
        horizontal = Horizontal.of(header.grid)
        leading = _leading_coordinates(header)
        coordinates = (*leading, *horizontal.coordinates)
        dimensions = {c.name: len(c.values) for c in leading} | horizontal.dimensions
        _check_names([variable.name for variable in header.variables], {c.name for c in coordinates} | set(dimensions))
        # Named as a coordinate, so that a reader's list of data variables holds nothing but the forecast.
        auxiliary = " ".join(c.name for c in coordinates if c.name not in dimensions)
        variables = {v.name: {**cf_attributes(v), "coordinates": auxiliary} for v in header.variables}
        attributes = {**GLOBAL_ATTRIBUTES, PROVENANCE: provenance_text(header.provenance)}
        return cls(dimensions, coordinates, variables, attributes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Of every forecast variable."""
        return tuple(self.dimensions.values())

    @property
    def chunks(self) -> tuple[int, ...]:
        """One initial time, one lead time, every node, and as many members as fit into 32 MiB."""
        if "number" not in self.dimensions:
            return (1, 1, *self.step_shape)
        members, *nodes = self.step_shape
        fitting = CHUNK_BYTES // (4 * int(np.prod(nodes)))
        return (1, 1, min(members, max(1, fitting)), *nodes)

    @property
    def step_shape(self) -> tuple[int, ...]:
        """What one variable has at one initial and lead time."""
        return self.shape[2:]

    @property
    def step_bytes(self) -> int:
        """The size of one step of all variables, uncompressed."""
        return 4 * len(self.variables) * int(np.prod(self.step_shape))


def _leading_coordinates(header: ForecastHeader) -> tuple[Coordinate, ...]:
    since, times = _counted(header.initial_times.astype("datetime64[s]"))
    unit, leads = _counted(header.lead_times.astype("timedelta64[s]"))
    initial = Coordinate("time", ("time",), times, {**INITIAL_TIME, "units": f"{since} since 1970-01-01T00:00:00"})
    lead = Coordinate("prediction_timedelta", ("prediction_timedelta",), leads, {**LEAD_TIME, "units": unit})
    if header.members == 1:
        return initial, lead
    return initial, lead, Coordinate("number", ("number",), np.arange(header.members, dtype=np.int64), MEMBER)


def _counted(times: NDArray[Any]) -> tuple[str, NDArray[np.int64]]:
    """Times in hours where all are whole hours, else in seconds."""
    seconds = times.astype(np.int64)
    return ("seconds", seconds) if np.any(seconds % 3600) else ("hours", seconds // 3600)


def _check_sizes(header: ForecastHeader) -> None:
    sizes = {
        "variables": len(header.variables),
        "initial_times": len(header.initial_times),
        "lead_times": len(header.lead_times),
        "members": header.members,
    }
    for name, size in sizes.items():
        if size < 1:
            raise DataError(f"`{name}` of a forecast must be at least one, got {size}", fix="ask for a longer forecast")


def _check_names(names: list[str], taken: set[str]) -> None:
    for name in names:
        if not PORTABLE_NAME.fullmatch(name):
            raise DataError(
                f"a forecast file cannot hold a variable with the name {name!r}",
                fix="rename it: up to 200 letters, digits and `_.@+-`, beginning with a letter or a digit",
            )
        if name in taken:
            raise DataError(f"the name {name!r} is that of a coordinate of forecast files", fix="rename the variable")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"`variables` must have different names, got {twice} twice", fix="rename one of each pair")
