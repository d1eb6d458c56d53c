"""Values on another grid."""

__all__ = ["Regrid"]

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml_dataset_sources.combining.combination import Combination, Source, opened
from wxml_dataset_sources.combining.kept_weights import kept_weights
from wxml_dataset_sources.combining.target_grid import Target, target_grid
from wxml_dataset_sources.combining.weights import Method

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Regrid(Combination):
    """A source on another grid. A value is NaN if one of those that it is made of is.

    The weights are kept in the folder `$WXML_CACHE`, else in the cache folder of wxml, by the places of both grids.
    """

    name = "regrid"

    def __init__(
        self,
        *,
        source: Source,
        to: Annotated[Target, Field(description="the grid")],
        method: Annotated[
            Method,
            Field(
                description="bilinear: between the four nodes around on a regular grid, on the triangles between the "
                "nodes on others; nearest: the nearest node, for masks and classes"
            ),
        ] = "bilinear",
    ) -> None:
        part = opened(source)
        grid = target_grid(to)
        super().__init__((part,), {"method": method, "grid": grid.identity})
        self._method: Method = method
        self.header = replace(part.header, grid=grid)
        self._weights: csr_array | None = kept_weights(part.header.grid, grid, method)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the weights; a data-loader worker takes them from the cache."""
        return {**self.__dict__, "_weights": None}

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        source = self._sources[0]
        if self._weights is None:
            self._weights = kept_weights(source.header.grid, self.header.grid, self._method)
        names = [self.header.names[index] for index in variable_indices]
        values = source.read(self.header.times[time_indices], names)
        for place in np.ndindex(values.shape[:2]):
            out[place] = (self._weights @ values[place].T).T
