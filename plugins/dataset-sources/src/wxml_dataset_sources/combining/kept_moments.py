"""Moments that the sources of a combination have, as far as they are those of the combination too."""

__all__ = ["changes_inside", "moments_on"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid, Moments

Times = NDArray[np.datetime64]


def moments_on(
    grid: Grid, source: DataSource, times: Times, variables: Sequence[str], timestep: np.timedelta64 | None
) -> Moments | None:
    """The moments of a source; None if it has none, or if the weights of its nodes are not those of `grid`."""
    if not np.array_equal(source.header.grid.area_weights, grid.area_weights):
        return None
    return source.moments(times, variables, timestep)


def changes_inside(
    moments: Moments | None, times: Times, timestep: np.timedelta64 | None, there: Times
) -> Moments | None:
    """The moments without those of changes to times that are not among `there`."""
    if moments is None or timestep is None:
        return moments
    return moments.where(np.isin(times + timestep, there)[:, None])
