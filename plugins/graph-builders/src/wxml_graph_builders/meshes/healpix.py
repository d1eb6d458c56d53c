"""The MeshBuilder `healpix`: cells of equal area."""

__all__ = ["Healpix"]

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from wxml import NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError

from wxml_graph_builders.healpix import cell_centres, cells_near, neighbour_pairs, ring_order
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, Cells, MeshNodes, Pairs


class Healpix(MeshBuilder):
    """The centres of the 12 · nside² cells of HEALPix, which have equal areas.

    Its levels join the cells that share an edge or a corner, for nside 1, 2, 4 up to its own. A cell of a coarser level
    is stood for by the first of the mesh's cells in it, the southernmost, which is the first in nested order.
    """

    def __init__(
        self,
        *,
        nside: Annotated[int, Field(ge=1, le=8192, description="cells along a side of a face: a power of two")] = 16,
        order: Annotated[
            Literal["nested", "ring"],
            Field(description="of the nodes: cells that lie together, or rows from north to south"),
        ] = "nested",
    ) -> None:
        if nside & (nside - 1):
            raise DataError(
                f"`nside` must be a power of two, got {nside}", fix=f"choose `nside: {1 << (nside.bit_length() - 1)}`"
            )
        self.nside = nside
        self.order = order

    def _build(self, context: BuildContext) -> MeshNodes:
        area = context.area
        cells = np.arange(12 * self.nside**2) if area is None else cells_near(self.nside, area)
        order = np.arange(len(cells)) if self.order == "nested" else ring_order(self.nside, cells)
        number = np.argsort(order)
        levels = [number[pairs] for pairs in self._levels(cells)]
        return MeshNodes(NodeSet(*from_unit_vectors(cell_centres(self.nside, cells[order]))), tuple(levels))

    def _levels(self, cells: Cells) -> list[Pairs]:
        """Pairs of places in `cells` (rising) for each level."""
        found = []
        for divided in range(self.nside.bit_length() - 1, -1, -1):
            standing = np.flatnonzero(cells % 4**divided == 0)
            found.append(standing[neighbour_pairs(self.nside >> divided, cells[standing] // 4**divided)])
        return found
