"""Norms of features and attributes."""

__all__ = ["Norm", "normed", "normed_per_target"]

from collections.abc import Callable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from wxml.graphs.edge_geometry import spread

Values = NDArray[np.float64]
Norm = Literal["none", "l1", "l2", "max", "range", "std"]

_SCALES: dict[str, Callable[[Values], Values]] = {
    "l1": lambda values: np.abs(values).sum(axis=0),
    "l2": lambda values: np.sqrt((values**2).sum(axis=0)),
    "max": lambda values: np.abs(values).max(axis=0),
    "range": lambda values: values.max(axis=0) - values.min(axis=0),
}


def normed(values: Values, norm: Norm, kind: type[np.floating[Any]] = np.float64) -> NDArray[Any]:
    """The values over a norm of the whole set; a norm of 0 leaves them as they are.

    `l1`: the sum of their sizes; `l2`: the root of the sum of their squares; `max`: the greatest size; each for its
    column. `range`: less the least one, over the range, for each column. `std`: over the standard deviation of all
    columns together, so that a direction keeps its angle; the mean stays.

    Args:
        values: shape `[item, column]`.
        norm: its name.
        kind: the type of the result; it is reckoned in double precision.
    """
    if norm == "none" or not len(values):
        return values.astype(kind, copy=False)
    if norm == "std":
        deviation = spread(values)
        scale = np.array(deviation if deviation > 1e-12 else 1.0)
    else:
        scale = _SCALES[norm](values)
        values = values - values.min(axis=0) if norm == "range" else values
    return np.divide(values, np.where(scale > 0, scale, 1.0), out=np.empty(values.shape, kind), casting="same_kind")


def normed_per_target(values: Values, norm: Norm, target: NDArray[np.int64]) -> Values:
    """The values over a norm of those with the same target, for each column.

    Args:
        values: shape `[edge, column]`.
        norm: its name.
        target: the target of each edge, never falling.
    """
    if norm == "none" or not len(values):
        return values
    starts = np.flatnonzero(np.diff(target, prepend=-1))
    group = np.cumsum(np.diff(target, prepend=-1) != 0) - 1
    count = np.diff(starts, append=len(values))[:, None]
    least = np.minimum.reduceat(values, starts)
    if norm == "l1":
        scale = np.add.reduceat(np.abs(values), starts)
    elif norm == "l2":
        scale = np.sqrt(np.add.reduceat(values**2, starts))
    elif norm == "max":
        scale = np.maximum.reduceat(np.abs(values), starts)
    elif norm == "range":
        scale = np.maximum.reduceat(values, starts) - least
    else:
        mean = np.add.reduceat(values, starts) / count
        scale = np.sqrt(np.add.reduceat((values - mean[group]) ** 2, starts) / count)
    shifted = values - least[group] if norm == "range" else values
    return np.asarray(shifted / np.where(scale > 1e-12, scale, 1.0)[group])
