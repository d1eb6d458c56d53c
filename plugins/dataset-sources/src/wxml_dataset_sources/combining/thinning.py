"""Fewer nodes: every n-th one, some at random, or none nearer to another than a distance."""

__all__ = ["Thinning", "thinned"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Grid, Options
from wxml.data.sphere import unit_vectors
from wxml.errors import DataError
from wxml.extras import libraries_of_extra

EARTH_RADIUS_KM = 6371.0
Indices = NDArray[np.intp]


class Thinning(Options):
    """How nodes are thinned out: one of `every`, `random`, `distance`."""

    every: Annotated[
        int | None, Field(gt=0, description="one node of so many; one row and one column of so many where there are")
    ] = None
    random: Annotated[float | None, Field(gt=0, le=1, description="keep this share of the nodes, drawn at random")] = (
        None
    )
    distance: Annotated[
        float | None, Field(gt=0, le=20000, description="no two nodes that are kept are nearer to each other, in km")
    ] = None
    seed: Annotated[int, Field(ge=0, description="draws the nodes of `random`")] = 0


def thinned(grid: Grid, how: Thinning) -> Indices:
    """The nodes of `grid` that are kept, in its order.

    Raises:
        DataError: none or several of the ways are chosen.
    """
    given = [name for name in ("every", "random", "distance") if getattr(how, name) is not None]
    if len(given) != 1:
        raise DataError(
            f"`thinning` needs one of `every`, `random` and `distance`, got {' and '.join(given) or 'none'}",
            fix="write for example thinning: {every: 2}",
        )
    if how.every is not None:
        return _every(grid, how.every)
    if how.random is not None:
        count = max(1, round(how.random * len(grid)))
        return np.sort(np.random.default_rng(how.seed).choice(len(grid), count, replace=False))
    return _apart(grid, float(how.distance or 0))


def _every(grid: Grid, every: int) -> Indices:
    nodes = np.arange(len(grid)).reshape(grid.shape)
    return nodes[(slice(None, None, every),) * nodes.ndim].ravel()


def _apart(grid: Grid, kilometres: float) -> Indices:
    """Each node in turn, unless a node that is kept is nearer than so many kilometres."""
    with libraries_of_extra("scipy", "wxml-dataset-sources", what="thinning by distance"):
        from scipy.spatial import KDTree  # takes a while to load

    places = unit_vectors(grid.latitudes, grid.longitudes)
    chord = 2 * np.sin(kilometres / EARTH_RADIUS_KM / 2)
    tree = KDTree(places)
    is_left = np.ones(len(grid), bool)
    kept = []
    for node in range(len(grid)):
        if is_left[node]:
            kept.append(node)
            near = tree.query_ball_point(places[node], np.nextafter(chord, 0))
            is_left[near] = False
    return np.array(kept, np.intp)
