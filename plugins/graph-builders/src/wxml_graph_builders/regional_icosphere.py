"""The icosahedral mesh cut to a region."""

__all__ = ["FINEST", "finest_refinement", "kept_icosphere", "regional_icosphere"]

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.data.sphere import from_unit_vectors

from wxml_graph_builders.icosphere import Icosphere, greatest_edge, icosphere
from wxml_graph_builders.mesh_nodes import MeshNodes, within
from wxml_graph_builders.region import Region

FINEST = 12  # 1.9 km
FEWEST_NODES = 3  # of a level that joins nodes: a triangle
SMALLEST_MESH = 12  # nodes that a mesh may always have: a triangle and what surrounds it


def regional_icosphere(region: Region, refinement: int, margin: float) -> MeshNodes:
    """The mesh on a region and around it, with the edges of every refinement.

    The mesh keeps a triangle of the finest refinement if its three corners all lie in the region's hull or within
    `margin` greatest edge lengths of it. From a margin of 1 on the triangles cover the whole hull. A refinement gives
    its edges if the mesh keeps three or more of its nodes.

    Args:
        region: the region of the grid.
        refinement: the refinement of the finest triangles.
        margin: how far the mesh reaches beyond the region, in greatest edge lengths.
    """
    return kept_icosphere(*_cut(region, refinement, margin))


def kept_icosphere(sphere: Icosphere, kept: NDArray[np.int64]) -> MeshNodes:
    """Some nodes of an icosphere, by their rising numbers, with the edges and the finest triangles among them.

    A level gives its edges if three or more of its nodes are kept.
    """
    edges = (sphere.edges(level) for level in range(len(sphere.triangles)))
    if len(kept) == len(sphere.points):
        return MeshNodes(NodeSet(*from_unit_vectors(sphere.points)), tuple(edges), sphere.triangles[-1])
    number = np.full(len(sphere.points), -1)
    number[kept] = np.arange(len(kept))
    levels = (within(number, pairs) for pairs in edges)
    populated = [pairs if _joined(pairs) >= FEWEST_NODES else pairs[:0] for pairs in levels]
    nodes = NodeSet(*from_unit_vectors(sphere.points[kept]))
    return MeshNodes(nodes, tuple(populated), within(number, sphere.triangles[-1]))


def _joined(pairs: NDArray[np.int64]) -> int:
    """How many nodes the pairs join."""
    return int(np.count_nonzero(np.bincount(pairs.ravel())))


def finest_refinement(region: Region, margin: float) -> int:
    """The finest refinement whose mesh has at most a third as many nodes as the grid, or at most twelve nodes."""
    allowed = max(len(region.points) // 3, SMALLEST_MESH)
    refinement = 0
    while refinement < FINEST and len(_cut(region, refinement + 1, margin)[1]) <= allowed:
        refinement += 1
    return refinement


def _cut(region: Region, refinement: int, margin: float) -> tuple[Icosphere, NDArray[np.int64]]:
    """The icosphere near the region, and the rising numbers of those of its nodes that the mesh keeps."""
    around = region.around(margin * greatest_edge(refinement))
    sphere = icosphere(refinement, around.holds)
    triangles = sphere.triangles[-1]
    whole = around.holds(sphere.points)[triangles].all(axis=1)
    return sphere, np.flatnonzero(np.bincount(triangles[whole].ravel(), minlength=len(sphere.points)))
