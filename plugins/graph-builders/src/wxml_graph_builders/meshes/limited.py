"""The MeshBuilder `limited`: the part of another mesh that lies in an area."""

__all__ = ["Limited"]

from dataclasses import replace
from typing import Annotated

from pydantic import Field
from wxml import Kind, PluginChoice, create

from wxml_graph_builders.areas import AreaOptions
from wxml_graph_builders.mesh_builder import MeshBuilder, no_node_there
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes

BASE = PluginChoice(plugin="wxml-graph-builders:triangles")
AROUND_THE_GRID = AreaOptions(nodes="grid", hull=True, margin_km=100)


class Limited(MeshBuilder):
    """The nodes of a mesh that lie in an area, with the edges among them.

    The other mesh is told of the area. Ours (`triangles`, `hexagons`, `healpix`, `stretched`) make nothing far outside
    of it, so that a mesh of 2 km on a small area takes a second.
    """

    def __init__(
        self,
        *,
        base: Annotated[PluginChoice, Kind("mesh-builder"), Field(description="the mesh that is cut")] = BASE,
        area: Annotated[AreaOptions, Field(description="what is kept of it")] = AROUND_THE_GRID,
    ) -> None:
        self.base: MeshBuilder = create("mesh-builder", base.plugin, base.options)
        self.area = area

    def _build(self, context: BuildContext) -> MeshNodes:
        area = self.area.area(context)
        made = self.base.build(replace(context, area=area))
        kept = area.holds(made.points)
        if not kept.any():
            raise no_node_there()
        return made.subset(kept)
