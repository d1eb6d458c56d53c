"""Sums for maps: bias and root mean square error of the forecast at each node."""

__all__ = ["MapSums"]

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array


class MapSums:
    """Sums over cases at each node, of some variables at some lead times."""

    def __init__(self, variables: int, lead_times: int, nodes: int) -> None:
        shape = (variables, lead_times, nodes)
        self._errors, self._squares, self._cases = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int32)

    @staticmethod
    def size(variables: int, lead_times: int, nodes: int) -> int:
        """The bytes that such sums take."""
        return 20 * variables * lead_times * nodes

    def add(self, place: tuple[int, int], error: Array) -> None:
        """Add the errors of a case, of a variable at a lead time, shape `[node]`; NaN where there is none."""
        there = np.isfinite(error)
        known = np.where(there, error, 0.0)
        self._errors[place] += known
        self._squares[place] += np.square(known)
        self._cases[place] += there

    def take(self, variable: int, sums: "MapSums", other: int) -> None:
        """Add to a variable what some cases have added to a variable of other sums."""
        self._errors[variable] += sums._errors[other]
        self._squares[variable] += sums._squares[other]
        self._cases[variable] += sums._cases[other]

    def maps(self) -> NDArray[np.float32]:
        """Bias and RMSE, shape `[2, variable, lead_time, node]`; NaN where no case has a value."""
        found = np.full((2, *self._cases.shape), np.nan, np.float32)
        for out, sums in zip(found, (self._errors, self._squares), strict=True):
            np.divide(sums, self._cases, out=out, where=self._cases > 0, casting="same_kind")
        np.sqrt(found[1], out=found[1])
        return found

    @property
    def cases(self) -> NDArray[np.int32]:
        """The number of cases with a value, shape `[variable, lead_time, node]`."""
        return self._cases
