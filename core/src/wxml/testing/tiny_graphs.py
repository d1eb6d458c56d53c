"""Small graphs on which a processor or a mapper must work."""

__all__ = [
    "GRAPHS",
    "globe",
    "isolated_node",
    "limited_area",
    "one_edge",
    "split_graph",
    "tiny_parts",
    "tiny_region",
    "wider_region",
]

from dataclasses import replace

import numpy as np

from wxml.data.grid import Grid
from wxml.data.grid_part import GridPart
from wxml.graphs.graph import EdgeSet, Graph
from wxml.graphs.node_set import NodeSet
from wxml.testing.tiny_world import tiny_graph, tiny_grid


def tiny_region() -> Grid:
    """A coarse regular grid over Europe."""
    return Grid.regular([62, 56, 50, 44], [0, 6, 12, 18, 24])


def wider_region() -> Grid:
    """A regular grid over Europe and the Atlantic, of which something is left inside a boundary of a few rows."""
    return Grid.regular(np.arange(70.0, 30.0, -4.0), np.arange(-30.0, 40.0, 7.0))


def tiny_parts(lacks: tuple[str, ...] = ()) -> Grid:
    """A coarse grid of the globe, and behind it one over Europe, on which the variables `lacks` are not given."""
    globe, region = tiny_grid(), tiny_region()
    latitudes = np.concatenate([globe.latitudes, region.latitudes])
    longitudes = np.concatenate([globe.longitudes, region.longitudes + 1])
    parts = GridPart("globe", len(globe)), GridPart("region", len(region), lacks)
    return replace(Grid.unstructured(latitudes, longitudes), parts=parts)


def split_graph(grid: Grid, mesh_nodes: int = 12) -> Graph:
    """The mesh of `tiny_graph`, joined with a node set for each part of the grid."""
    graphs = {f"data:{part.name}": tiny_graph(grid.part(part.name), mesh_nodes) for part in grid.parts}
    nodes = {name: graph.nodes["grid"] for name, graph in graphs.items()}
    edges = {(name, "mesh"): graph.edges["grid", "mesh"] for name, graph in graphs.items()}
    edges |= {("mesh", name): graph.edges["mesh", "grid"] for name, graph in graphs.items()}
    one = next(iter(graphs.values()))
    return Graph({**nodes, "mesh": one.nodes["mesh"]}, {**edges, ("mesh", "mesh"): one.edges["mesh", "mesh"]})


def globe() -> Graph:
    """24 grid nodes around the globe and 10 mesh nodes, well connected, with coarser levels of 5 and of 2 nodes."""
    return tiny_graph(tiny_grid(4, 6), mesh_nodes=10, levels=2)


def limited_area() -> Graph:
    """20 grid nodes of a region, and a mesh node on every fourth of them, each joined to its neighbours."""
    grid = NodeSet.of_grid(tiny_region())
    numbers = np.arange(len(grid))
    mesh = NodeSet(grid.latitudes[::4], grid.longitudes[::4])
    steps = np.arange(len(mesh) - 1)
    return _graph(grid, mesh, (numbers // 4, numbers), (np.r_[steps, steps + 1], np.r_[steps + 1, steps]))


def isolated_node() -> Graph:
    """Three mesh nodes of which the last reads nothing, is joined to nothing, and reaches nothing."""
    grid = NodeSet(np.array([10.0, -10.0, 0.0, 5.0]), np.array([0.0, 20.0, 40.0, 60.0]))
    mesh = NodeSet(np.array([0.0, 0.0, -60.0]), np.array([10.0, 50.0, 180.0]))
    return _graph(grid, mesh, (np.array([0, 0, 1, 1]), np.arange(4)), (np.array([0, 1]), np.array([1, 0])))


def one_edge() -> Graph:
    """A single grid node and two mesh nodes: one edge to the first, one on to the second, one back."""
    grid, mesh = NodeSet(np.zeros(1), np.zeros(1)), NodeSet(np.array([10.0, -10.0]), np.array([0.0, 20.0]))
    edges = {
        ("grid", "mesh"): EdgeSet.between(grid, mesh, [0], [0]),
        ("mesh", "mesh"): EdgeSet.between(mesh, mesh, [0], [1]),
        ("mesh", "grid"): EdgeSet.between(mesh, grid, [1], [0]),
    }
    return Graph({"grid": grid, "mesh": mesh}, edges)


GRAPHS = {"globe": globe, "limited area": limited_area, "isolated node": isolated_node, "one edge": one_edge}

Pairs = tuple[np.ndarray, np.ndarray]


def _graph(grid: NodeSet, mesh: NodeSet, links: Pairs, neighbours: Pairs) -> Graph:
    """Join the pairs `links` of mesh and grid nodes both ways, and the pairs `neighbours` from source to target."""
    edges = {
        ("grid", "mesh"): EdgeSet.between(grid, mesh, links[1], links[0]),
        ("mesh", "mesh"): EdgeSet.between(mesh, mesh, *neighbours),
        ("mesh", "grid"): EdgeSet.between(mesh, grid, *links),
    }
    return Graph({"grid": grid, "mesh": mesh}, edges)
