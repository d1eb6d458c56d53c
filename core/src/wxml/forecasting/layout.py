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

from dataclasses import dataclass
from typing import Self

import numpy as np

from wxml.data.file_names import check_file_names
from wxml.errors import DataError
from wxml.files.record_file import PROVENANCE
from wxml.forecasting.coordinates import (
    Coordinate,
    grid_coordinates,
    leading_coordinates,
    node_coordinates,
    parts_from_text,
)
from wxml.forecasting.ensemble import MemberNumbers
from wxml.forecasting.header import ForecastHeader, spread_variable
from wxml.forecasting.layout_names import (
    AREA_WEIGHT,
    BOUNDARY,
    HORIZONTAL,
    LATITUDE,
    LEAD_TIME,
    LONGITUDE,
    MEMBER,
    PART,
    PARTS,
    SPREAD,
    STATION,
    STATIONS,
    TIME,
)
from wxml.forecasting.provenance_text import provenance_from_text, provenance_text

_GLOBAL_ATTRIBUTES = {"Conventions": "CF-1.10", "title": "machine-learned weather forecast"}
_CHUNK_BYTES = 32 * 2**20


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
        leading, horizontal = leading_coordinates(header), grid_coordinates(header.grid)
        weight = horizontal[-1]
        dimensions = {coordinate.name: len(coordinate.values) for coordinate in leading}
        dimensions |= zip(weight.dimensions, weight.values.shape, strict=True)
        coordinates = (*leading, *horizontal, *node_coordinates(header, weight.dimensions))
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
