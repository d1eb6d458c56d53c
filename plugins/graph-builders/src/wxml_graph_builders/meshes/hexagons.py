"""The MeshBuilder `hexagons`: the icosahedron in any number of steps."""

__all__ = ["Hexagons"]

from typing import Annotated, Final

import numpy as np
from pydantic import Field
from wxml import NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError

from wxml_graph_builders.divided_icosahedron import divided_icosahedron
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes, within

FINEST_GLOBE: Final = 1024  # 10 485 762 nodes


class Hexagons(MeshBuilder):
    """The centres of 10 · n² + 2 cells: twelve pentagons, and hexagons.

    The n + 1 nodes along each side of the icosahedron divide its faces into n² triangles; the cell of a node is what
    lies nearest to it. Unlike `triangles`, there is a mesh for every n: between two refinements the number of nodes
    grows fourfold. It has one level: each node and the five or six around it.
    """

    def __init__(
        self,
        *,
        divisions: Annotated[
            int,
            Field(
                ge=1,
                le=16_384,
                description="n: parts into which each side of the icosahedron is divided; above 1024 in an area alone",
            ),
        ] = 12,
    ) -> None:
        self.divisions = divisions

    def _build(self, context: BuildContext) -> MeshNodes:
        if context.area is None and self.divisions > FINEST_GLOBE:
            raise DataError(
                f"`divisions` around the globe must be at most {FINEST_GLOBE}, got {self.divisions}",
                fix="choose fewer, or cut the mesh to an area, with `limited` around it",
            )
        points, triangles = divided_icosahedron(self.divisions, context.area)
        kept = np.ones(len(points), bool) if context.area is None else context.area.holds(points)
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        sides = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        nodes = NodeSet(*from_unit_vectors(points[kept]))
        return MeshNodes(nodes, (within(number, sides),), within(number, triangles))
