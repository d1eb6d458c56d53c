"""Sparse weights that bring values from the nodes of one grid to those of another."""

__all__ = ["Method", "interpolation_weights", "partial_weights"]

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError

from wxml_dataset_sources.combining.boxes import in_boxes
from wxml_dataset_sources.combining.cell_polygons import CellPolygons, cell_polygons
from wxml_dataset_sources.combining.cells import Cells, cells
from wxml_dataset_sources.combining.fitting import SAME_PLACE
from wxml_dataset_sources.combining.latitude_rows import on_rows
from wxml_dataset_sources.combining.overlaps import overlaps
from wxml_dataset_sources.combining.polygon_overlaps import polygon_overlaps
from wxml_dataset_sources.combining.row_polygons import row_corners
from wxml_dataset_sources.combining.stated_cells import stated_boxes, stated_polygons

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Array = NDArray[np.float64]
Indices = NDArray[np.intp]
Method = Literal["nearest", "inverse-distance", "bilinear", "conservative"]
HERE = np.radians(SAME_PLACE)
"""The distance on the unit sphere up to which two nodes are at one place."""
FAR = 2.0
"""How many distances between nodes of a limited area a place may be away from the nearest of them."""
HALF = 0.5
"""The share of a cell that must be covered for it to have a value."""


def interpolation_weights(source: Grid, target: Grid, method: Method, neighbours: int = 1) -> "csr_array":
    """The weights `[target node, source node]`; those of a target node sum to 1.

    `bilinear` is in latitude and longitude on a regular grid and between rows of one latitude, such as those of a
    reduced Gaussian grid, and on the triangles between the nodes on others. `conservative` has the share of the
    target's cell that lies in the source's cell; the sum is less than 1 for cells that the source does not cover.
    `inverse-distance` weighs the nearest `neighbours` nodes by one over their distance.

    Raises:
        DataError: nodes of `target` are outside of `source`, and the method is not `nearest`; or two nodes of a list
            are at one place, or the bounds that a grid states are no cells, and the method is `conservative`.
    """
    if method == "conservative":
        weights = _overlaps(source, target)
        _check_outside(target, weights.sum(axis=1) < HALF - 1e-9)
        return weights
    nodes, shares, is_outside = _around(source, target, method, neighbours)
    _check_outside(target, is_outside)
    return _matrix(nodes, shares, (len(target), len(source)))


def partial_weights(source: Grid, target: Grid, method: Method) -> "csr_array":
    """The same, but nodes of the target that are outside of the source have no weights.

    A node is outside of a limited area for `nearest`, too: where it is farther from the nearest node than `FAR` times
    what this one is from its own nearest.
    """
    if method == "conservative":
        return _overlaps(source, target)
    nodes, shares, is_outside = _around(source, target, method, 4)
    if method in ("nearest", "inverse-distance") and not source.is_global and len(source) > 1:
        is_outside = _far_away(source, target)
    return _matrix(nodes, np.where(is_outside[:, None], 0.0, shares), (len(target), len(source)))


def _around(source: Grid, target: Grid, method: Method, neighbours: int) -> tuple[Indices, Array, NDArray[np.bool_]]:
    """The nodes around each node of the target, their shares, and whether it is outside of the source."""
    if method in ("nearest", "inverse-distance"):
        nodes, shares = _nearest(source, target, 1 if method == "nearest" else min(neighbours, len(source)))
        return nodes, shares, np.zeros(len(target), bool)
    return (in_boxes if source.is_regular else on_rows)(source, target)


def _matrix(nodes: Indices, shares: Array, shape: tuple[int, int]) -> "csr_array":
    from scipy.sparse import csr_array

    rows = np.repeat(np.arange(shape[0]), nodes.shape[1])
    weights = csr_array((shares.ravel(), (rows, nodes.ravel())), shape=shape)
    weights.eliminate_zeros()  # else a missing value spreads to where it has no weight
    return weights


def _far_away(source: Grid, target: Grid) -> NDArray[np.bool_]:
    """Whether each node is farther from the nearest one than twice the distance between the source's nodes there."""
    from scipy.spatial import KDTree

    places = unit_vectors(source.latitudes, source.longitudes)
    tree = KDTree(places)
    distances, nodes = tree.query(unit_vectors(target.latitudes, target.longitudes))
    spacing = np.asarray(tree.query(places[nodes], k=[2])[0], np.float64)[:, 0]
    return np.asarray(distances > FAR * spacing)


def _overlaps(source: Grid, target: Grid) -> "csr_array":
    """The shares of the cells of the target in those of the source; exact between grids of rows and columns."""
    boxes = _boxes(source), _boxes(target)
    if boxes[0] is not None and boxes[1] is not None:
        return overlaps(boxes[0], boxes[1])
    return polygon_overlaps(_polygons(source, boxes[0], "source"), _polygons(target, boxes[1], "to"))


def _boxes(grid: Grid) -> Cells | None:
    """The cells that the grid states, else those around its nodes; None if they are no boxes."""
    if grid.bounds is None:
        return cells(grid)
    return stated_boxes(grid, grid.bounds) if grid.bounds.along_axes and grid.is_regular else None


def _polygons(grid: Grid, boxes: Cells | None, option: str) -> CellPolygons:
    """The same as polygons; `boxes` are those of `_boxes`."""
    if grid.bounds is None:
        return cell_polygons(grid, option)
    if boxes is None:
        return stated_polygons(grid, grid.bounds)
    return CellPolygons(row_corners(boxes), np.arange(len(grid)), len(grid))


def _nearest(source: Grid, target: Grid, count: int) -> tuple[Indices, Array]:
    """The nearest nodes, and their shares by the inverse of their distance; a node at the very place has all."""
    from scipy.spatial import KDTree

    tree = KDTree(unit_vectors(source.latitudes, source.longitudes))
    distances, nodes = tree.query(unit_vectors(target.latitudes, target.longitudes), k=np.arange(1, count + 1))
    is_there = distances < HERE
    inverse = np.where(is_there.any(axis=1)[:, None], is_there, 1.0 / np.maximum(distances, HERE))
    inverse[is_there.any(axis=1), 1:] = 0.0  # the nearest is the first
    return np.asarray(nodes, np.intp), inverse / inverse.sum(axis=1, keepdims=True)


def _check_outside(target: Grid, is_outside: NDArray[np.bool_]) -> None:
    """Raise a DataError if nodes of the target are outside of the source."""
    if is_outside.any():
        node = int(np.argmax(is_outside))
        count = np.count_nonzero(is_outside)
        raise DataError(
            f"{count} of {len(target)} nodes of `to` are outside of the grid of `source`, such as "
            f"{target.latitudes[node]:g}°N {target.longitudes[node]:g}°E",
            fix="cut `to` with `subset` and its option `area`: `to: {like: {plugin: subset, …}}`, or take the nearest "
            "nodes, however far they are: `method: nearest`",
        )
