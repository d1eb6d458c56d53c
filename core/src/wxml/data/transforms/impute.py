"""Impute: puts a number where a value is missing."""

__all__ = ["Impute"]

from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.statistics import Statistics
from wxml.data.transform import Transform


class Impute(Transform):
    """Replaces NaN, by a statistic or a number of the values that it receives.

    Missing values are replaced in what the model reads; where the truth is missing, the loss counts nothing. `value`
    is in physical units if `impute` comes first, and in those of the transform before it if it comes later.
    """

    def __init__(
        self,
        statistics: Statistics,
        *,
        value: Annotated[
            Literal["mean", "minimum", "maximum"] | float,
            Field(description="a statistic of the values received, or a number in their units"),
        ] = "mean",
    ) -> None:
        super().__init__(statistics)
        number = getattr(statistics, value) if isinstance(value, str) else float(value)
        self.fill = np.broadcast_to(number, len(statistics.variables)).astype(np.float32)

    def statistics_after(self) -> Statistics:
        """The same statistics, since only values that were missing change."""
        return self.statistics

    def forward(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """The values with every NaN replaced, shape `[..., variable, node]`."""
        where = [self.statistics.variables.index(name) for name in variables]
        return np.where(np.isnan(values), self.fill[where, None], values)

    def inverse(self, values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        """The values as they are: present values were not changed, and missing ones stay filled."""
        return values
