"""The EdgeBuilder `icon-topology`: edges as a grid file of ICON joins its vertices and cells."""

__all__ = ["IconTopology"]

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.spatial import cKDTree
from wxml import NodeSet
from wxml.errors import DataError

from wxml_graph_builders.edge_builder import EdgeBuilder
from wxml_graph_builders.edges import nearest_nodes
from wxml_graph_builders.icon_levels import Coarser
from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs, within
from wxml_graph_builders.reading.icon_grid import IconCells, IconVertices, read_cells, read_vertices

Indices = NDArray[np.int64]

SAME_PLACE = 5e-6  # of the earth's radius, 32 m: files of fields have their places in single precision


class _Grid(NamedTuple):
    """The two sets of places of a grid file."""

    vertices: IconVertices
    cells: IconCells


class IconTopology(EdgeBuilder):
    """Edges between nodes that are vertices or cells of a grid file, found by their places.

    | from, to | joined are |
    |---|---|
    | vertices, themselves | the ends of the edges of the finest `levels` levels among the nodes |
    | cells, themselves | cells that share a side |
    | cells, vertices | each cell with the corners of the triangle that holds it, on the finest level of the nodes |
    | vertices, cells | the same, the other way |

    A cell at the edge of a region that no whole triangle holds is joined to the nearest vertex.
    """

    def __init__(
        self,
        *,
        path: Annotated[
            str,
            Field(min_length=1, description="the grid file, from the working folder on", examples=["icon_grid_G.nc"]),
        ],
        levels: Annotated[
            int | None, Field(ge=1, le=31, description="of vertices, how many of the finest levels; null: all")
        ] = None,
    ) -> None:
        self.path, self.levels = path, levels

    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        grid = _Grid(read_vertices(self.path), read_cells(self.path))
        (start, from_cells), (end, to_cells) = (self._numbers(grid, nodes) for nodes in (source, target))
        if from_cells and not to_cells:
            return self._held(grid, (source, start), (target, end))
        if to_cells and not from_cells:
            return self._held(grid, (target, end), (source, start))[:, ::-1]
        if source is not target:
            what = "cells" if to_cells else "vertices"
            raise DataError(
                f"edges `icon-topology` join {what} of one node set with each other, got two node sets of {what}",
                fix="write the same name in `from` and `to`, or join two sets by `nearest`",
            )
        count = len(grid.cells.nodes if to_cells else grid.vertices.nodes)
        pairs = grid.cells.neighbours if to_cells else self._along(grid.vertices, end)
        return within(_place(end, count), pairs)

    def _numbers(self, grid: _Grid, nodes: MeshNodes) -> tuple[Indices, bool]:
        """The number of each node's vertex or cell, and whether they are cells."""
        for known, are_cells in ((grid.cells.nodes, True), (grid.vertices.nodes, False)):
            number = _matched(known, nodes)
            if number is not None:
                return number, are_cells
        raise DataError(
            f"edges `icon-topology` need nodes that are all vertices, or all cells, of `{self.path}`, each once; got "
            f"{len(nodes)} nodes that are not",
            fix="give the grid file of these nodes, or join them by `nearest`",
        )

    def _along(self, vertices: IconVertices, kept: Indices) -> Pairs:
        """The edges of the finest levels that the nodes reach, in both directions."""
        levels = vertices.hierarchy.all_levels()[: int(vertices.hierarchy.levels[kept].max()) + 1]
        chosen = levels if self.levels is None else levels[-self.levels :]
        edges = np.concatenate([level.edges for level in chosen])
        return np.concatenate([edges, edges[:, ::-1]])

    def _held(self, grid: _Grid, cells: tuple[MeshNodes, Indices], vertices: tuple[MeshNodes, Indices]) -> Pairs:
        """Pairs of a cell and each corner of the triangle that holds it."""
        hierarchy = grid.vertices.hierarchy
        level: Coarser = hierarchy.all_levels()[int(hierarchy.levels[vertices[1]].max())]
        place = np.append(_place(vertices[1], len(grid.vertices.nodes)), -1)
        triangles = np.append(level.triangles, [[-1, -1, -1]], axis=0)
        corners = place[triangles[level.within[cells[1]]]]
        whole = (corners >= 0).all(axis=1)
        held, left = np.flatnonzero(whole), np.flatnonzero(~whole)
        _, nearest = nearest_nodes(vertices[0].points, cells[0].points[left], 1)
        of_triangles = np.stack([np.repeat(held, 3), corners[held].ravel()], axis=1)
        return np.concatenate([of_triangles, np.stack([left, nearest], axis=1)])


def _matched(known: NodeSet, nodes: MeshNodes) -> Indices | None:
    """The number of the place of each node among those known; None if one is not there, or two are at one."""
    distance, number = cKDTree(known.points).query(nodes.points)
    fits = np.max(distance) <= SAME_PLACE and len(np.unique(number)) == len(nodes)
    return np.asarray(number, np.int64) if fits else None


def _place(number: Indices, count: int) -> Indices:
    """For each number the node that has it, or -1."""
    found = np.full(count, -1)
    found[number] = np.arange(len(number))
    return found
