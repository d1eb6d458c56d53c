"""Checks of observations: against a reference, and against near-by stations."""

__all__ = ["far_from_buddies", "far_from_reference", "neighbours"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_verification.arrays import Array
from wxml_verification.stations.options import Buddies

EARTH = 6371.0
"""The radius of the earth, km."""
BLOCK = 1 << 22
"""So many distances are computed at once."""
Mask = NDArray[np.bool_]


def far_from_reference(observed: Array, reference: Array, limit: float) -> Mask:
    """Whether each observation departs by more than `limit` from the reference; what has none is kept."""
    return np.asarray(np.abs(observed - reference) > limit)


def neighbours(grid: Grid, heights: Array, options: Buddies) -> Sequence[NDArray[np.intp]]:
    """The neighbours of each station: within the radius, and at about its height.

    Args:
        grid: the stations.
        heights: of the stations, m; one that is not known has no neighbours.
        options: of the user.
    """
    places = unit_vectors(grid.latitudes, grid.longitudes)
    nearest_cosine = np.cos(min(options.radius / EARTH, np.pi))
    found: list[NDArray[np.intp]] = []
    step = max(1, BLOCK // len(places))
    for start in range(0, len(places), step):
        block = slice(start, start + step)
        is_near = places[block] @ places.T >= nearest_cosine
        is_near &= np.abs(heights[block, None] - heights) <= options.heights
        for number, row in enumerate(is_near, start):
            row[number] = False
            found.append(np.flatnonzero(row))
    return found


def far_from_buddies(
    observed: Array, heights: Array, near: Sequence[NDArray[np.intp]], smallest: float, options: Buddies, rate: float
) -> Mask:
    """Whether each observation, shape `[time, station]`, is far from those of its neighbours.

    With the mean μ and the variance s² of n neighbours that report, each brought to the height of the station, it is so
    where |o − μ| > deviations · √(s² + s² / n), the root being at least `smallest`: the buddy check of titanlib
    (Båserud et al. 2020, doi:10.5194/asr-17-153-2020). A round looks at all observations as the round before has left
    them, so the order of stations does not matter; titanlib takes what it has just left out as gone at once.

    Args:
        observed: NaN where nothing is reported.
        heights: of the stations, m.
        near: the neighbours of each station.
        smallest: see above.
        options: of the user.
        rate: by how much the observation falls with height, per m.
    """
    is_far = np.zeros(observed.shape, bool)
    for _ in range(options.rounds):
        kept = np.where(is_far, np.nan, observed)
        for station, others in enumerate(near):
            if len(others) >= options.least:
                here = kept[:, others] + rate * (heights[others] - heights[station])
                is_far[:, station] |= _is_far(kept[:, station], here, smallest, options)
    return is_far


def _is_far(observed: Array, others: Array, smallest: float, options: Buddies) -> Mask:
    """For one station; `others` has the shape `[time, neighbour]`."""
    there = np.isfinite(others)
    count = there.sum(axis=1)
    enough = count >= options.least
    mean = np.divide(np.where(there, others, 0).sum(axis=1), count, out=np.zeros(len(count)), where=enough)
    squares = np.where(there, np.square(others - mean[:, None]), 0).sum(axis=1)
    variance = np.divide(squares, count, out=np.zeros(len(count)), where=enough)
    inverse = np.divide(1.0, count, out=np.zeros(len(count)), where=enough)
    deviation = np.maximum(np.sqrt(variance * (1 + inverse)), smallest)
    return np.asarray(enough & (np.abs(observed - mean) > options.deviations * deviation))
