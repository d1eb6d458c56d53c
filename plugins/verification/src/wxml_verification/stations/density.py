"""Weights of stations, so that many near to each other count as few."""

__all__ = ["density_weights"]

import numpy as np
from wxml import Grid
from wxml.data.sphere import unit_vectors

from wxml_verification.arrays import Array
from wxml_verification.stations.checks import BLOCK


def density_weights(grid: Grid, scale: float, counted: Array) -> Array:
    """The share of each station, shape `[node]`: one over Σ exp(−(α / scale)²) over all stations that count.

    α is the angle between two stations; 0.75° is the scale of Rodwell et al. (2010, doi:10.1002/qj.656), section 2.5.

    Args:
        grid: the stations.
        scale: degrees.
        counted: 1 for stations that count, and 0 for others, which get none.
    """
    places = unit_vectors(grid.latitudes, grid.longitudes)
    sums = np.empty(len(places))
    step = max(1, BLOCK // len(places))
    for start in range(0, len(places), step):
        block = slice(start, start + step)
        chords = np.linalg.norm(places[block, None] - places[None], axis=-1)
        angles = np.degrees(2 * np.arcsin(np.clip(chords / 2, 0, 1)))
        sums[block] = np.exp(-np.square(angles / scale)) @ counted
    weights = np.divide(counted, sums, out=np.zeros(len(sums)), where=counted > 0)
    return np.asarray(weights / weights.sum())
