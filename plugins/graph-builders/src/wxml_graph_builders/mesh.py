"""The mesh with edges of several lengths, and the graph that joins it with the grid."""

__all__ = ["DECODER", "ENCODER", "mesh_graph", "multi_scale_mesh", "refuse_coarsest"]

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import EdgeSet, Graph, Grid, Mesh, NodeSet
from wxml.errors import DataError
from wxml.graphs.edge_order import ordered

from wxml_graph_builders.edges import NearestEdges, RadiusEdges, edge_set

Pairs = NDArray[np.int64]

ENCODER = RadiusEdges()
DECODER = NearestEdges()


def mesh_graph(
    grid: Grid, mesh: Mesh, encoder: RadiusEdges, decoder: NearestEdges, coarser: Sequence[tuple[Mesh, Pairs]] = ()
) -> Graph:
    """The data nodes and `mesh`, and the edges data → mesh, mesh → mesh and mesh → data.

    The data nodes are `grid`, or, for a grid of several parts, `data:<name>` for each of these. Of a part that is a
    region, mesh nodes elsewhere read nothing.

    Args:
        grid: the grid.
        mesh: the mesh.
        encoder: makes the edges grid → mesh.
        decoder: makes the edges mesh → grid.
        coarser: the levels below the mesh, from fine to coarse. Each comes with pairs of a node of the level before and
            a node of its own, shape `[pair, 2]`, which edges down and edges up join.
    """
    grids = {f"data:{part.name}": grid.part(part.name) for part in grid.parts} or {"grid": grid}
    sets = {name: NodeSet.of_grid(each) for name, each in grids.items()}
    is_everywhere = {name: not grid.parts or each.is_global for name, each in grids.items()}
    held = [nodes.points for nodes in (mesh.nodes, *sets.values())]  # so that all edges find them made
    known = mesh.edges.source, mesh.edges.target
    edges = {
        (name, "mesh"): encoder.between(nodes, mesh.nodes, every_target=is_everywhere[name], known=known)
        for name, nodes in sets.items()
    }
    edges[("mesh", "mesh")] = mesh.edges
    edges |= {("mesh", name): decoder.between(mesh.nodes, nodes) for name, nodes in sets.items()}
    del held
    sets["mesh"] = mesh.nodes
    for level, (below, pairs) in enumerate(coarser, start=1):
        finer, name = f"mesh:{level - 1}" if level > 1 else "mesh", f"mesh:{level}"
        sets[name] = below.nodes
        edges[name, name] = below.edges
        edges[finer, name] = EdgeSet.between(sets[finer], sets[name], pairs[:, 0], pairs[:, 1])
        edges[name, finer] = EdgeSet.between(sets[name], sets[finer], pairs[:, 1], pairs[:, 0])
    return Graph(sets, edges)


def multi_scale_mesh(nodes: NodeSet, levels: Iterable[Pairs]) -> Mesh:
    """The mesh whose edges are the union of the levels' directed edges, each of shape `[edge, 2]`."""
    return Mesh(nodes, edge_set(nodes, nodes, ordered(*np.concatenate([pairs.T for pairs in levels], axis=1))))


def refuse_coarsest(coarsest: int, finest: int) -> None:
    """Refuse `coarsest` if the mesh would have no edges.

    Raises:
        DataError: `coarsest` is greater than `finest`, the finest level.
    """
    if coarsest > finest:
        raise DataError(
            f"`coarsest` must not be above the finest level of the mesh, {finest}, got {coarsest}",
            fix=f"choose `coarsest` from 0 to {finest}, or a finer mesh",
        )
