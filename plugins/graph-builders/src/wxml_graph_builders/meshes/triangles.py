"""The MeshBuilder `triangles`: a refined icosahedron."""

__all__ = ["Triangles"]

from typing import Annotated

import numpy as np
from pydantic import Field

from wxml_graph_builders.icosphere import icosphere
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.regional_icosphere import FINEST, kept_icosphere


class Triangles(MeshBuilder):
    """A refined icosahedron: 10 · 4^r + 2 nodes around the globe, those of coarser refinements first.

    Its levels are the refinements 0 to r, with 60 · 4^k directed edges each. The centre of a triangle lies on each
    pole, and no node.
    """

    def __init__(
        self,
        *,
        refinement: Annotated[
            int, Field(ge=0, le=FINEST, description="number of times that each triangle is cut into four")
        ] = 3,
    ) -> None:
        self.refinement = refinement

    def _build(self, context: BuildContext) -> MeshNodes:
        area = context.area
        sphere = icosphere(self.refinement, None if area is None else area.holds)
        kept = np.ones(len(sphere.points), bool) if area is None else area.holds(sphere.points)
        return kept_icosphere(sphere, np.flatnonzero(kept))
