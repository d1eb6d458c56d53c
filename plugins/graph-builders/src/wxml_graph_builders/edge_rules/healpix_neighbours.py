"""The EdgeBuilder `healpix-neighbours`: cells of HEALPix that share an edge or a corner."""

__all__ = ["HealpixNeighbours"]

from typing import Annotated

import numpy as np
from pydantic import Field
from scipy.spatial import cKDTree
from wxml.errors import DataError

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.healpix import cell_centres, neighbour_pairs
from wxml_graph_builders.mesh_nodes import Cells, MeshNodes, Pairs

SAME_PLACE = 1e-4  # of a cell's side: files round their coordinates


class HealpixNeighbours(EdgeBuilder):
    """Joins cells of HEALPix with those that share an edge or a corner.

    The cells are told by their places: the nodes may be those of the data, in any order, and a part of the globe. With
    several levels, a cell of a coarser one is stood for by the first of the nodes in it in nested order, as on the mesh
    `healpix`.
    """

    def __init__(
        self,
        *,
        nside: Annotated[
            int | None, Field(ge=1, le=4096, description="of the nodes; null: that of as many cells around the globe")
        ] = None,
        levels: Annotated[int, Field(ge=1, le=13, description="the finest levels whose cells are joined")] = 1,
    ) -> None:
        self.nside = nside
        self.levels = levels

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        if source is not target:
            raise DataError(
                "edges `healpix-neighbours` join the nodes of one set, got two",
                fix="write the same name in `from` and `to`, or join two sets by `nearest`",
            )
        nside = int(np.sqrt(len(source) / 12)) if self.nside is None else self.nside
        cells = _cells(nside, source)
        place = np.argsort(cells)
        found = []
        for divided in range(min(self.levels, nside.bit_length())):
            standing = place[cells[place] % 4**divided == 0]
            pairs = neighbour_pairs(nside >> divided, cells[standing] >> (2 * divided))
            found.append(standing[pairs])
        return np.concatenate(found)


def _cells(nside: int, nodes: MeshNodes) -> Cells:
    """The number of each node's cell in nested order.

    Raises:
        DataError: the nodes are not such cells, each once.
    """
    if nside & (nside - 1) or not nside:
        raise _no_cells(nodes, nside)
    tree = cKDTree(cell_centres(nside, np.arange(12 * nside**2)))
    distance, cell = tree.query(nodes.points)
    if np.max(distance) * nside > SAME_PLACE or len(np.unique(cell)) != len(nodes):
        raise _no_cells(nodes, nside)
    return np.asarray(cell, np.int64)


def _no_cells(nodes: MeshNodes, nside: int) -> DataError:
    return DataError(
        f"edges `healpix-neighbours` need nodes that are cells of HEALPix, each once, got {len(nodes)} nodes that "
        f"are not cells of nside {nside}",
        fix="say the `nside` of the nodes, a power of two, or join them by `nearest`",
    )
