"""Forecasts as xarray datasets, in the names, coordinates and attributes of `wxml.forecasting.layout`."""

__all__ = ["VALID_TIME", "step_dataset", "whole_dataset", "with_xarray"]

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from wxml.data.fields import Fields
from wxml.data.variables import Variable
from wxml.extras import libraries_of_extra
from wxml.forecasting.cf_names import cf_attributes
from wxml.forecasting.layout import LEAD_TIME, TIME, ForecastHeader, ForecastLayout
from wxml.memory import check_memory

if TYPE_CHECKING:
    import xarray as xr

VALID_TIME: Final = "valid_time"
"""The coordinate of the times that the values are for."""
ATTRIBUTES: Final = {"standard_name": "time", "long_name": "valid time"}


def with_xarray(what: str) -> AbstractContextManager[None]:
    """The context in which xarray is imported; it says which extra brings it, and what needs it."""
    return libraries_of_extra("xarray", "wxml-dataset-sources", what=what)


def step_dataset(header: ForecastHeader, fields: Fields, lead_time: np.timedelta64) -> "xr.Dataset":
    """One step: the dimensions of the members, if there are several, and of the nodes.

    Args:
        header: what is known of the whole forecast.
        fields: the values of the step.
        lead_time: its lead time. It, the initial time and the valid time are coordinates without a dimension.
    """
    layout = ForecastLayout.of(header)
    dimensions = tuple(layout.dimensions)[2:]
    arrays = {name: fields[name].reshape(layout.step_shape) for name in fields.variables}
    dataset = _decoded(layout, header.variables, dimensions, arrays)
    initial = fields.valid_time - lead_time
    dataset = dataset.sel({TIME: _nanoseconds(initial), LEAD_TIME: _nanoseconds(lead_time)})
    return dataset.assign_coords({VALID_TIME: ((), _nanoseconds(fields.valid_time), ATTRIBUTES)})


def whole_dataset(header: ForecastHeader, steps: Iterable[tuple[np.timedelta64, Fields]]) -> "xr.Dataset":
    """All steps in one dataset in memory, as a file of the forecast has them; NaN where a step is missing.

    Raises:
        ResourceError: they do not fit the free memory; said before the first step.
    """
    layout = ForecastLayout.of(header)
    size = layout.step_bytes * len(header.initial_times) * len(header.lead_times)
    check_memory(size, "the whole forecast in memory", fix="take one step after the other, or write a file")
    arrays = {variable.name: np.full(layout.shape, np.nan, np.float32) for variable in header.variables}
    for lead_time, fields in steps:
        place = header.place(fields, lead_time)
        for name in fields.variables:
            arrays[name][place] = fields[name].reshape(layout.step_shape)
    dataset = _decoded(layout, header.variables, tuple(layout.dimensions), arrays)
    return dataset.assign_coords({VALID_TIME: (dataset[TIME] + dataset[LEAD_TIME]).assign_attrs(ATTRIBUTES)})


def _decoded(
    layout: ForecastLayout,
    variables: Iterable[Variable],
    dimensions: tuple[str, ...],
    arrays: Mapping[str, NDArray[np.float32]],
) -> "xr.Dataset":
    """The dataset that xarray makes of a file."""
    import xarray as xr

    coordinates = {one.name: xr.Variable(one.dimensions, one.values, one.attributes) for one in layout.coordinates}
    known: dict[str, Any] = {one.name: cf_attributes(one) for one in variables}
    made = {name: xr.Variable(dimensions, values, known[name]) for name, values in arrays.items()}
    return xr.decode_cf(xr.Dataset(made, coordinates, dict(layout.attributes)), decode_timedelta=True)


def _nanoseconds(time: Any) -> Any:
    """A time in the unit that xarray has of it."""
    return time.astype(f"{'m8' if time.dtype.kind == 'm' else 'M8'}[ns]")
