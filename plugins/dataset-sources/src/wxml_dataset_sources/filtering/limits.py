"""Values within limits, and values that are missing."""

__all__ = ["ClipFilter", "MaskFilter"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter
from wxml.errors import DataError

from wxml_dataset_sources.filtering.choice import Names, columns

Values = NDArray[np.float32]
Limit = Annotated[float | None, Field(allow_inf_nan=False)]


class ClipFilter(StateFilter):
    """Sets values beyond a limit to the limit."""

    def __init__(
        self,
        space: FilterSpace,
        *,
        variables: Names,
        least: Annotated[Limit, Field(description="the smallest value, in the units of the variables")] = None,
        most: Annotated[Limit, Field(description="the largest value")] = None,
    ) -> None:
        super().__init__(space)
        check_limits(least, most)
        self._columns, self._least, self._most = columns(space, variables), least, most

    def _apply(self, values: Values, valid_time: np.datetime64, lead_time: np.timedelta64) -> Values:
        clipped = values.copy()
        clipped[:, self._columns] = np.clip(values[:, self._columns], self._least, self._most)
        return clipped


class MaskFilter(StateFilter):
    """Leaves no value where another variable is beyond a limit, such as the temperature of the sea on land."""

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        variables: Names,
        by: Annotated[str, Field(description="the variable that decides, such as lsm", examples=["lsm"])],
        least: Annotated[Limit, Field(description="below it there is no value")] = None,
        most: Annotated[Limit, Field(description="above it there is no value")] = None,
    ) -> None:
        super().__init__(space)
        check_limits(least, most)
        self._columns, (self._by, *_) = columns(space, variables), columns(space, [by], "by")
        self._least = -np.inf if least is None else least
        self._most = np.inf if most is None else most

    def _apply(self, values: Values, valid_time: np.datetime64, lead_time: np.timedelta64) -> Values:
        masked, by = values.copy(), values[:, self._by]
        is_inside = (by >= self._least) & (by <= self._most)
        masked[:, self._columns] = np.where(is_inside[:, None], values[:, self._columns], np.nan)
        return masked


def check_limits(least: float | None, most: float | None) -> None:
    """Raise a DataError unless there is a limit, and both are in order."""
    if (least is None and most is None) or (least is not None and most is not None and least > most):
        raise DataError(
            f"a filter needs `least`, `most`, or both in this order, got {least} and {most}",
            fix="write for example least: 0",
        )
