"""How local the windows of the node orders of wxml-processor-transformer are, on an icosahedral mesh.

    python benchmarks/node_order_locality.py --refinement 5

prints the table of the package's README. Of every node and its window, nodes at most so many places away:

- edges: the share of the one-hop edges of the mesh whose two ends see each other;
- disc: the share of the nodes of a disc around the node, as many as the window has, that are in the window;
- radius: the great-circle distance from the node to the others in its window, mean and 90th percentile, in degrees.
"""

import argparse
import sys

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.data.sphere import from_unit_vectors
from wxml_graph_builders.icosphere import icosphere
from wxml_processor_transformer.node_order import node_order

ORDERS = ("as-is", "latitude-bands", "healpix", "hilbert")
COLUMNS = ("order", "window", "edges", "disc", "radius, mean", "radius, 90 %")


def disc_share(near: NDArray[np.bool_], distance: NDArray[np.float64]) -> float:
    """How much of the disc of the same number of nodes a window holds, averaged over rows of nodes."""
    members = near.sum(axis=1)
    rank = np.argsort(np.argsort(distance, axis=1), axis=1)
    return float(np.mean((near & (rank < members[:, None])).sum(axis=1) / members))


def locality(points: NDArray[np.float64], edges: NDArray[np.int64], window: int, sample: int) -> list[str]:
    """The numbers of a row; points and edges are in the order."""
    rows = np.random.default_rng(0).choice(len(points), min(sample, len(points)), replace=False)
    distance = np.degrees(np.arccos(np.clip(points[rows] @ points.T, -1, 1)))
    near = np.abs(np.arange(len(points)) - rows[:, None]) <= window
    seen = np.mean(np.abs(edges[0] - edges[1]) <= window)
    radii = distance[near]
    shares = (f"{100 * share:.0f} %" for share in (seen, disc_share(near, distance)))
    return [*shares, f"{radii.mean():.0f}°", f"{np.percentile(radii, 90):.0f}°"]


def main() -> int:
    """Print a row for each order and window."""
    made = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--refinement", type=int, default=5)
    made.add_argument("--windows", type=int, nargs="+", default=[64, 512])
    made.add_argument("--sample", type=int, default=500, help="so many nodes are looked at")
    options = made.parse_args()
    sphere = icosphere(options.refinement)
    nodes, pairs = NodeSet(*from_unit_vectors(sphere.points)), sphere.edges(options.refinement).T
    print("|", " | ".join(COLUMNS), "|")
    print("|", " | ".join("---" for _ in COLUMNS), "|")
    for window in options.windows:
        for order in ORDERS:
            permutation = node_order(nodes, order)
            edges = np.argsort(permutation)[pairs]
            row = locality(sphere.points[permutation], edges, window, options.sample)
            print("|", " | ".join([f"`{order}`", str(window), *row]), "|")
    return 0


if __name__ == "__main__":
    sys.exit(main())
