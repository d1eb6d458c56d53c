"""HEALPix: equal areas on the sphere, in nested order (Górski et al. 2005, doi:10.1086/427976)."""

__all__ = ["cell_centres", "cell_corners", "cells_near", "cells_of", "neighbour_pairs", "ring_order"]

import numpy as np
from numpy.typing import NDArray

from wxml_graph_builders.mesh_nodes import Area, Pairs

Cells = NDArray[np.int64]
Points = NDArray[np.float64]

CORNERS = ((0, 0), (1, 0), (1, 1), (0, 1))  # south, east, north, west of a cell


def cell_centres(nside: int, cells: Cells) -> Points:
    """Unit vectors of the centres of cells, numbered in nested order; shape `[cell, 3]`."""
    face, x, y = _place(nside, cells)
    return _on_sphere(face, (x + 0.5) / nside, (y + 0.5) / nside)


def cell_corners(nside: int, cells: Cells) -> Points:
    """Unit vectors of the four corners of cells in nested order: south, east, north, west; shape `[cell, 4, 3]`."""
    face, x, y = _place(nside, cells)
    parts = [_on_sphere(face, (x + right) / nside, (y + up) / nside) for right, up in CORNERS]
    return np.stack(parts, axis=1)


def cells_near(nside: int, area: Area) -> Cells:
    """The cells (nested order, rising) with a centre in the area.

    Cells are divided into four, from the twelve coarsest ones on, and those that are too far away dropped on the way;
    so a small area costs little.
    """
    cells, side = np.arange(12), 1
    while side < nside:
        centres = cell_centres(side, cells)
        widest = np.linalg.norm(cell_corners(side, cells) - centres[:, None], axis=-1).max()
        # An arc is longer than its chord, by less than the slack that twice the chord leaves.
        cells = cells[area.holds(centres, min(2 * float(widest), np.pi))]
        cells, side = (4 * cells[:, None] + np.arange(4)).ravel(), 2 * side
    return np.asarray(cells[area.holds(cell_centres(nside, cells))])


def cells_of(nside: int, points: Points) -> Cells:
    """The number in nested order of the cell that holds each point (unit vectors); shape `[point]`.

    The inverse of the projection of `cell_centres` (Górski et al. 2005, section 4.1): near the equator lines of equal
    column and row run along tt ± 3 z / 4, with tt = 2 λ / π; near the poles along the sides of the face's diamond.
    """
    z = np.clip(points[:, 2], -1.0, 1.0)
    turns = np.mod(np.arctan2(points[:, 1], points[:, 0]) * 2 / np.pi, 4.0)  # quarters of a turn
    across = nside * (0.5 + turns)
    column, row = (np.floor(across + sign * nside * 0.75 * z).astype(np.int64) for sign in (-1, 1))
    left, right = column // nside, row // nside
    face = np.where(left == right, left % 4 + 4, np.where(left < right, left % 4, right % 4 + 8))
    x, y = np.mod(row, nside), nside - 1 - np.mod(column, nside)
    quarter = np.minimum(turns.astype(np.int64), 3)
    level = np.hypot(points[:, 0], points[:, 1])
    # √(3 (1 − |z|)) without the cancellation of 1 − |z| at the poles
    sigma = nside * np.sqrt(3.0) * level / np.sqrt(1 + np.abs(z))
    first, second = (
        np.minimum((part * sigma).astype(np.int64), nside - 1) for part in (turns - quarter, 1 - (turns - quarter))
    )
    polar, northern = np.abs(z) > 2 / 3, z > 0
    face = np.where(polar, np.where(northern, quarter, quarter + 8), face)
    x = np.where(polar, np.where(northern, nside - 1 - second, first), x)
    y = np.where(polar, np.where(northern, nside - 1 - first, second), y)
    return np.asarray(face * nside * nside + _spread_bits(x) + 2 * _spread_bits(y))


def neighbour_pairs(nside: int, cells: Cells) -> Pairs:
    """Directed pairs of the cells that share an edge or a corner, as places in `cells` (nested order)."""
    face, x, y = _place(nside, cells)
    corner = np.stack([_number(nside, face, x + right, y + up) for right, up in CORNERS], axis=1).ravel()
    order = np.argsort(corner, kind="stable")
    owner = np.repeat(np.arange(len(cells)), 4)[order]
    return _pairs_of_groups(owner, np.flatnonzero(np.diff(corner[order], prepend=-1)))


def ring_order(nside: int, cells: Cells) -> NDArray[np.int64]:
    """The permutation that brings cells (nested order) into ring order: from north to south, each ring eastward."""
    face, x, y = _place(nside, cells)
    return np.argsort(_number(2 * nside, face, 2 * x + 1, 2 * y + 1), kind="stable")


def _number(nside: int, face: Cells, x: Cells, y: Cells) -> NDArray[np.int64]:
    """A number for each corner of cells, the same from every face, rising in ring order.

    Corner (x, y) of a face is the southern one of the cell in column x, row y. The corners of ring i have longitudes
    of multiples of π / 4 m, with m = i in the northern cap, and nside in the belt.
    """
    row, column = np.divmod(face, 4)
    ring = (row + 2) * nside - x - y
    parts = np.minimum(np.minimum(ring, 4 * nside - ring), nside)
    place = np.mod((2 * column + (row != 1)) * parts + x - y, np.maximum(8 * parts, 1))
    return np.asarray(ring * 8 * nside + place)


def _place(nside: int, cells: Cells) -> tuple[Cells, Cells, Cells]:
    """The face of each cell, and its column and row there: the even and the odd bits of its number."""
    face, number = np.divmod(np.asarray(cells, np.int64), nside * nside)
    return face, _even_bits(number), _even_bits(number >> 1)


def _even_bits(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """Bits 0, 2, 4, … of each number, moved together."""
    bits = number & 0x5555555555555555
    for shift, mask in ((1, 0x3333333333333333), (2, 0x0F0F0F0F0F0F0F0F), (4, 0x00FF00FF00FF00FF)):
        bits = (bits | (bits >> shift)) & mask
    bits = (bits | (bits >> 8)) & 0x0000FFFF0000FFFF
    return np.asarray((bits | (bits >> 16)) & 0x00000000FFFFFFFF)


def _spread_bits(number: NDArray[np.int64]) -> NDArray[np.int64]:
    """The bits of each number at the places 0, 2, 4, …: the inverse of `_even_bits`."""
    bits = (number | (number << 16)) & 0x0000FFFF0000FFFF
    bits = (bits | (bits << 8)) & 0x00FF00FF00FF00FF
    for shift, mask in ((4, 0x0F0F0F0F0F0F0F0F), (2, 0x3333333333333333), (1, 0x5555555555555555)):
        bits = (bits | (bits << shift)) & mask
    return np.asarray(bits)


def _on_sphere(face: Cells, x: NDArray[np.float64], y: NDArray[np.float64]) -> Points:
    """Unit vectors of places on the faces, whose columns run north-east and rows north-west, both from 0 to 1.

    The faces are squares on their corners in a plane, which the HEALPix projection maps to the sphere (Calabretta and
    Roukema 2007, doi:10.1111/j.1365-2966.2007.11297.x): z = 8 η / 3π near the equator; z = ±(1 − σ² / 3) and
    λ = λ₀ + (ξ − λ₀) / σ with σ = 2 − 4 |η| / π near the poles.
    """
    row, column = np.divmod(face, 4)
    middle = np.pi / 4 * (2 * column + (row != 1))
    across = np.pi / 4 * (x - y)
    height = np.pi / 4 * (x + y - row)
    near_pole = np.abs(height) > np.pi / 4
    sigma = np.where(near_pole, 2 - 4 * np.abs(height) / np.pi, 1.0)
    polar, equatorial = np.sign(height) * (1 - sigma**2 / 3), 8 * height / (3 * np.pi)
    z = np.where(near_pole, polar, equatorial)
    longitude = middle + np.where(sigma > 1e-12, across / np.where(sigma > 1e-12, sigma, 1.0), 0.0)
    # cos φ without the cancellation of 1 − z² at the poles: 1 − z = σ² / 3 there
    level = np.where(near_pole, sigma * np.sqrt((2 - sigma**2 / 3) / 3), np.sqrt(1 - np.minimum(equatorial**2, 1)))
    return np.stack([level * np.cos(longitude), level * np.sin(longitude), z], axis=-1)


def _pairs_of_groups(member: NDArray[np.int64], starts: NDArray[np.int64]) -> Pairs:
    """All directed pairs of two different members of a group, each once; a group goes from one start to the next."""
    sizes = np.diff(starts, append=len(member))
    found = []
    for size in np.unique(sizes[sizes > 1]):
        groups = member[starts[sizes == size][:, None] + np.arange(size)]
        first, second = np.nonzero(~np.eye(size, dtype=bool))
        found.append(np.stack([groups[:, first].ravel(), groups[:, second].ravel()], axis=1))
    pairs = np.concatenate(found) if found else np.empty((0, 2), np.int64)
    number = np.unique(pairs[:, 0] * (member.max(initial=0) + 1) + pairs[:, 1])
    return np.stack(np.divmod(number, member.max(initial=0) + 1), axis=1)
