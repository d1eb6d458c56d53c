"""The GraphBuilder `limited-area`, for regional grids."""

__all__ = ["LimitedArea"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Graph, GraphBuilder, Grid, NodeSet, Options
from wxml.errors import ConfigError, DataError, Fault

from wxml_graph_builders.attributes.masks import boundary_mask
from wxml_graph_builders.edges import NearestEdges, RadiusEdges
from wxml_graph_builders.mesh import DECODER, ENCODER, mesh_graph, multi_scale_mesh, refuse_coarsest
from wxml_graph_builders.mesh_nodes import MeshNodes
from wxml_graph_builders.region import Region
from wxml_graph_builders.regional_icosphere import FINEST, finest_refinement, regional_icosphere
from wxml_graph_builders.regular_mesh import regular_mesh

STRIDE = 2


class BoundaryWidth(Options):
    """How wide the boundary is: some km, or some rows of nodes."""

    km: Annotated[float | None, Field(gt=0, allow_inf_nan=False, description="distance from a node at the edge")] = None
    nodes: Annotated[
        int | None, Field(gt=0, le=1000, description="rows of nodes, in place of `km`; null: 1 without `km`")
    ] = None

    def mask(self, grid: Grid) -> NDArray[np.bool_]:
        """Which nodes of a regional grid are its boundary, shape `[node]`.

        Raises:
            DataError: both widths are given.
        """
        if self.km is not None and self.nodes is not None:
            raise DataError(
                f"`boundary` is given by `km` or by `nodes`, got {self.km:g} and {self.nodes}",
                fix="leave one of the two out",
            )
        return boundary_mask(MeshNodes(NodeSet.of_grid(grid)), self.km, self.nodes or 1)


class LimitedArea(GraphBuilder):
    """A mesh over the region of the grid and a little beyond, joined by the edges of several scales.

    `mesh: icosahedral` cuts the refined icosahedron to the spherical convex hull of the region and `margin` mesh
    spacings around it; `mesh: regular` takes every `stride`-th latitude and longitude of a regular grid, and `margin`
    more around. Regions may lie across the date line or hold a pole. For 25 × 53 nodes at 2.5° over North America:

    | mesh | nodes | grid → mesh | mesh → mesh | mesh → grid |
    |---|---|---|---|---|
    | icosahedral, refinement 4 | 420 | 2 102 | 3 060 | 3 975 |
    | regular, stride 2 | 435 | 2 931 | 4 234 | 3 975 |
    """

    def __init__(
        self,
        *,
        mesh: Annotated[
            Literal["icosahedral", "regular"], Field(description="a mesh of triangles, or of latitudes and longitudes")
        ] = "icosahedral",
        refinement: Annotated[
            int | None,
            Field(
                ge=0,
                le=FINEST,
                description="of the icosahedral mesh; null: the finest with at most a third of the grid's nodes",
            ),
        ] = None,
        stride: Annotated[
            int | None,
            Field(gt=0, description=f"the regular mesh takes every `stride`-th row and column; null: {STRIDE}"),
        ] = None,
        margin: Annotated[
            float, Field(ge=1, le=100, description="mesh spacings by which the mesh reaches beyond the grid")
        ] = 1.0,
        coarsest: Annotated[
            int, Field(ge=0, le=FINEST, description="the coarsest level whose edges join mesh nodes")
        ] = 0,
        boundary: Annotated[
            BoundaryWidth | None,
            Field(description="nodes at the edge that are given: neither loss nor scores count them; null: none"),
        ] = None,
        encoder: Annotated[RadiusEdges, Field(description="edges from the grid to the mesh")] = ENCODER,
        decoder: Annotated[NearestEdges, Field(description="edges from the mesh to the grid")] = DECODER,
    ) -> None:
        for name, value, needed in (("refinement", refinement, "icosahedral"), ("stride", stride, "regular")):
            if value is not None and mesh != needed:
                fault = Fault(name, f"`{name}` belongs to `mesh: {needed}`, got {name} {value} with `mesh: {mesh}`")
                raise ConfigError([fault], fix=f"leave `{name}` out, or write `mesh: {needed}`")
        if refinement is not None:
            refuse_coarsest(coarsest, refinement)
        self.stride = (stride or STRIDE) if mesh == "regular" else None
        self.refinement = refinement
        self.margin = margin
        self.coarsest = coarsest
        self.boundary = boundary
        self.encoder = encoder
        self.decoder = decoder

    def _build(self, grid: Grid) -> Graph:
        if grid.is_global:
            raise DataError(
                f"graph builder `limited-area` serves regional grids, got a global one of {len(grid)} nodes",
                fix="write `graph: {plugin: icosahedral}`",
            )
        if self.stride is not None:
            mesh = regular_mesh(grid, self.stride, self.margin, self.coarsest)
        else:
            region = Region.of(NodeSet.of_grid(grid).points)
            refinement = finest_refinement(region, self.margin) if self.refinement is None else self.refinement
            refuse_coarsest(self.coarsest, refinement)
            made = regional_icosphere(region, refinement, self.margin)
            mesh = multi_scale_mesh(made.nodes, made.levels[self.coarsest :])
        graph = mesh_graph(grid, mesh, self.encoder, self.decoder)
        return graph if self.boundary is None else _with_boundary(graph, grid, self.boundary.mask(grid))


def _with_boundary(graph: Graph, grid: Grid, mask: NDArray[np.bool_]) -> Graph:
    """The graph whose data nodes have the attribute `boundary`."""
    ranges = {f"data:{name}": nodes for name, nodes in grid.ranges.items()} or {"grid": slice(0, len(grid))}
    marked = {name: graph.nodes[name].with_attributes(boundary=mask[nodes]) for name, nodes in ranges.items()}
    return Graph({**graph.nodes, **marked}, graph.edges)
