"""A source whose values are brought to another grid by sparse weights."""

__all__ = ["CellsFrom", "OnOtherGrid", "Weighing", "mean_of_covered", "weighed"]

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, ReadRequest
from wxml.data.read_request import Positions, run
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Part, values_of
from wxml_dataset_sources.combining.kept_weights import kept_weights
from wxml_dataset_sources.combining.matrix_file import checksum_of, read_matrix
from wxml_dataset_sources.combining.weights import HALF, Method

if TYPE_CHECKING:
    from scipy.sparse import csr_array


CellsFrom = Literal["stated", "made"]
"""Whether cells are those that files state, where they do, or made between the nodes."""


class Weighing(NamedTuple):
    """Where the weights come from."""

    method: Method
    neighbours: int
    matrix: str | None
    """The file of the weights, in place of the method."""
    cells: CellsFrom = "stated"

    @classmethod
    def of(
        cls, method: Method, neighbours: int | None, matrix: str | None = None, cells: CellsFrom | None = None
    ) -> "Weighing":
        """Check the options; raise a DataError for `neighbours` or `cells` of another method."""
        if cells is not None and (method != "conservative" or matrix is not None):
            raise DataError(
                f"`cells` is {cells}, and counts for `method: conservative` alone",
                fix="leave it out, or write `method: conservative`",
            )
        if neighbours is not None and (method != "inverse-distance" or matrix is not None):
            raise DataError(
                f"`neighbours` is {neighbours}, and counts for `method: inverse-distance` alone",
                fix="leave it out, or write `method: inverse-distance`",
            )
        return cls(method, neighbours or 4, matrix, cells or "stated")

    @property
    def record(self) -> dict[str, Any]:
        """What the provenance tells."""
        if self.matrix is not None:
            return {"matrix": checksum_of(self.matrix)}
        more: dict[str, Any] = {"neighbours": self.neighbours} if self.method == "inverse-distance" else {}
        return {"method": self.method} | more | ({"cells": self.cells} if self.cells == "made" else {})

    def record_of(self, target: Grid) -> dict[str, Any]:
        """What the provenance tells of the target."""
        has_cells = self.matrix is None and self.method == "conservative" and self.cells == "stated"
        cells = {"bounds": target.bounds.identity} if has_cells and target.bounds is not None else {}
        return {"grid": target.identity} | cells

    def weights(self, source: Grid, target: Grid) -> "csr_array":
        """Those of the file, or of the cache, or made now.

        Raises:
            DataError: the file has no such weights, or none can be made between the grids.
        """
        if self.matrix is not None:
            return read_matrix(self.matrix, (len(target), len(source)))
        if self.cells == "made":
            source, target = replace(source, bounds=None), replace(target, bounds=None)
        return kept_weights(source, target, self.method, self.neighbours)


class OnOtherGrid(Combination):
    """A source on another grid."""

    name: ClassVar[str] = "regrid"

    def __init__(self, part: Part, grid: Grid, weighing: Weighing) -> None:
        self._weighing = weighing
        self._weights: csr_array | None = weighing.weights(part.header.grid, grid)
        super().__init__((part,), weighing.record | weighing.record_of(grid))
        self.header = replace(part.header, grid=grid)

    def __getstate__(self) -> dict[str, Any]:
        """Pickle without the weights; a data-loader worker takes them from the cache."""
        return {**self.__dict__, "_weights": None}

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        if self._weights is None:
            self._weights = self._weighing.weights(self._sources[0].header.grid, self.header.grid)
        weights, needed = _of_rows(self._weights, request.nodes)
        values = values_of(self._sources[0], replace(request, nodes=needed))
        is_mean = self._weighing.matrix is None and self._weighing.method == "conservative"
        for place in np.ndindex(values.shape[:2]):
            brought = mean_of_covered if is_mean else weighed
            out[place] = brought(weights, values[place].T).T


def weighed(weights: "csr_array", values: NDArray[np.float32]) -> NDArray[np.float64]:
    """The values `[target node, variable]` from those of the source `[source node, variable]`."""
    return np.asarray(weights @ values)


def mean_of_covered(weights: "csr_array", values: NDArray[np.float32]) -> NDArray[np.float64]:
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
