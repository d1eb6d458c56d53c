"""The MeshBuilder `icon`: the triangles of a grid file of ICON."""

__all__ = ["Icon"]

from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from wxml.errors import DataError

from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes, Pairs, within
from wxml_graph_builders.reading.icon_grid import IconVertices, read_cells, read_vertices


class Icon(MeshBuilder):
    """The nodes of a grid file of ICON, in its order: the vertices of its triangles, or their circumcentres.

    The vertices are a mesh of several levels, from the root grid (level 0) to the finest, as `refinement_level_v` says:
    a vertex was put in the middle of an edge of the level before. Cells have one level, that of cells which share a
    side. Files of NetCDF 4 need the extra `netcdf`.
    """

    def __init__(
        self,
        *,
        path: Annotated[
            str,
            Field(min_length=1, description="the grid file, from the working folder on", examples=["icon_grid_G.nc"]),
        ],
        nodes: Annotated[
            Literal["multi", "cells"], Field(description="the vertices, with all levels, or the centres of the cells")
        ] = "multi",
        finest: Annotated[
            int | None, Field(ge=0, le=30, description="of `multi`, the finest level that is kept; null: all")
        ] = None,
    ) -> None:
        if finest is not None and nodes == "cells":
            raise DataError(f"`finest` belongs to `nodes: multi`, got {finest} with `cells`", fix="leave `finest` out")
        self.path, self.nodes, self.finest = path, nodes, finest

    def _build(self, context: BuildContext) -> MeshNodes:
        if self.nodes == "cells":
            cells = read_cells(self.path)
            return MeshNodes(cells.nodes, (cells.neighbours,))
        return _multi(read_vertices(self.path), self.finest)


def _multi(read: IconVertices, finest: int | None) -> MeshNodes:
    """The vertices up to a level, with the edges of each level in both directions and the finest triangles."""
    last = read.hierarchy.finest if finest is None else finest
    if last > read.hierarchy.finest:
        raise DataError(
            f"`finest` must be a level of the grid file, 0 to {read.hierarchy.finest}, got {last}",
            fix="choose one of these, or leave `finest` out",
        )
    levels = read.hierarchy.all_levels()[: last + 1]
    kept = read.hierarchy.levels <= last
    number = np.where(kept, np.cumsum(kept) - 1, -1)
    edges = tuple(_both_ways(within(number, level.edges)) for level in levels)
    return MeshNodes(read.nodes.take(kept), edges, within(number, levels[-1].triangles))


def _both_ways(edges: Pairs) -> Pairs:
    return np.concatenate([edges, edges[:, ::-1]])
