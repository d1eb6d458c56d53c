"""Forecasts drawn towards observations."""

__all__ = ["BlendFilter"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter
from wxml.data.times import parse_duration

from wxml_dataset_sources.filtering.choice import Names, columns
from wxml_dataset_sources.filtering.fields_beside import Beside, beside


class BlendFilter(StateFilter):
    """Draws variables towards observations where and when there are any: f + w exp(−t / τ) (o − f).

    t is the lead time. At times that the source does not have, and at nodes where it has no value, nothing changes.
    """

    def __init__(
        self,
        space: FilterSpace,
        *,
        variables: Names,
        source: Annotated[Beside, Field(description="the observations, on the same nodes, of one member")],
        weight: Annotated[float, Field(gt=0, le=1, description="w: 1 takes the observation as it is")] = 1.0,
        decay: Annotated[
            str | None, Field(description="τ, such as 6h; none: the weight does not depend on the lead time")
        ] = None,
    ) -> None:
        super().__init__(space)
        self._columns, self._weight = columns(space, variables), weight
        self._decay = None if decay is None else parse_duration(decay)
        chosen = [space.variables[column] for column in self._columns]
        self._source, self._names = beside(source, space, chosen, "source"), [one.name for one in chosen]
        self._source.header.variable_indices(self._names)

    def _apply(
        self, values: NDArray[np.float32], valid_time: np.datetime64, lead_time: np.timedelta64
    ) -> NDArray[np.float32]:
        if not np.isin(valid_time, self._source.header.times):
            return values
        weight = self._weight * (1.0 if self._decay is None else float(np.exp(-lead_time / self._decay)))
        observed = self._source.read([valid_time], self._names, members=[0])[0]
        after, forecast = values.copy(), values[:, self._columns]
        drawn = forecast + np.float32(weight) * (observed - forecast)
        after[:, self._columns] = np.where(np.isnan(observed), forecast, drawn)
        return after
