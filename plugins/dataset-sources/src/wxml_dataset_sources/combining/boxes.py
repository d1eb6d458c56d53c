"""Between the four nodes of a regular grid."""

__all__ = ["in_boxes"]

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Grid

from wxml_dataset_sources.combining.fitting import SAME_PLACE

Array = NDArray[np.float64]
Indices = NDArray[np.intp]


class _Bracket(NamedTuple):
    """The places on an axis before and after some values, and how far on the way each value is, from 0 to 1."""

    before: Indices
    after: Indices
    share: Array
    is_outside: NDArray[np.bool_]

    @classmethod
    def of(cls, axis: Array, values: Array) -> "_Bracket":
        found = np.searchsorted(axis, values)
        after, before = np.minimum(found, len(axis) - 1), np.maximum(found - 1, 0)
        step = axis[after] - axis[before]
        share = np.divide(values - axis[before], step, out=np.zeros(len(values)), where=step > 0)
        is_outside = (values < axis[0] - SAME_PLACE) | (values > axis[-1] + SAME_PLACE)
        return cls(before, after, np.clip(share, 0, 1), is_outside)


def in_boxes(source: Grid, target: Grid) -> tuple[Indices, Array, NDArray[np.bool_]]:
    """The four nodes of a regular grid around each node; between its last row and a pole, the two of that row.

    Returns:
        The nodes and their shares, shape `[target node, 4]`, and whether each node is outside of the grid.
    """
    columns = source.shape[1]
    latitudes = source.latitudes[::columns]
    upwards = np.argsort(latitudes)
    rows = _Bracket.of(latitudes[upwards], target.latitudes)
    eastwards, lon = _eastwards(source.longitudes[:columns], target.longitudes)
    spacing = np.abs(np.diff(latitudes)).max(initial=0)
    is_beyond = np.where(target.latitudes > 0, 90 - latitudes.max(), latitudes.min() + 90) > spacing
    corners = [
        (upwards[row] * columns + eastwards[column], up * along)
        for row, up in ((rows.before, 1 - rows.share), (rows.after, rows.share))
        for column, along in ((lon.before, 1 - lon.share), (lon.after, lon.share))
    ]
    nodes, shares = zip(*corners, strict=True)
    is_outside = (rows.is_outside & is_beyond) | lon.is_outside
    return np.stack(nodes, axis=1), np.stack(shares, axis=1), is_outside


def _eastwards(own: Array, wanted: Array) -> tuple[Indices, _Bracket]:
    """The columns eastwards from the widest gap between them, and the places of `wanted` among these.

    If no gap is wider than one and a half of the next widest, the columns go around the globe, and the first one comes
    again at the end.
    """
    order = np.argsort(own)
    gaps = np.diff(own[order], append=own[order][0] + 360)
    order = np.roll(order, -int(np.argmax(gaps)) - 1)
    axis = np.mod(own[order] - own[order[0]], 360)
    if len(own) > 1 and gaps.max() < 1.5 * np.sort(gaps)[-2]:
        order, axis = np.append(order, order[0]), np.append(axis, 360.0)
    return order, _Bracket.of(axis, np.mod(wanted - own[order[0]] + SAME_PLACE, 360) - SAME_PLACE)
