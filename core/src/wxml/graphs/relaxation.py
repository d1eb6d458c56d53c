"""The relaxation zone of a limited area: how much of a node's value is given, and how much is forecast."""

__all__ = ["given_shares"]

import numpy as np
from numpy.typing import NDArray

from wxml.config.model_schema import RelaxationConfig
from wxml.data.grid import Grid
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.errors import ConfigError, Fault
from wxml.graphs.data_nodes import boundary_nodes, data_nodes
from wxml.graphs.graph import Graph

EARTH_RADIUS_KM = 6371.0
PAIRS = 2**22
"""So many distances are compared at once."""


def given_shares(graph: Graph, grid: Grid, zone: RelaxationConfig | None) -> NDArray[np.float32]:
    """Return the share α of what is given at each node, shape `[node]`: f ← (1 − α) f + α b.

    It is 1 on the boundary and falls with the distance d from it, over the width w of the zone: cos²(π d / 2w), or
    1 − tanh(5 d / 2w), which is 1 − tanh(d / 2) of row d in a zone of five rows; 0 from w on. Of n rows, w counts
    n + 1, so that n rows have a share. Without a zone it is 0 beside the boundary. Several grids have a zone each,
    around their own boundary. After Davies (1976), doi:10.1002/qj.49710243210, who chose the strength of the
    relaxation at each row freely.

    Args:
        graph: has the boundary as the attribute `boundary` of its data nodes.
        grid: the grid of the model.
        zone: the zone; None: none.

    Raises:
        ConfigError: the width is in rows, and the grid has none.
    """
    boundary = boundary_nodes(graph, grid)
    if zone is None or not boundary.any():
        return boundary.astype(np.float32)
    if zone.nodes is not None:
        distance = _rows(boundary, grid, zone.nodes) / (zone.nodes + 1)
    else:
        parts = [part.nodes for part in data_nodes(graph, grid)]
        distance = np.concatenate([_kilometres(boundary[nodes], grid, nodes) for nodes in parts]) / float(zone.km or 0)
    shape = _tanh if zone.shape == "tanh" else _cosine
    return np.where(distance < 1, shape(np.minimum(distance, 1)), 0.0).astype(np.float32)


def _cosine(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.cos(np.pi / 2 * distance) ** 2)


def _tanh(distance: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(1 - np.tanh(2.5 * distance))


def _rows(boundary: NDArray[np.bool_], grid: Grid, most: int) -> NDArray[np.float64]:
    """The number of rows from the boundary, diagonal neighbours being one apart; `most` + 1 beyond."""
    if len(grid.shape) != 2:
        problem = f"the grid has no rows of nodes in which `nodes: {most}` could count"
        raise ConfigError([Fault("model.boundary.relaxation", problem)], fix="write the width in `km`")
    reached = boundary.reshape(grid.shape)
    distance = np.where(reached, 0.0, most + 1.0)
    for row in range(1, most + 1):
        wider = _widened(reached)
        distance[wider & ~reached] = row
        reached = wider
    return distance.ravel()


def _widened(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and its neighbours in rows, columns and diagonals."""
    for axis in (0, 1):
        padded = np.pad(mask, [(1, 1) if axis == other else (0, 0) for other in (0, 1)])
        count = mask.shape[axis]
        mask = np.logical_or.reduce([padded.take(range(first, first + count), axis) for first in range(3)])
    return mask


def _kilometres(boundary: NDArray[np.bool_], grid: Grid, nodes: slice) -> NDArray[np.float64]:
    """The distance of some nodes from the nearest one of the boundary among them; infinite without a boundary."""
    points = unit_vectors(grid.latitudes[nodes], grid.longitudes[nodes])
    edge = points[boundary]
    if not len(edge):
        return np.full(len(points), np.inf)
    size = max(1, PAIRS // len(edge))
    blocks = (points[first : first + size] for first in range(0, len(points), size))
    nearest = np.concatenate([np.argmax(block @ edge.T, axis=1) for block in blocks])
    return EARTH_RADIUS_KM * angular_distance(points, edge[nearest])
