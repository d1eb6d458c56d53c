"""The MeshBuilder `hexagons`: the icosahedron in any number of steps."""

__all__ = ["Hexagons"]

from itertools import combinations
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import NodeSet
from wxml.data.sphere import from_unit_vectors

from wxml_graph_builders.icosphere import icosphere
from wxml_graph_builders.mesh_builder import MeshBuilder
from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes, within

Points = NDArray[np.float64]


class Hexagons(MeshBuilder):
    """The centres of 10 · n² + 2 cells: twelve pentagons, and hexagons.

    The n + 1 nodes along each side of the icosahedron divide its faces into n² triangles; the cell of a node is what
    lies nearest to it. Unlike `triangles`, there is a mesh for every n: between two refinements the number of nodes
    grows fourfold. It has one level: each node and the five or six around it.
    """

    def __init__(
        self,
        *,
        divisions: Annotated[
            int, Field(ge=1, le=1024, description="n: parts into which each side of the icosahedron is divided")
        ] = 12,
    ) -> None:
        self.divisions = divisions

    def _build(self, context: BuildContext) -> MeshNodes:
        points, triangles = divided_icosahedron(self.divisions)
        kept = np.ones(len(points), bool) if context.area is None else context.area.holds(points)
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        cells = within(number, triangles)
        sides = np.concatenate([triangles[:, pair] for pair in ([0, 1], [1, 2], [2, 0])])
        return MeshNodes(NodeSet(*from_unit_vectors(points[kept])), (within(number, sides),), cells)


def divided_icosahedron(divisions: int) -> tuple[Points, NDArray[np.int64]]:
    """Unit vectors of the nodes, `[node, 3]`, and the triangles among them, anticlockwise, `[triangle, 3]`.

    Node (i, j) of a face with corners a, b, c lies in the direction of (n − i − j) a + i b + j c. The corners come
    first, then the nodes on the sides, then those inside of the faces.
    """
    base = icosphere(0)
    faces, sides = base.triangles[0], np.array(list(combinations(range(12), 2)))
    i, j = (part.ravel() for part in np.meshgrid(np.arange(divisions + 1), np.arange(divisions + 1), indexing="ij"))
    i, j = i[i + j <= divisions], j[i + j <= divisions]
    parts = np.stack([divisions - i - j, i, j], axis=1)
    del sides
    place = np.einsum("nk,fkx->fnx", parts.astype(np.float64), base.points[faces]).reshape(-1, 3)
    number, first = _shared(faces, parts)
    points = place[first]
    row = np.full((divisions + 1, divisions + 1), -1)
    row[i, j] = np.arange(len(i))
    upward = np.stack([row[:-1, :-1], row[1:, :-1], row[:-1, 1:]], axis=-1).reshape(-1, 3)
    downward = np.stack([row[1:, :-1], row[1:, 1:], row[:-1, 1:]], axis=-1).reshape(-1, 3)
    local = np.concatenate([upward, downward])
    local = local[np.all(local >= 0, axis=1)]
    triangles = number.reshape(len(faces), -1)[:, local].reshape(-1, 3)
    return points / np.linalg.norm(points, axis=1, keepdims=True), triangles.astype(np.int64)


def _shared(faces: NDArray[np.int64], parts: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The number of each face's nodes, face by face, and for each number where it comes first.

    A node is told by its share of each corner of the icosahedron, which is the same from every face that it lies on.
    """
    shares = np.broadcast_to(parts, (len(faces), *parts.shape)).reshape(-1, 3)
    corners = np.repeat(faces, len(parts), axis=0)
    order = np.argsort(-shares * 16 + corners, axis=1, kind="stable")  # the greatest share first, then the lower corner
    shares, corners = np.take_along_axis(shares, order, 1), np.take_along_axis(corners, order, 1)
    corners = np.where(shares > 0, corners, 0)
    base = shares.max() + 1
    key = np.zeros(len(shares), np.int64)
    for column in range(3):
        key = (key * base + (base - 1 - shares[:, column])) * 12 + corners[:, column]
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return np.asarray(number).ravel(), first
