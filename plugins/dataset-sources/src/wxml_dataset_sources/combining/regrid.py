"""Values on another grid."""

__all__ = ["Regrid"]

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest
from wxml.data.read_request import Positions, run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Source, opened, values_of
from wxml_dataset_sources.combining.kept_weights import kept_weights
from wxml_dataset_sources.combining.matrix_file import read_matrix
from wxml_dataset_sources.combining.target_grid import Target, target_grid
from wxml_dataset_sources.combining.weights import HALF, Method

if TYPE_CHECKING:
    from scipy.sparse import csr_array


class Regrid(Combination):
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
                "mean over the cell, for rain and fluxes, between regular and reduced Gaussian grids"
            ),
        ] = None,
        matrix: Annotated[
            str | None, Field(description="in place of a method: weights in a file of scipy.sparse.save_npz")
        ] = None,
    ) -> None:
        part = opened(source)
        grid = target_grid(to)
        if method is not None and matrix is not None:
            raise DataError(
                f"`method` is {method}, and `matrix` {matrix} has weights of its own", fix="leave one of the two out"
            )
        self._method: Method = method or "bilinear"
        self._matrix = matrix
        own = part.header.grid
        if matrix is None:
            how, says, weights = "method", str(self._method), kept_weights(own, grid, self._method)
        else:
            weights, says = read_matrix(matrix, (len(grid), len(own)))
            how = "matrix"
        super().__init__((part,), {how: says, "grid": grid.identity})
        self._weights: csr_array | None = weights
        self.header = replace(part.header, grid=grid)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the weights; a data-loader worker takes them from the cache."""
        return {**self.__dict__, "_weights": None}

    def _loaded(self) -> "csr_array":
        source, target = self._sources[0].header.grid, self.header.grid
        if self._matrix is not None:
            return read_matrix(self._matrix, (len(target), len(source)))[0]
        return kept_weights(source, target, self._method)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        if self._weights is None:
            self._weights = self._loaded()
        weights, needed = _of_rows(self._weights, request.nodes)
        values = values_of(self._sources[0], replace(request, nodes=needed))
        is_mean = self._matrix is None and self._method == "conservative"
        for place in np.ndindex(values.shape[:2]):
            brought = _mean_of_covered if is_mean else _weighed
            out[place] = brought(weights, values[place].T).T


def _weighed(weights: "csr_array", values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The values `[target node, variable]` from those of the source `[source node, variable]`."""
    return np.asarray(weights @ values)


def _mean_of_covered(weights: "csr_array", values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The mean over the part of each cell in which values are not missing; NaN if that is less than half of it."""
    is_there = ~np.isnan(values)
    whole = is_there.all()
    sums = np.asarray(weights @ (values if whole else np.where(is_there, values, 0)))
    covered = np.asarray(weights @ (is_there[:, :1] if whole else is_there).astype(np.float32))
    is_enough = covered >= HALF - 1e-6
    return np.asarray(np.divide(sums, covered, out=np.full_like(sums, np.nan), where=is_enough))


def _of_rows(weights: "csr_array", nodes: Positions) -> tuple["csr_array", Positions]:
    """The weights of some nodes of the target, and the nodes of the source that they stand at."""
    if isinstance(nodes, slice) and nodes == slice(0, weights.shape[0]):
        return weights, slice(0, weights.shape[1])
    rows = weights[nodes]
    needed = np.unique(rows.indices)
    return rows[:, needed], run(needed.astype(np.intp))
