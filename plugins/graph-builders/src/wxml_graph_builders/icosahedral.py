"""The GraphBuilder `icosahedral`, for global grids."""

__all__ = ["Icosahedral"]

from typing import Annotated

from pydantic import Field
from wxml import Graph, GraphBuilder, Grid, Mesh, NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml.errors import DataError

from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.icosphere import Icosphere, icosphere
from wxml_graph_builders.mesh import DECODER, ENCODER, mesh_graph, multi_scale_mesh, refuse_coarsest
from wxml_graph_builders.mesh_nodes import Pairs


class Icosahedral(GraphBuilder):
    """A refined icosahedron around the globe, joined by the edges of all its refinements.

    A mesh of refinement r has 10 · 4^r + 2 nodes, and 20 · (4^(r+1) − 4^c) directed edges if c is the coarsest:

    | refinement | nodes | edges, coarsest 0 | edges, coarsest 1 | spacing |
    |---|---|---|---|---|
    | 3 | 642 | 5 100 | 5 040 | 960 km |
    | 4 | 2 562 | 20 460 | 20 400 | 480 km |
    | 5 | 10 242 | 81 900 | 81 840 | 240 km |
    | 6 | 40 962 | 327 660 | 327 600 | 120 km |

    With `hierarchy: n` the graph has n coarser levels for processors that ask for them: `mesh:1`, `mesh:2`, … are the
    meshes of refinement r − 1, r − 2, … with the edges that they would have as a mesh. A node of a level is joined, up
    and down, to the node at its place in the next finer one and to the nodes that lie between it and its neighbours.
    """

    def __init__(
        self,
        *,
        refinement: Annotated[
            int,
            Field(ge=0, le=9, description="number of times that each triangle is cut into four"),
        ] = 3,
        coarsest: Annotated[
            int, Field(ge=0, le=9, description="the coarsest refinement whose edges join mesh nodes")
        ] = 0,
        hierarchy: Annotated[
            int, Field(ge=0, le=9, description="number of coarser levels for processors that ask for them")
        ] = 0,
        encoder: Annotated[RadiusEdges, Field(description="edges from the grid to the mesh")] = ENCODER,
        decoder: Annotated[NearestEdges, Field(description="edges from the mesh to the grid")] = DECODER,
    ) -> None:
        refuse_coarsest(coarsest, refinement)
        if hierarchy > refinement - coarsest:
            raise DataError(
                f"`hierarchy` must leave every level edges: at most {refinement - coarsest} levels lie between "
                f"`coarsest` {coarsest} and `refinement` {refinement}, got {hierarchy}",
                fix=f"choose `hierarchy` from 0 to {refinement - coarsest}, or a finer mesh",
            )
        self.hierarchy = hierarchy
        self.refinement = refinement
        self.coarsest = coarsest
        self.encoder = encoder
        self.decoder = decoder

    def _build(self, grid: Grid) -> Graph:
        if not grid.is_global:
            raise DataError(
                f"graph builder `icosahedral` serves global grids, got a regional one of {len(grid)} nodes",
                fix="write `graph: {plugin: limited-area}`",
            )
        mesh, coarser = self._meshes()
        return mesh_graph(grid, mesh, self.encoder, self.decoder, coarser)

    def _meshes(self) -> tuple[Mesh, list[tuple[Mesh, Pairs]]]:
        """The finest mesh; and the coarser ones, each with pairs of a node of the one before and its own."""
        sphere = icosphere(self.refinement)
        mesh = self._mesh(sphere, self.refinement)
        finest = range(self.refinement, self.refinement - self.hierarchy, -1)
        return mesh, [(self._mesh(sphere, level - 1), sphere.parents(level)) for level in finest]

    def _mesh(self, sphere: Icosphere, refinement: int) -> Mesh:
        """The nodes of a refinement, joined by its edges and those of all coarser ones that count."""
        levels = (sphere.edges(level) for level in range(self.coarsest, refinement + 1))
        count = 10 * 4**refinement + 2
        return multi_scale_mesh(NodeSet(*from_unit_vectors(sphere.points[:count])), levels)
