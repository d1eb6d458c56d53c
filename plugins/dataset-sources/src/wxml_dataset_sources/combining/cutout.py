"""Regions with more nodes inside of a coarser grid."""

__all__ = ["Cutout"]

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Part, Sources, opened_all
from wxml_dataset_sources.combining.matrix_file import checksum_of
from wxml_dataset_sources.combining.nested_grids import Nesting, covered, nested
from wxml_dataset_sources.combining.nesting_file import kept_covers
from wxml_dataset_sources.combining.node_lists import Names, NodeLists


class Cutout(NodeLists):
    """The nodes of regions, and those of a coarser grid around them; the sources have the same times and members.

    A node is left out if it is in the hull of the nodes of a source before its own (with `neighbours`, among the
    nearest of these), or too near to one of these.
    """

    name = "cutout"

    def __init__(
        self,
        *,
        sources: Sources,
        min_distance_km: Annotated[
            float,
            Field(ge=0, le=20000, description="a node nearer than this to one before it is left out"),
        ] = 0.0,
        max_distance_km: Annotated[
            float | None,
            Field(
                gt=0, le=20000, description="nodes of the last source farther than this from all others are left out"
            ),
        ] = None,
        neighbours: Annotated[
            int | None,
            Field(
                ge=3,
                le=100,
                description="a node is in a region if it lies among so many of its nearest nodes, such as 5, in place "
                "of their hull: for regions with bays, or of more than half of the globe",
            ),
        ] = None,
        mask: Annotated[
            str | None,
            Field(description="a file (.npz) of the nodes that are left: read if it is there, else made and written"),
        ] = None,
        names: Names = None,
    ) -> None:
        parts = opened_all(sources)
        nesting = Nesting(min_distance_km, max_distance_km, neighbours)
        options = {name: value for name, value in nesting._asdict().items() if value is not None}
        if neighbours is None and (mask is None or not Path(mask).exists()):
            _check_regions(parts[:-1])
        grids = [part.header.grid for part in parts]
        covers = covered(grids, nesting) if mask is None else kept_covers(mask, grids, nesting)
        super().__init__(parts, names, options | ({} if mask is None else {"mask": checksum_of(mask)}))
        nodes, shares = nested(grids, covers)
        _check_covers(parts, shares)
        self.header = self._list(nodes, _grid(grids, nodes, shares))


def _grid(grids: Sequence[Grid], nodes: Sequence[NDArray[np.intp]], shares: Sequence[NDArray[np.float64]]) -> Grid:
    latitudes, longitudes = (
        np.concatenate([getattr(grid, axis)[kept] for grid, kept in zip(grids, nodes, strict=True)])
        for axis in ("latitudes", "longitudes")
    )
    return Grid.unstructured(latitudes, longitudes, np.concatenate(shares))


def _check_regions(parts: Sequence[Part]) -> None:
    """Raise a DataError if a source before the last one is no region with a hull on one half of the globe."""
    for part in parts:
        grid = part.header.grid
        places = unit_vectors(grid.latitudes, grid.longitudes)
        middle = places.mean(axis=0)
        if len(grid) < 3 or np.min(places @ middle) <= 1e-3 or np.linalg.matrix_rank(places) < 3:
            raise DataError(
                f"{part.called} has no hull on one half of the globe, and only the last of `sources` may be global",
                fix="cut it to a region with `subset` and its option `area`, list it last, or set `neighbours` to 5",
            )


def _check_covers(parts: Sequence[Part], shares: Sequence[NDArray[np.float64]]) -> None:
    """Raise a DataError if a source covers no node of a later one, so that its area is not known."""
    for part, own in zip(parts, shares, strict=True):
        if not own.sum() > 0:
            raise DataError(
                f"{part.called} covers no node of a source after it, or has no node of its own left",
                fix="take a finer source after it, or leave it out",
            )
