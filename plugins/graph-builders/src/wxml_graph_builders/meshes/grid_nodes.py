"""The MeshBuilder `grid`: the nodes of the data themselves."""

__all__ = ["GridNodes"]

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes


class GridNodes(MeshBuilder):
    """The nodes of the data, in their order: a mesh that is the grid, or the grid itself with attributes."""

    def __init__(
        self,
        *,
        nodes: Annotated[
            str,
            Field(description="the node set that is taken: `grid`, or `data:NAME`; under such a name, that one"),
        ] = "grid",
    ) -> None:
        self.nodes = nodes

    def _build(self, context: BuildContext) -> MeshNodes:
        return replace(context.named(self.nodes))  # other nodes at the same places: edges lead from one to the other
