"""From a mesh to the whole graph: join it with the grid."""

__all__ = ["DECODER", "ENCODER", "mesh_graph"]

from wxml import Graph, Grid, Mesh, NodeSet

from wxml_graph_builders.nearest_edges import NearestEdges
from wxml_graph_builders.radius_edges import RadiusEdges

ENCODER = RadiusEdges()
DECODER = NearestEdges()


def mesh_graph(grid: Grid, mesh: Mesh, encoder: RadiusEdges, decoder: NearestEdges) -> Graph:
    """Node sets `grid` and `mesh`, and the edges grid → mesh, mesh → mesh and mesh → grid."""
    nodes = NodeSet.of_grid(grid)
    edges = {
        ("grid", "mesh"): encoder.between(nodes, mesh.nodes),
        ("mesh", "mesh"): mesh.edges,
        ("mesh", "grid"): decoder.between(mesh.nodes, nodes),
    }
    return Graph({"grid": nodes, "mesh": mesh.nodes}, edges)
