"""States on another grid."""

__all__ = ["RegridFilter"]

from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter
from wxml.errors import DataError

from wxml_dataset_sources.combining.kept_weights import kept_partial_weights
from wxml_dataset_sources.combining.on_other_grid import mean_of_covered, weighed
from wxml_dataset_sources.combining.target_grid import Target, target_grid
from wxml_dataset_sources.filtering.choice import columns

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Way = Literal["bilinear", "nearest", "conservative"]
Ways = Annotated[
    dict[str, Way] | None,
    Field(description="name (tp) or parameter → its method, in place of `method`", examples=[{"tp": "conservative"}]),
]


class RegridFilter(StateFilter):
    """Brings states to another grid, as the source `regrid` does.

    A value is NaN if one of those that it is made of is, and outside of the nodes of a limited area. `conservative`
    takes the mean over the part of a cell where values are; it is NaN if that is less than half of it. Components of
    winds stay those of the directions that they had. The weights are kept in the cache folder of wxml.
    """

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        to: Annotated[Target, Field(description="the grid", examples=[{"degrees": 1.0}])],
        method: Annotated[
            Way,
            Field(
                description="bilinear: between the nodes around; nearest: the nearest node, for masks and classes; "
                "conservative: the mean over the cell, for rain and fluxes"
            ),
        ] = "bilinear",
        methods: Ways = None,
    ) -> None:
        super().__init__(space)
        self.grid = target_grid(to)
        ways: list[Way] = [method] * len(space.variables)
        for name, way in (methods or {}).items():
            for place in columns(space, [name], "methods"):
                ways[place] = way
        self._columns = {way: [place for place, one in enumerate(ways) if one == way] for way in dict.fromkeys(ways)}
        self._weights = {way: kept_partial_weights(space.grid, self.grid, way) for way in {*self._columns, method}}
        self._method = method
        if not self._weights[method].nnz:
            raise DataError(
                "no node of the grid in `to` is among those of the states", fix="write a grid in `to` of the same area"
            )

    def moved(self, fields: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Fields `[..., node]` by `method`."""
        return self._brought(self._method, fields)

    def _apply(
        self, values: NDArray[Any], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.floating[Any]]:
        after = np.empty((*values.shape[:2], len(self.grid)), values.dtype)
        for way, places in self._columns.items():
            after[:, places] = self._brought(way, values[:, places])
        return after

    def _brought(self, way: Way, values: NDArray[Any]) -> NDArray[Any]:
        weights: csr_array = self._weights[way]
        fields = values.reshape(-1, values.shape[-1]).T
        brought = (mean_of_covered if way == "conservative" else weighed)(weights, fields).T
        brought[:, np.diff(weights.indptr) == 0] = np.nan
        return np.asarray(brought.reshape(*values.shape[:-1], len(self.grid)), values.dtype)
