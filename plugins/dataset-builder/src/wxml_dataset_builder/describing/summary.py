"""The values that the page shows: one field of each variable, and means and ranges through time."""

__all__ = ["Summary", "summarise", "with_gaps"]

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource
from wxml.terminal import progress

SHOWN: Final = 200
"""So many dates are read for the series."""


@dataclass(frozen=True, slots=True, eq=False)
class Summary:
    """What is drawn of the variables, in their order."""

    date: np.datetime64
    """That of the fields: the last one."""
    fields: NDArray[np.float32]
    """The first member, shape `[variable, node]`."""
    dates: NDArray[np.datetime64]
    """Those of the series."""
    means: NDArray[np.float64]
    """By area, over the members and nodes that have a value, shape `[date, variable]`; NaN without any."""
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]


def summarise(source: DataSource) -> Summary:
    """Read at most `SHOWN` dates of a source, spread evenly, one after the other; the last one is among them."""
    header = source.header
    places = np.unique(np.linspace(0, len(header.times) - 1, min(SHOWN, len(header.times))).astype(int))
    dates = header.times[places]
    means, lowest, highest = [], [], []
    for date in progress(dates, len(dates), "page"):
        values = source.read([date], header.names)[0]
        means.append(_mean(values, header.grid.area_weights))
        lowest.append(np.fmin.reduce(values, axis=(0, 2)))
        highest.append(np.fmax.reduce(values, axis=(0, 2)))
    return Summary(dates[-1], values[0], dates, np.stack(means), np.stack(lowest), np.stack(highest))


def _mean(values: NDArray[np.float32], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean by area of `[member, variable, node]`, shape `[variable]`."""
    weights = np.where(np.isnan(values), 0.0, areas)
    total = weights.sum((0, 2))
    weighted = np.where(np.isnan(values), 0.0, values) * weights
    return np.asarray(np.where(total > 0, weighted.sum((0, 2)) / np.where(total > 0, total, 1.0), np.nan))


def with_gaps(
    dates: NDArray[np.datetime64], values: NDArray[np.floating[Any]]
) -> tuple[NDArray[np.datetime64], NDArray[np.floating[Any]]]:
    """Dates and values `[date]` of a series with NaN where dates are missing, so that no line is drawn across.

    Where all dates are shown a gap is longer than the usual step; where some are, longer than two of them.
    """
    steps = np.diff(dates)
    if not len(steps):
        return dates, values
    usual = np.sort(steps)[(len(steps) - 1) // 2]
    after = np.flatnonzero(steps > usual * (1 if len(dates) < SHOWN else 2)) + 1
    return np.insert(dates, after, dates[after - 1] + usual), np.insert(values, after, np.nan)
