"""Values at times that a source does not have, from its nearest times before and after."""

__all__ = ["Neighbours", "Way", "between"]

from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, ReadRequest

from wxml_dataset_sources.combining.combination import values_of

Array = NDArray[np.float32]
Indices = NDArray[np.intp]
Times = NDArray[np.datetime64]
Way = Literal["interpolate", "closest", "mean", "min", "max", "nan"]
"""How the value is made: on the straight line between both, that of the nearer one, or the mean and so on of both."""


class Neighbours(NamedTuple):
    """For each wanted time, where in a source those before and after it are; beyond its ends, the last one for both."""

    before: Indices
    after: Indices
    share: NDArray[np.float64]
    """How far on the way from `before` to `after` the wanted time is, from 0 to 1."""
    is_there: NDArray[np.bool_]
    """Whether the source has the wanted time."""

    @classmethod
    def of(cls, own: Times, wanted: Times) -> "Neighbours":
        """Find the neighbours of each of `wanted` among the times of a source, which rise."""
        found = np.searchsorted(own, wanted)
        after = np.minimum(found, len(own) - 1)
        is_there = own[after] == wanted
        before = np.where(is_there, after, np.maximum(found - 1, 0))
        step = (own[after] - own[before]).astype(np.float64)
        share = np.divide((wanted - own[before]).astype(np.float64), step, out=np.zeros(len(wanted)), where=step > 0)
        return cls(before, after, share, is_there)

    def fill(self, source: DataSource, request: ReadRequest, out: Array, way: Way) -> None:
        """Write the values at the wanted times to `out`; `request` says the variables, members and nodes.

        Each time of the source is read once.
        """
        if self.is_there.all():
            source.fill(replace(request, times=self.before), out)
            return
        rows, where = np.unique(np.concatenate([self.before, self.after]), return_inverse=True)
        values = values_of(source, replace(request, times=rows))
        early, late = values[where[: len(self.before)]], values[where[len(self.before) :]]
        made = between(early, late, self.share[:, None, None, None], way)
        np.copyto(out, np.where(self.is_there[:, None, None, None], early, made))


def between(early: Array, late: Array, share: NDArray[np.float64], way: Way) -> Array:
    """The values between an early and a late time; shapes are broadcast."""
    match way:
        case "interpolate":
            return (early + share * (late.astype(np.float64) - early)).astype(np.float32)
        case "closest":
            return np.where(share <= 0.5, early, late)
        case "mean":
            return ((early.astype(np.float64) + late) / 2).astype(np.float32)
        case "min":
            return np.minimum(early, late)
        case "max":
            return np.maximum(early, late)
        case "nan":
            return np.full_like(early, np.nan)
