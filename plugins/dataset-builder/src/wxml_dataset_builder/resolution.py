"""The name of a grid, or its spacing, as the attribute `resolution` of the layout has it."""

__all__ = ["resolution_of"]

from collections.abc import Callable, Iterator
from math import isqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.data.node_order import node_order

SAME_PLACE: Final = 1e-3
"""Degrees by which nodes may differ from the places of a named grid, or of even steps: files round them."""
SAME_STEP: Final = 1e-4
"""Steps of two axes that differ less, over the step, are the same."""
FEWEST_ROWS: Final = 4
"""Fewer rows fit too many grids."""


def resolution_of(grid: Grid) -> str | float | None:
    """The name of a Gaussian or HEALPix grid, the step of a regular grid in degrees, or None.

    Names are those of ECMWF in lower case: `o96` octahedral, `n320` reduced, `f48` full Gaussian, `h64` HEALPix, with
    the number of rows between pole and equator, or of the cells along a face. Steps that differ are `1.25x1.875`, of
    latitude and longitude. A part of a Gaussian grid, and nodes without an order, have none.

    >>> resolution_of(Grid.octahedral(8)), resolution_of(Grid.regular([50, 50.25, 50.5], [3, 3.25]))
    ('o8', 0.25)
    """
    named = next((name for name, make in _candidates(grid) if _has_nodes_of(make(), grid)), None)
    return named or (_steps(grid) if grid.is_regular else None)


def _candidates(grid: Grid) -> Iterator[tuple[str, Callable[[], Grid]]]:
    """The named grids that have as many nodes in as many rows."""
    rows = _rows(grid)
    half, count = len(rows) // 2, len(grid)
    if len(rows) >= FEWEST_ROWS and not len(rows) % 2:
        kind = "o" if rows == _octahedral(half) else "f" if set(rows) == {4 * half} else "n"
        yield f"{kind}{half}", lambda: Grid.reduced_gaussian(rows)
    side = isqrt(count // 12)
    if side and 12 * side**2 == count:
        yield f"h{side}", lambda: Grid.healpix(side)


def _rows(grid: Grid) -> list[int]:
    """The number of nodes at each latitude, from north to south."""
    latitudes = np.sort(-grid.latitudes)
    starts = np.flatnonzero(np.diff(latitudes, prepend=-np.inf) > SAME_PLACE)
    return [int(length) for length in np.diff(starts, append=len(latitudes))]


def _octahedral(half: int) -> list[int]:
    north = [20 + 4 * row for row in range(half)]
    return north + north[::-1]


def _has_nodes_of(named: Grid, grid: Grid) -> bool:
    return len(named) == len(grid) and bool((node_order(named, grid, SAME_PLACE) >= 0).all())


def _steps(grid: Grid) -> str | float | None:
    """The steps of a regular grid; None if they are not even."""
    north, east = grid.latitudes.reshape(grid.shape)[:, 0], grid.longitudes.reshape(grid.shape)[0]
    axes = [axis for axis in (north, np.unwrap(east, period=360)) if len(axis) > 1]
    steps = [step for axis in axes if (step := _step(axis)) is not None]
    if not steps or len(steps) < len(axes):
        return None
    if np.ptp(steps) <= SAME_STEP * steps[0]:  # of axes in single precision, too; the longer one is more exact
        return float(f"{steps[int(np.argmax([len(axis) for axis in axes]))]:.5g}")
    return "x".join(f"{step:.5g}" for step in steps)


def _step(axis: NDArray[np.float64]) -> float | None:
    """The step along an axis in degrees; None if the steps are not even."""
    even = np.linspace(axis[0], axis[-1], len(axis))
    step = float(abs(even[1] - even[0]))
    return step if step > 2 * SAME_PLACE and np.abs(axis - even).max() <= SAME_PLACE else None
