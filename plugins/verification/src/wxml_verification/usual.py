"""The data that a climatology is made of: past values of the truth, of the training, or of a source of the user's."""

__all__ = ["ClimatologyOptions", "Past", "past_of"]

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Kind, Options, PluginChoice, VerificationTask, create
from wxml.data.source_fit import Sides, in_units_of
from wxml.errors import ConfigError, DataError, Fault, WxmlError

from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

logger = logging.getLogger("wxml")
Times = NDArray[np.datetime64]
Settle = Callable[[DataSource], DataSource]
PAST = Sides("the forecast", "the forecast has", "the climatology", "name past data on the grid of the forecast")
"""The data of the climatology against the forecast."""
ADVICE = "name past data in `verification.climatology.source`, and their `verification.climatology.period`"


class ClimatologyOptions(Options):
    """Where the climatology comes from."""

    means: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(
            description="a climatology that was made elsewhere, by day of the year and time of day; null: it is made",
            examples=[{"plugin": "climatology", "path": "1990-2019_6h_240x121.zarr"}],
        ),
    ] = None
    source: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(
            description="past data on the grid of the forecast; null: the truth, or else the data of the training",
            examples=[{"plugin": "netcdf", "path": "era5-1990-2019.nc"}],
        ),
    ] = None
    period: Annotated[
        tuple[str, str] | None,
        Field(description="first and last date or instant; null: that of the training", examples=[["1990", "2019"]]),
    ] = None


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Past values on the nodes and in the units of the forecast."""

    source: DataSource
    times: Times
    """The times that the climatology is made of; the source has all of them."""
    wanted: int
    """How many times it should be made of."""
    origin: str
    """Whose they are, for a sentence."""


def past_of(
    task: VerificationTask, options: ClimatologyOptions, truth: Truth, forecast: ForecastFile, settle: Settle
) -> Past:
    """The data of the climatology, with no time at all if there are none.

    Args:
        task: the truth and the training.
        options: of the user.
        truth: on the nodes of the forecast.
        forecast: the file.
        settle: brings a source to the nodes of the truth.

    Raises:
        WxmlError: the source that the options name cannot be opened, or does not fit the forecast.
    """
    if options.source is not None:
        named = create(
            "data-source", options.source.plugin, options.source.options, where="verification.climatology.source"
        )
        times = named.header.times if options.period is None else _times(named, options.period)
        return Past(_fitting(named, truth, forecast, settle), times, len(times), "`verification.climatology.source`")
    times = task.climatology_times if options.period is None else _times(truth.source, options.period)
    own = Past(truth.source, times[truth.has(times)], len(times), "the truth")
    if len(own.times) or task.training is None or options.period is not None:
        return own
    try:
        training, times = task.training()
        return Past(_fitting(training, truth, forecast, settle), times, len(times), "the data of the training")
    except WxmlError as error:
        logger.warning("the truth has no past, and the data of the training give no climatology: %s", error)
        return own


def _fitting(source: DataSource, truth: Truth, forecast: ForecastFile, settle: Settle) -> DataSource:
    """The source in the units and with the nodes of the forecast."""
    wanted = [forecast.variable(name) for name in forecast.variables if name in truth.source.header.names]
    known = [one for one in wanted if one.name in source.header.names]
    return settle(in_units_of(source, known, PAST))


def _times(source: DataSource, period: tuple[str, str]) -> Times:
    """The times of a source in a period; a date stands for all of its day, month or year."""
    try:
        first, last = (np.datetime64(one) for one in period)
    except ValueError as error:
        raise ConfigError(
            [Fault(("verification", "climatology", "period"), f"must be two dates, got {list(period)}")]
        ) from error
    first, end = first.astype("datetime64[s]"), (last + 1).astype("datetime64[s]")
    times = source.header.times
    inside: Times = times[(times >= first) & (times < end)]
    if not len(inside):
        raise DataError(
            f"the data of the climatology have no time from {period[0]} to {period[1]}",
            fix="choose a `verification.climatology.period` that they have",
        )
    return inside
