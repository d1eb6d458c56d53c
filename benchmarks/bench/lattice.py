"""A mesh of any number of nodes with any number of edges into each: a Fibonacci lattice and its nearest neighbours."""

__all__ = ["lattice_mesh"]

import numpy as np
from scipy.spatial import cKDTree
from wxml.graphs.graph import EdgeSet, Mesh
from wxml.graphs.node_set import NodeSet

GOLDEN_ANGLE = np.degrees(np.pi * (3 - np.sqrt(5)))


def lattice_mesh(nodes: int, neighbours: int) -> Mesh:
    """Nodes in order of latitude, evenly spread; so many edges into each, from the nearest others."""
    number = np.arange(nodes)
    points = NodeSet(np.degrees(np.arcsin((2 * number + 1) / nodes - 1)), number * GOLDEN_ANGLE % 360)
    _, near = cKDTree(points.points).query(points.points, neighbours + 1)
    edges = EdgeSet.between(points, points, near[:, 1:].ravel(), np.repeat(number, neighbours))
    return Mesh(points, edges)
