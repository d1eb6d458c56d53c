"""The nodes of several grids as one list."""

__all__ = ["Grids"]

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from pydantic import Field
from wxml import Grid
from wxml.data.cell_bounds import CellBounds
from wxml.data.node_order import node_order
from wxml.data.sphere import curvilinear_areas
from wxml.errors import DataError

from wxml_dataset_sources.combining.cells import cells
from wxml_dataset_sources.combining.combination import Part, Sources, opened_all
from wxml_dataset_sources.combining.fitting import SAME_PLACE
from wxml_dataset_sources.combining.node_lists import Names, NodeLists

GLOBE = 4 * np.pi


class Grids(NodeLists):
    """The nodes of several sources behind each other, which have the same times and members.

    Each source has the share of its own area in the sum of all areas. Without `names` they are one grid, and must have
    the same variables. With them they stay several grids: a value that a source lacks is missing on its nodes, and a
    model that has an encoder and a decoder for each grid neither reads it there nor is scored on it.
    """

    name = "grids"

    def __init__(
        self,
        *,
        sources: Sources,
        areas: Annotated[
            list[Annotated[float, Field(gt=0, allow_inf_nan=False)]] | None,
            Field(description="the area of each source in any unit, where it is not known from the grid"),
        ] = None,
        names: Names = None,
    ) -> None:
        parts = opened_all(sources)
        super().__init__(parts, names, {} if areas is None else {"areas": areas})
        if names is None:
            _check_places(parts)
        every_node = [np.arange(len(part.header.grid)) for part in parts]
        self.header = self._list(every_node, _grid(parts, _areas(parts, areas)))


def _grid(parts: Sequence[Part], areas: Sequence[float]) -> Grid:
    grids = [part.header.grid for part in parts]
    weights = [area * grid.area_weights for area, grid in zip(areas, grids, strict=True)]
    latitudes, longitudes = ([getattr(grid, axis) for grid in grids] for axis in ("latitudes", "longitudes"))
    found = Grid.unstructured(np.concatenate(latitudes), np.concatenate(longitudes), np.concatenate(weights))
    return replace(found, bounds=CellBounds.joined([grid.bounds for grid in grids]))


def _check_places(parts: Sequence[Part]) -> None:
    """Raise a DataError if two sources have a node at one place."""
    for number, part in enumerate(parts):
        for before in parts[:number]:
            twice = np.flatnonzero(node_order(before.header.grid, part.header.grid, SAME_PLACE) >= 0)
            if len(twice):
                grid = before.header.grid
                raise DataError(
                    f"{before.called} and {part.called} both have a node at {grid.latitudes[twice[0]]:g}°N "
                    f"{grid.longitudes[twice[0]]:g}°E, and {len(twice)} in all",
                    fix="put the finer one in place of the other with `cutout`, or cut one of them with `subset`",
                )


def _areas(parts: Sequence[Part], given: Sequence[float] | None) -> Sequence[float]:
    """The area of each source.

    Raises:
        DataError: it is not known, or the areas that are given are not one for each source.
    """
    if given is None:
        return [_area(part) for part in parts]
    if len(given) != len(parts):
        raise DataError(
            f"`areas` has {len(given)} numbers, and there are {len(parts)} sources", fix="give one area for each source"
        )
    return given


def _area(part: Part) -> float:
    """The area of a source in steradian."""
    grid = part.header.grid
    if grid.is_global:
        return GLOBE
    own = cells(grid)
    if own is not None:
        widths = [np.ptp(edges) for edges in own.edges]
        return float(np.diff(own.heights) @ np.radians(widths))
    if len(grid.shape) == 2:
        return float(curvilinear_areas(*(each.reshape(grid.shape) for each in (grid.latitudes, grid.longitudes))).sum())
    raise DataError(
        f"the area of {part.called} is not known: its grid is a list of {len(grid)} nodes of a region",
        fix="give the area of each source in `areas`, in any unit, such as `areas: [51, 2]`",
    )
