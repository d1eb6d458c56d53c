"""The MeshBuilder `limited`: the part of another mesh that lies in an area."""

__all__ = ["Limited"]

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Kind, PluginChoice, create
from wxml.errors import DataError

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
        whole_triangles: Annotated[
            bool,
            Field(description="keep the corners of triangles that lie in the area with all three, and no other node"),
        ] = False,
    ) -> None:
        self.base: MeshBuilder = create("mesh-builder", base.plugin, base.options)
        self.area = area
        self.whole_triangles = whole_triangles

    def _build(self, context: BuildContext) -> MeshNodes:
        area = self.area.area(context)
        made = self.base.build(replace(context, area=area))
        kept = area.holds(made.points)
        if self.whole_triangles:
            kept = _of_whole_triangles(made, kept)
        if not kept.any():
            raise no_node_there()
        return made.subset(kept)


def _of_whole_triangles(made: MeshNodes, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The nodes of those triangles whose corners are all kept; shape `[node]`."""
    if made.cells is None:
        raise DataError(
            "`whole_triangles` needs a mesh that is made of triangles, got one that says none",
            fix="choose `triangles`, `hexagons` or `stretched` as `base`, or leave `whole_triangles` out",
        )
    return np.bincount(made.cells[kept[made.cells].all(axis=1)].ravel(), minlength=len(made)) > 0
