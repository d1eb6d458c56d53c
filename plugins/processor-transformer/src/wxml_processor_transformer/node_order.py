"""Orders of nodes that keep neighbours on the sphere close in the list, so that a window in it is a neighbourhood.

`latitude-bands` sorts by latitude and then longitude: a window is a ring around the globe. `healpix` and `hilbert` cut
the sphere into the twelve faces of HEALPix (Górski et al. 2005, doi:10.1086/427976): a window is a compact patch.
`healpix` walks them one by one in Z-order, as the nested numbers of HEALPix do; `hilbert` follows one unbroken curve
from the north pole to the southern hemisphere.
"""

__all__ = ["face_coordinates", "node_order", "ranks_among", "reordered"]

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet

from wxml_processor_transformer.options import Order

Integers = NDArray[np.int64]
LEVELS = 20
"""Bits of a coordinate on a face: cells of ten metres."""
SOUTH, EAST, NORTH, WEST = range(4)
CORNERS = np.array([(0, 0), (1, 0), (1, 1), (0, 1)])
"""x and y of the southern, eastern, northern and western corner of a face."""
FACES = np.array(
    [
        (0, NORTH, EAST), (2, SOUTH, EAST), (4, SOUTH, EAST), (6, SOUTH, EAST),
        (7, NORTH, EAST), (1, NORTH, EAST), (3, NORTH, EAST), (5, NORTH, EAST),
        (8, NORTH, EAST), (9, WEST, SOUTH), (10, SOUTH, EAST), (11, WEST, NORTH),
    ]
)  # fmt: skip
"""The faces (four in the north, four at the equator, four in the south): the number of each on Hilbert's curve, and the
corners at which the curve enters and leaves it; it leaves where it enters the next. North and equator take turns."""


def node_order(nodes: NodeSet, order: Order) -> Integers:
    """Node numbers in the order, shape `[node]`; nodes with equal keys keep their order."""
    if order == "as-is":
        return np.arange(len(nodes), dtype=np.int64)
    keys: tuple[Integers, ...]  # the most important one last
    if order == "latitude-bands":
        microdegrees = np.rint(1e6 * np.stack([np.mod(nodes.longitudes, 360.0), -nodes.latitudes])).astype(np.int64)
        keys = tuple(microdegrees)
    else:
        face, x, y = face_coordinates(nodes, LEVELS)
        if order == "healpix":
            keys = z_order(x, y, LEVELS), face
        else:
            number, start, end = FACES[face].T
            keys = hilbert_order(*_turned(x, y, start, end), LEVELS), number
    return np.lexsort(keys).astype(np.int64)


def ranks_among(targets: NodeSet, sources: NodeSet, order: Order) -> Integers:
    """The rank of the first source that does not come before each target, targets in order; shape `[target_node]`.

    Both node sets are sorted together along one curve. `as-is` has no curve: the ranks of targets are stretched to
    those of sources.
    """
    if order == "as-is":
        return (2 * np.arange(len(targets)) + 1) * len(sources) // (2 * max(len(targets), 1))
    latitudes = np.concatenate([targets.latitudes, sources.latitudes])
    longitudes = np.concatenate([targets.longitudes, sources.longitudes])
    together = node_order(NodeSet(latitudes, longitudes), order)
    is_target = together < len(targets)
    ranks = np.cumsum(~is_target, dtype=np.int64)[is_target]
    return np.minimum(ranks, len(sources) - 1)


def reordered(nodes: NodeSet, permutation: Integers) -> NodeSet:
    """The nodes in another order."""
    return NodeSet(nodes.latitudes[permutation], nodes.longitudes[permutation])


def _turned(x: Integers, y: Integers, start: Integers, end: Integers) -> tuple[Integers, Integers]:
    """Coordinates in which the corner `start` lies at (0, 0) and the corner `end` at (1, 0)."""
    last = 2**LEVELS - 1
    (start_x, start_y), (end_x, _) = CORNERS[start].T, CORNERS[end].T
    x, y = np.where(start_x == 1, last - x, x), np.where(start_y == 1, last - y, y)
    along_x = start_x != end_x
    return np.where(along_x, x, y), np.where(along_x, y, x)


def face_coordinates(nodes: NodeSet, levels: int) -> tuple[Integers, Integers, Integers]:
    """The HEALPix face (0 to 11) of each node, and x and y on it, from 0 to 2^levels - 1.

    Górski et al. 2005, section 4.1: the faces are squares; for |sin φ| ≤ 2/3 their sides are straight in the plane of
    longitude and sin φ.
    """
    side = 2**levels
    z = np.sin(np.radians(nodes.latitudes))
    quadrant = np.mod(nodes.longitudes, 360.0) / 90.0 % 4
    # Between the polar caps, lines that rise and fall with longitude number the faces.
    falling = np.floor(side * (0.5 + quadrant - 0.75 * z)).astype(np.int64)
    rising = np.floor(side * (0.5 + quadrant + 0.75 * z)).astype(np.int64)
    down, up = falling // side, rising // side
    belt = (
        np.where(down == up, down % 4 + 4, np.where(down < up, down, up + 8)),
        rising % side,
        side - 1 - falling % side,
    )
    # Around a pole, four faces meet, one in each quadrant.
    base = np.minimum(np.floor(quadrant), 3).astype(np.int64)
    distance = side * np.sqrt(3 * (1 - np.abs(z)))
    falling = np.minimum(np.floor((quadrant - base) * distance).astype(np.int64), side - 1)
    rising = np.minimum(np.floor((1 - (quadrant - base)) * distance).astype(np.int64), side - 1)
    north = z >= 0
    x, y = np.where(north, side - 1 - rising, falling), np.where(north, side - 1 - falling, rising)
    cap = np.where(north, base, base + 8), x, y
    inside = np.abs(z) <= 2 / 3
    face, x, y = (np.where(inside, ours, theirs) for ours, theirs in zip(belt, cap, strict=True))
    return face, x, y


def z_order(x: Integers, y: Integers, levels: int) -> Integers:
    """The bits of x and y in turn, those of y first: the order of HEALPix's nested numbers."""
    bits = np.arange(levels)
    spread = [((values[:, None] >> bits & 1) << 2 * bits).sum(axis=1) for values in (x, y)]
    return np.asarray(spread[0] | spread[1] << 1)


def hilbert_order(x: Integers, y: Integers, levels: int) -> Integers:
    """The place of each cell of a square on Hilbert's curve (Hilbert 1891); neighbours on the curve share a side."""
    x, y, along = x.copy(), y.copy(), np.zeros_like(x)
    for level in reversed(range(levels)):
        right, top = x >> level & 1, y >> level & 1
        along += (3 * right ^ top) << 2 * level
        mirrored = (top == 0) & (right == 1)
        x, y = np.where(mirrored, ~x, x), np.where(mirrored, ~y, y)
        x, y = np.where(top == 0, y, x), np.where(top == 0, x, y)
    return along
