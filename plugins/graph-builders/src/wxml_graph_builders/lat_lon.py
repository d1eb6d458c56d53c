"""The GraphBuilder `lat-lon`, for global grids and processors that work on maps."""

__all__ = ["LatLon"]

from typing import Annotated

from pydantic import Field
from wxml import Graph, GraphBuilder, Grid
from wxml.errors import DataError

from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.mesh import DECODER, ENCODER, mesh_graph
from wxml_graph_builders.meshes.latitude_longitude import Columns, Rows, Spacing, closed_axes
from wxml_graph_builders.regular_mesh import joined_axes


class LatLon(GraphBuilder):
    """Latitudes and longitudes around the globe: a mesh for processors that need rows and columns.

    Row by row from north to south, each row from 0°E to the east; `NodeSet.axes` of the mesh gives them back. No row
    lies on a pole. Each node is joined to its eight neighbours, and so are those of every second row and column, of
    every fourth, and so on, as long as that leaves three of both.
    """

    def __init__(
        self,
        *,
        latitudes: Rows = 32,
        longitudes: Columns = None,
        spacing: Spacing = "gaussian",
        coarsest: Annotated[int, Field(ge=0, le=12, description="the coarsest level whose edges join mesh nodes")] = 0,
        encoder: Annotated[RadiusEdges, Field(description="edges from the grid to the mesh")] = ENCODER,
        decoder: Annotated[NearestEdges, Field(description="edges from the mesh to the grid")] = DECODER,
    ) -> None:
        self.axes = closed_axes(latitudes, longitudes, spacing)
        self.coarsest = coarsest
        self.encoder = encoder
        self.decoder = decoder

    def _build(self, grid: Grid) -> Graph:
        if not grid.is_global:
            raise DataError(
                f"graph builder `lat-lon` serves global grids, got a regional one of {len(grid)} nodes",
                fix="write `graph: {plugin: limited-area, mesh: regular}`",
            )
        mesh = joined_axes(self.axes, self.coarsest)
        return mesh_graph(grid, mesh, self.encoder, self.decoder)
