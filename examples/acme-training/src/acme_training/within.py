"""Within: how often a forecast is good enough."""

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Metric, MetricSpace

Array = NDArray[np.float64]


class Within(Metric):
    """The share of area and cases whose error is at most `limit`, such as 2 K."""

    better = "higher"
    has_units = False

    def __init__(
        self,
        space: MetricSpace,
        *,
        limit: Annotated[float, Field(gt=0, description="greatest error, in the units of each variable")] = 2.0,
    ) -> None:
        super().__init__(space)
        self.limit = limit

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """See `wxml.Metric.statistics`: 1 where the forecast is near, 0 elsewhere."""
        return np.asarray(np.abs(forecast - truth) <= self.limit, np.float64)

    def value(self, means: Array) -> Array:
        """See `wxml.Metric.value`."""
        return np.asarray(means[0])
