"""The icosahedron with its faces divided into any number of triangles, everywhere or near an area."""

__all__ = ["divided_icosahedron"]

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import angular_distance

from wxml_graph_builders.icosphere import icosphere
from wxml_graph_builders.mesh_nodes import Area, Cells

Points = NDArray[np.float64]
Indices = NDArray[np.int64]

MOST_PARTS: Final = 48  # of a side of a face; each is kept or left out as a whole
SMALLEST: Final = 8


class _Blocks(NamedTuple):
    """Parts of faces: on each face of its own, `size` steps from node (row, column) on in both directions."""

    face: Indices
    row: Indices
    column: Indices
    size: int


def divided_icosahedron(divisions: int, area: Area | None = None) -> tuple[Points, Cells]:
    """Unit vectors of the nodes, `[node, 3]`, and the triangles among them, anticlockwise, `[triangle, 3]`.

    Node (i, j) of a face with corners a, b, c lies in the direction of (n − i − j) a + i b + j c. The corners come
    first, then the nodes on the sides, then those inside of the faces.

    Args:
        divisions: n, parts of each side.
        area: nodes that lie far outside of it are not made; None: the whole sphere. Every node in it is there, and so
            is every triangle with a corner in it.
    """
    base = icosphere(0)
    corners, blocks = base.points[base.triangles[0]], _blocks(divisions, area, base.points[base.triangles[0]])
    steps = np.arange(blocks.size + 1)
    i = blocks.row[:, None, None] + steps[:, None]
    j = blocks.column[:, None, None] + steps
    inside = i + j <= divisions
    i, j = np.broadcast_to(i, inside.shape)[inside], np.broadcast_to(j, inside.shape)[inside]
    parts = np.stack([divisions - i - j, i, j], axis=1)
    face = np.broadcast_to(blocks.face[:, None, None], inside.shape)[inside]
    shared, first = _shared(base.triangles[0][face], parts, divisions)
    places = np.einsum("nk,nkx->nx", parts[first].astype(np.float64), corners[face[first]])
    number = np.full(inside.shape, -1)
    number[inside] = shared
    triangles = number.reshape(len(number), (blocks.size + 1) ** 2)[:, _triangles(blocks.size)].reshape(-1, 3)
    triangles = triangles[np.all(triangles >= 0, axis=1)]
    return places / np.linalg.norm(places, axis=1, keepdims=True), triangles


def _blocks(divisions: int, area: Area | None, corners: Points) -> _Blocks:
    """The whole faces, or the blocks of them that may have a node in the area.

    A block is convex, so that none of its points is farther from its middle than the farthest of its corners.
    """
    faces = np.arange(len(corners))
    if area is None:
        return _Blocks(faces, np.zeros_like(faces), np.zeros_like(faces), divisions)
    size = min(max(SMALLEST, -(-divisions // MOST_PARTS)), divisions)
    starts = np.arange(0, divisions, size)
    row, column = (each.ravel() for each in np.meshgrid(starts, starts, indexing="ij"))
    row, column = row[row + column < divisions], column[row + column < divisions]
    face = np.repeat(faces, len(row))
    row, column = np.tile(row, len(faces)), np.tile(column, len(faces))
    last, end = np.minimum(row + size, divisions - column), np.minimum(column + size, divisions - row)
    rows = np.stack([row, last, row, last, np.minimum(last, divisions - end)], axis=1)
    columns = np.stack([column, column, end, np.minimum(end, divisions - last), end], axis=1)
    parts = np.stack([divisions - rows - columns, rows, columns], axis=2).astype(np.float64)
    outline = np.einsum("bok,bkx->box", parts, corners[face])
    outline /= np.linalg.norm(outline, axis=2, keepdims=True)
    middle = outline.sum(axis=1)
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    widest = float(angular_distance(outline, middle[:, None]).max())
    kept = area.holds(middle, widest)
    return _Blocks(face[kept], row[kept], column[kept], size)


def _triangles(size: int) -> Cells:
    """The triangles among the nodes of a block, numbered row by row."""
    number = np.arange((size + 1) ** 2).reshape(size + 1, size + 1)
    upward = np.stack([number[:-1, :-1], number[1:, :-1], number[:-1, 1:]], axis=-1).reshape(-1, 3)
    downward = np.stack([number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1).reshape(-1, 3)
    return np.concatenate([upward, downward])


def _shared(corners: Cells, shares: Indices, divisions: int) -> tuple[Indices, Indices]:
    """The number of each node, and for each number where it comes first.

    A node is told by its share of each corner of the icosahedron, which is the same from every face that it lies on.

    Args:
        corners: the corners of its face, `[node, 3]`.
        shares: its share of each, `[node, 3]`, which add up to `divisions`.
        divisions: n.
    """
    order = np.argsort(-shares * 16 + corners, axis=1, kind="stable")  # the greatest share first, then the lower corner
    shares, corners = np.take_along_axis(shares, order, 1), np.take_along_axis(corners, order, 1)
    corners = np.where(shares > 0, corners, 0)
    key = np.zeros(len(shares), np.int64)
    for column in range(3):
        key = (key * (divisions + 1) + (divisions - shares[:, column])) * 12 + corners[:, column]
    _, first, number = np.unique(key, return_index=True, return_inverse=True)
    return np.asarray(number, np.int64).ravel(), first
