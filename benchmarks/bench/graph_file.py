"""The graph that both sides read: made once, kept as arrays in an `.npz` file.

    python -m bench.graph_file {peer|wxml} GRID REFINEMENT PATH

Encoder: mesh nodes from the grid points within 0.6 of the longest mesh spacing; mesh: the edges of all levels from 1;
decoder: three nearest. `peer` builds with anemoi-graphs; `wxml` the same kind of graph without it.
"""

__all__ = ["ENDS", "Arrays", "read", "wxml_graph"]

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from wxml.graphs.graph import Graph

Arrays = dict[str, NDArray[Any]]
ENDS = (("grid", "mesh"), ("mesh", "mesh"), ("mesh", "grid"))
RADIUS, MAXIMUM, NEAREST = 0.6, 64, 3


def octahedral(number: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Latitudes and longitudes in degrees of the octahedral reduced Gaussian grid."""
    rows = np.degrees(np.arcsin(np.polynomial.legendre.leggauss(2 * number)[0]))[::-1]
    counts = [4 * (min(row, 2 * number - 1 - row) + 1) + 16 for row in range(2 * number)]
    return np.repeat(rows, counts), np.concatenate([np.arange(count) * 360.0 / count for count in counts])


def peer_config(number: int, refinement: int) -> dict[str, object]:
    """The peer's description of the graph, without attributes that no model here reads."""
    edges, nodes = "anemoi.graphs.edges", "anemoi.graphs.nodes"
    latitudes, longitudes = octahedral(number)
    builders: dict[tuple[str, str], dict[str, object]] = {
        ("grid", "mesh"): {"_target_": f"{edges}.CutOffEdges", "cutoff_factor": RADIUS},
        ("mesh", "mesh"): {"_target_": f"{edges}.MultiScaleEdges", "x_hops": 1, "scale_resolutions": refinement},
        ("mesh", "grid"): {"_target_": f"{edges}.KNNEdges", "num_nearest_neighbours": NEAREST},
    }
    attributes = {
        "edge_length": {"_target_": f"{edges}.attributes.EdgeLength", "norm": "unit-std"},
        "edge_dirs": {"_target_": f"{edges}.attributes.EdgeDirection", "norm": "unit-std"},
    }
    grid = {"_target_": f"{nodes}.LatLonNodes", "latitudes": latitudes, "longitudes": longitudes}
    mesh = {"_target_": f"{nodes}.TriNodes", "resolution": refinement}
    joined = [
        {"source_name": source, "target_name": target, "edge_builders": [builder], "attributes": attributes}
        for (source, target), builder in builders.items()
    ]
    return {"nodes": {"grid": {"node_builder": grid}, "mesh": {"node_builder": mesh}}, "edges": joined}


def peer_arrays(number: int, refinement: int) -> Arrays:
    """Coordinates in radians, edges and their attributes, by anemoi-graphs."""
    from anemoi.graphs.create import GraphCreator  # type: ignore[import-not-found]
    from anemoi.utils.config import DotDict  # type: ignore[import-not-found]

    made = GraphCreator(DotDict({**peer_config(number, refinement), "post_processors": []})).create()
    arrays = {name: made[name].x.numpy() for name in ("grid", "mesh")}
    for source, target in ENDS:
        edges = made[source, "to", target]
        arrays[f"{source}>{target}"] = edges.edge_index.numpy()
        arrays[f"{source}>{target} attributes"] = np.concatenate([edges.edge_length, edges.edge_dirs], axis=1)
    return arrays


def wxml_arrays(number: int, refinement: int) -> Arrays:
    """The same by wxml's builder."""
    from wxml.data.grid import Grid
    from wxml_graph_builders import Icosahedral, NearestEdges, RadiusEdges

    encoder, decoder = RadiusEdges(radius=RADIUS, maximum=MAXIMUM), NearestEdges(nearest=NEAREST)
    builder = Icosahedral(refinement=refinement, coarsest=1, encoder=encoder, decoder=decoder)
    graph = builder.build(Grid.octahedral(number))
    arrays: Arrays = {
        name: np.radians(np.stack([nodes.latitudes, nodes.longitudes], axis=1)) for name, nodes in graph.nodes.items()
    }
    for (source, target), edges in graph.edges.items():
        arrays[f"{source}>{target}"] = np.stack([edges.source, edges.target])
        arrays[f"{source}>{target} attributes"] = edges.features
    return arrays


def read(path: str) -> Arrays:
    """Every array of the file."""
    with np.load(path) as file:
        return {name: file[name] for name in file}


def wxml_graph(arrays: Arrays) -> "Graph":
    """The arrays as a `wxml.graphs.graph.Graph`, which sorts the edges."""
    from wxml.graphs.graph import EdgeSet, Graph
    from wxml.graphs.node_set import NodeSet

    degrees = {name: np.degrees(arrays[name].astype(np.float64)) for name in ("grid", "mesh")}
    nodes = {name: NodeSet(values[:, 0], values[:, 1]) for name, values in degrees.items()}
    edges = {
        (source, target): EdgeSet.between(nodes[source], nodes[target], *arrays[f"{source}>{target}"])
        for source, target in ENDS
    }
    return Graph(nodes, edges)


def main() -> None:
    """Build one graph and write it."""
    side, number, refinement, path = sys.argv[1:]
    make = peer_arrays if side == "peer" else wxml_arrays
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    beside = Path(path).with_suffix(".part.npz")
    np.savez(beside, **make(int(number), int(refinement)))  # type: ignore[arg-type]
    beside.rename(path)


if __name__ == "__main__":
    main()
