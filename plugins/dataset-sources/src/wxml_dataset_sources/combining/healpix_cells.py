"""The cells of HEALPix, and which grids have them."""

__all__ = ["healpix_order", "healpix_quarters"]

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import healpix_centres, unit_vectors

Array = NDArray[np.float64]
SAME = np.radians(1e-3)
"""The distance up to which a node is the centre of a cell: files round their places."""


def healpix_order(grid: Grid) -> NDArray[np.intp] | None:
    """The position in ring order of the cell of each node; None if the nodes are not all centres of HEALPix."""
    from scipy.spatial import KDTree

    nside = round(np.sqrt(len(grid) / 12))
    if grid.is_regular or 12 * nside**2 != len(grid):
        return None
    distances, rings = KDTree(unit_vectors(*healpix_centres(nside))).query(
        unit_vectors(grid.latitudes, grid.longitudes), distance_upper_bound=SAME
    )
    return np.asarray(rings, np.intp) if np.isfinite(distances).all() and len(np.unique(rings)) == len(grid) else None


def healpix_quarters(count: int) -> Array:
    """The four quarters of each of `count` cells in ring order, anticlockwise, `[cell, quarter, corner, 3]`.

    On the plane of the projection the cells are squares on their corners (Calabretta and Roukema 2007,
    doi:10.1111/j.1365-2966.2007.12297.x). Great circles around quarters are closer to the curved sides than around
    whole cells.
    """
    latitudes, longitudes = (np.radians(each)[:, None, None] for each in healpix_centres(round(np.sqrt(count / 12))))
    facet = np.pi / 4 * (2 * np.floor(2 * longitudes / np.pi) + 1)
    z = np.sin(latitudes)
    sigma = np.sqrt(3 * (1 - np.abs(z)))
    is_polar = np.abs(z) > 2 / 3
    x = np.where(is_polar, facet + (longitudes - facet) * sigma, longitudes)
    y = np.where(is_polar, np.sign(z) * np.pi / 4 * (2 - sigma), 3 * np.pi / 8 * z)
    away = np.array([[0, -1], [1, 0], [0, 1], [-1, 0]]) * np.pi / 8 / np.sqrt(count / 12)
    corners = away[:, None] + away  # those of the square of each quarter
    return _on_sphere(x + corners[..., 0], y + corners[..., 1], facet)


def _on_sphere(x: Array, y: Array, facet: Array) -> Array:
    """Unit vectors of points on the plane; `facet` is the meridian in the middle of the polar facet."""
    sigma = np.maximum(2 - 4 * np.abs(y) / np.pi, 0.0)
    is_polar = np.abs(y) > np.pi / 4
    z = np.where(is_polar, np.sign(y) * (1 - sigma**2 / 3), 8 * y / (3 * np.pi))
    longitudes = np.where(is_polar & (sigma > 0), facet + (x - facet) / np.where(sigma > 0, sigma, 1.0), x)
    return unit_vectors(np.degrees(np.arcsin(np.clip(z, -1, 1))), np.degrees(longitudes))
