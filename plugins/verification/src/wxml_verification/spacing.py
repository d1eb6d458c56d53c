"""Where cases lie on an axis of time with one step, gaps included."""

__all__ = ["Spacing", "spacing_of"]

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array

LEAST_NEIGHBOURS = 0.5  # the share of cases that must follow the one before after one step


@dataclass(frozen=True, slots=True, eq=False)
class Spacing:
    """Cases on an axis of equal steps, of which some may have no case."""

    places: NDArray[np.intp]
    """The step of each case, rising from 0."""

    @property
    def length(self) -> int:
        """The number of steps, those without a case included."""
        return int(self.places[-1]) + 1

    def spread_out(self, values: Array) -> Array:
        """Values of cases, shape `[case, ...]`, at their steps, shape `[step, ...]`; 0 where there is no case."""
        if self.length == len(values):
            return values
        out = np.zeros((self.length, *values.shape[1:]))
        out[self.places] = values
        return out

    def chosen(self, cases: NDArray[np.bool_]) -> "Spacing | None":
        """The spacing of some of the cases; None as in `spacing_of`."""
        return self if cases.all() else _spacing(self.places[cases])


def spacing_of(times: NDArray[np.datetime64]) -> Spacing | None:
    """The spacing of cases at these times, which rise; None where they are too uneven to say what follows what.

    The step is the greatest common divisor of the times between cases; at least half of the cases must be one step
    after the case before.

    >>> times = np.array(["2001-01-01", "2001-01-02", "2001-01-03", "2001-01-05"], "datetime64[s]")
    >>> spacing_of(times).places.tolist(), spacing_of(times[[0, 2, 3]] + np.array([0, 1, 3])) is None
    ([0, 1, 2, 4], True)
    """
    return _spacing((times - times[:1]).astype("timedelta64[s]").astype(np.int64))


def _spacing(seconds: NDArray[np.int64] | NDArray[np.intp]) -> Spacing | None:
    apart = np.diff(seconds)
    if len(apart) == 0:
        return None
    places = np.asarray((seconds - seconds[0]) // np.gcd.reduce(apart), np.intp)
    return Spacing(places) if np.mean(np.diff(places) == 1) >= LEAST_NEIGHBOURS else None
