"""Values on another grid."""

__all__ = ["Neighbours", "Regrid"]

from typing import Annotated, get_args

from pydantic import Field
from wxml import Grid
from wxml.data.grid_weights import SparseWeights
from wxml.errors import DataError, nearest

from wxml_dataset_sources.combining.combination import Source, opened
from wxml_dataset_sources.combining.kept_weights import kept_partial_weights
from wxml_dataset_sources.combining.on_other_grid import CellsFrom, OnOtherGrid, Weighing
from wxml_dataset_sources.combining.target_grid import Target, target_grid
from wxml_dataset_sources.combining.weights import Method

Neighbours = Annotated[
    int | None, Field(gt=0, le=100, description="how many nodes inverse-distance takes; 4 if none is given")
]


class Regrid(OnOtherGrid):
    """A source on another grid. A value is NaN if one of those that it is made of is.

    `conservative` takes the mean over the part of a cell where values are; it is NaN if that is less than half of it.
    The weights are kept in the folder `$WXML_CACHE`, else in the cache folder of wxml, by the places of both grids.
    """

    name = "regrid"

    def __init__(
        self,
        *,
        source: Source,
        to: Annotated[Target, Field(description="the grid")],
        method: Annotated[
            Method | None,
            Field(
                description="bilinear, if none is given: between the four nodes around, on the triangles between the "
                "nodes where they form no rows; nearest: the nearest node, for masks and classes; conservative: the "
                "mean over the cell, for rain and fluxes; "
                "inverse-distance: the nearest nodes, weighed by one over their distance"
            ),
        ] = None,
        neighbours: Neighbours = None,
        cells: Annotated[
            CellsFrom | None,
            Field(
                description="of conservative: `stated`, the default, takes the bounds of latitude and longitude where "
                "files of source or target state them; `made` takes cells between the nodes"
            ),
        ] = None,
        matrix: Annotated[
            str | None, Field(description="in place of a method: weights in a file of scipy.sparse.save_npz")
        ] = None,
    ) -> None:
        if method is not None and matrix is not None:
            raise DataError(
                f"`method` is {method}, and `matrix` {matrix} has weights of its own", fix="leave one of the two out"
            )
        super().__init__(opened(source), target_grid(to), Weighing.of(method or "bilinear", neighbours, matrix, cells))

    @classmethod
    def grid_weights(cls, source: Grid, target: Grid, method: str) -> SparseWeights:
        """See `DataSource.grid_weights`; the weights are kept in the cache folder."""
        known = {str(one): one for one in get_args(Method)}
        if method not in known:
            raise DataError(f"there is no method {method!r} of regridding", fix=nearest(method, known))
        return kept_partial_weights(source, target, known[method])
