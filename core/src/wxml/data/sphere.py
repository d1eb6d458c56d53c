"""Spherical geometry in NumPy, in degrees if nothing else is said; unit vectors are `[..., 3]` arrays."""

__all__ = [
    "angular_distance",
    "cell_bounds",
    "curvilinear_areas",
    "from_unit_vectors",
    "gauss_legendre",
    "healpix_centres",
    "local_direction",
    "spans_globe",
    "unit_vectors",
    "wrapped",
    "zenith_cosine",
]

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError

Array = NDArray[np.float64]

AT_POLE = 1e-9  # the distance from the axis, in radii of the sphere: any nearer point has no longitude of its own


def unit_vectors(latitudes: Array, longitudes: Array) -> Array:
    """Points on the unit sphere: x towards (0°N, 0°E), y towards (0°N, 90°E), z north."""
    lat, lon = np.radians(latitudes), np.radians(longitudes)
    points = np.empty((*np.shape(lat), 3))
    around = np.cos(lat)
    points[..., 0] = around * np.cos(lon)
    points[..., 1] = around * np.sin(lon)
    points[..., 2] = np.sin(lat)
    return points


def from_unit_vectors(points: Array) -> tuple[Array, Array]:
    """Latitudes, and longitudes in [0, 360), of points on the unit sphere; the longitude of a pole is 0."""
    horizontal = np.hypot(points[..., 0], points[..., 1])
    longitudes = wrapped(np.degrees(np.arctan2(points[..., 1], points[..., 0])))
    return np.degrees(np.arctan2(points[..., 2], horizontal)), np.where(horizontal < AT_POLE, 0.0, longitudes)


def wrapped(longitudes: Array) -> Array:
    """Longitudes in [0, 360); NumPy's remainder of a small negative number would be 360 itself.

    >>> wrapped(np.array([-90.0, 360.0, -1e-16])).tolist()
    [270.0, 0.0, 0.0]
    """
    remainder = np.mod(longitudes, 360.0)
    return np.where(remainder == 360.0, 0.0, remainder)


def angular_distance(first: Array, second: Array) -> Array:
    """The angle in radians between unit vectors, accurate for near and for far ones: 2 asin(|a − b| / 2)."""
    x, y, z = _components(first - second)
    chord = np.sqrt(x * x + (y * y + z * z))
    return np.asarray(2 * np.arcsin(np.clip(chord / 2, 0, 1)))


def local_direction(source: Array, target: Array, longitudes: Array | float = 0.0) -> Array:
    """The direction in which `source` is seen from `target`: unit vectors (east, north), zero where they coincide.

    At a pole, east and north are those of a point nearby on the meridian of the target, as they are for the wind: from
    the north pole at λ, a source at μ is seen in the direction (sin(μ − λ), −cos(μ − λ)).

    Args:
        source: unit vectors.
        target: unit vectors.
        longitudes: those of `target` in degrees, without the last axis; they count at the poles alone.
    """
    x, y, z = _components(target)
    horizontal = np.hypot(x, y)
    east_x, east_y = -y, x  # over the horizontal distance; north is the vector product of the place and east
    at_pole = horizontal < AT_POLE
    if np.any(at_pole):
        meridian = np.radians(np.broadcast_to(longitudes, horizontal.shape))
        east_x, east_y = np.where(at_pole, -np.sin(meridian), east_x), np.where(at_pole, np.cos(meridian), east_y)
        horizontal = np.where(at_pole, 1.0, horizontal)
    east_x, east_y = east_x / horizontal, east_y / horizontal
    u, v, w = _components(source)
    east = u * east_x + v * east_y
    north = v * (z * east_x) - u * (z * east_y) + w * (x * east_y - y * east_x)
    length = np.sqrt(east * east + north * north)
    direction = np.stack([east, north], axis=-1) / np.maximum(length, 1e-9)[..., None]
    direction[length <= 1e-9] = 0.0
    return direction


def _components(vectors: Array) -> tuple[Array, Array, Array]:
    return vectors[..., 0], vectors[..., 1], vectors[..., 2]


def cell_bounds(centres: Array) -> Array:
    """The n + 1 bounds of n cells: midpoints inside, and half a cell beyond both ends; a lone cell is one wide."""
    if len(centres) == 1:
        return np.array([centres[0] - 0.5, centres[0] + 0.5])
    steps = np.diff(centres)
    if not (np.all(steps > 0) or np.all(steps < 0)):
        raise DataError("coordinates of a regular grid must rise or fall strictly, got others", fix="sort the axis")
    middle = (centres[1:] + centres[:-1]) / 2
    return np.concatenate([[centres[0] - steps[0] / 2], middle, [centres[-1] + steps[-1] / 2]])


def gauss_legendre(number: int) -> tuple[Array, Array]:
    """The Gaussian latitudes (degrees, north to south) and their quadrature weights (sum 2)."""
    nodes, weights = np.polynomial.legendre.leggauss(number)
    return np.degrees(np.arcsin(nodes))[::-1], weights[::-1]


def curvilinear_areas(latitudes: Array, longitudes: Array) -> Array:
    """Areas (steradian) of the cells of a projected grid: |∂r/∂y × ∂r/∂x| of the unit vectors r, shape `[y, x]`."""
    if latitudes.ndim != 2 or min(latitudes.shape) < 2 or latitudes.shape != longitudes.shape:
        raise DataError(
            f"a curvilinear grid needs latitudes and longitudes of one shape [y, x] from 2 × 2 on, got "
            f"{latitudes.shape} and {longitudes.shape}",
            fix="use Grid.unstructured for a list of points",
        )
    points = unit_vectors(latitudes, longitudes)
    along_y, along_x = np.gradient(points, axis=0), np.gradient(points, axis=1)
    return np.asarray(np.linalg.norm(np.cross(along_y, along_x), axis=-1))


def healpix_centres(nside: int) -> tuple[Array, Array]:
    """Cell centres in ring order, degrees (Górski et al. 2005, equations 4 to 9)."""
    latitudes, longitudes = [], []
    for ring in range(1, 4 * nside):
        mirrored = min(ring, 4 * nside - ring)
        if mirrored < nside:  # polar cap
            z, count, shift = 1 - mirrored**2 / (3 * nside**2), 4 * mirrored, 0.5
        else:  # equatorial belt
            z, count, shift = (
                4 / 3 - 2 * mirrored / (3 * nside),
                4 * nside,
                0.5 * ((mirrored - nside + 1) % 2),
            )
        sign = 1.0 if ring <= 2 * nside else -1.0
        latitudes.append(np.full(count, sign * np.degrees(np.arcsin(z))))
        longitudes.append((np.arange(count) + shift) * 360.0 / count)
    return np.concatenate(latitudes), np.concatenate(longitudes)


def zenith_cosine(latitude: Array, declination: float, hour_angle: Array) -> Array:
    """The cosine of the sun's zenith angle, negative at night: cos θ = sin φ sin δ + cos φ cos δ cos h.

    Args:
        latitude: φ in radians.
        declination: δ, the latitude in radians over which the sun stands.
        hour_angle: h in radians, 0 at local noon; shapes are broadcast.
    """
    away = np.cos(latitude) * np.cos(declination) * np.cos(hour_angle)
    return np.asarray(np.sin(latitude) * np.sin(declination) + away)


def spans_globe(latitudes: Array, longitudes: Array) -> bool:
    """Whether the nodes surround the sphere.

    They do if each of sixteen equal areas (four bands of sin φ, four quadrants of λ) holds a node. Up to 12 nodes, as
    many as the coarsest HEALPix grid has, also do if no place on the sphere is more than 60° away from all of them.
    """
    band = np.clip(((np.sin(np.radians(latitudes)) + 1) * 2).astype(int), 0, 3)
    quadrant = (np.mod(longitudes, 360.0) // 90).astype(int) % 4
    if len(np.unique(4 * band + quadrant)) == 16:
        return True
    if len(latitudes) > 12:
        return False
    everywhere = unit_vectors(*healpix_centres(8))
    nearest = np.max(everywhere @ unit_vectors(latitudes, longitudes).T, axis=1)
    return bool(np.min(nearest) > 0.5)  # cos 60°
