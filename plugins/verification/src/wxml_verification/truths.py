"""The truths that a forecast is held against: `data.source`, and further ones."""

__all__ = ["Against", "FurtherTruth", "Ways", "against", "open_further"]

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import Field
from wxml import DataSource, Kind, Options, PluginChoice, Variable, create
from wxml.data.source_fit import FORECAST, check_variables, in_units_of
from wxml.errors import ConfigError, DataError, Fault
from wxml.masking import masked_values

from wxml_verification.reading import ForecastFile
from wxml_verification.regridding import Regridding, Settled, settled
from wxml_verification.stations.options import Stations
from wxml_verification.stations.places import StationPlaces
from wxml_verification.stations.settling import Held, at_stations
from wxml_verification.truth import Members, Truth

logger = logging.getLogger("wxml")


class FurtherTruth(Options):
    """A truth beside `data.source`."""

    source: Annotated[PluginChoice, Kind("data-source"), Field(examples=[{"plugin": "stations", "path": "synop.csv"}])]
    variables: Annotated[
        tuple[str, ...], Field(description="the variables to score against it; all that both have if empty")
    ] = ()
    regrid: Annotated[
        Regridding | None, Field(description="as `verification.regrid`", examples=[{"move": "forecast"}])
    ] = None
    stations: Annotated[
        Stations | None, Field(description="as `verification.stations`", examples=[{"method": "nearest"}])
    ] = None
    members: Annotated[Members, Field(description="as `verification.truth_members`")] = "mean"


@dataclass(frozen=True, slots=True)
class Ways:
    """How a truth is compared with a forecast."""

    regrid: Regridding | None
    stations: Stations | None
    members: Members
    where: str
    """The place of these options, such as `verification`."""
    main: DataSource | None = None
    """`data.source`, if the truth is a further one."""


@dataclass(frozen=True, slots=True, eq=False)
class Against:
    """A forecast and a truth on the same nodes."""

    forecast: ForecastFile
    truth: Truth
    variables: tuple[str, ...]
    """Those that are scored, in the order of the truth."""
    settle: Callable[[DataSource], DataSource]
    """Brings other sources to the same nodes."""
    uncompared: tuple[str, ...]
    """Sentences on what both do not state."""
    notes: tuple[str, ...]
    """Sentences on how both were brought to the same nodes."""
    places: StationPlaces | None
    """The stations, if the nodes are some."""
    record: Mapping[str, Any]
    """What the truth says of itself, for a provenance."""
    source: DataSource
    """The truth on its own nodes."""
    ways: Ways
    """How the forecast was brought to these."""


def against(forecast: ForecastFile, source: DataSource, wanted: tuple[str, ...], ways: Ways) -> Against:
    """Hold a forecast against a truth.

    Args:
        forecast: the file.
        source: the truth, with all variables that are wanted.
        wanted: the variables to score.
        ways: how.

    Raises:
        DataError: the truth lacks a variable, nodes or times, or has a variable in other units, at another level or
            over other periods.
        ConfigError: the options do not go together.
    """
    source.header.variable_indices(wanted)
    scored = tuple(forecast.variable(name) for name in wanted)
    converted = in_units_of(source, scored, FORECAST)
    uncompared = check_variables(converted.header, scored, FORECAST)
    for sentence in uncompared:
        logger.warning("%s", sentence)
    if ways.stations is None:
        found = settled(forecast, converted, ways.regrid, f"{ways.where}.regrid")
    else:
        found = _at_stations(forecast, converted, scored, ways.stations, ways)
    truth = Truth(found.truth, ways.members)
    truth.check_times(forecast.initial_times[:, None] + forecast.lead_times)
    variables = tuple(name for name in converted.header.names if name in wanted)  # files keep no order
    record = {"grid": source.header.grid.identity, "source": masked_values(source.provenance())}
    return Against(
        found.forecast,
        truth,
        variables,
        found.settle,
        tuple(uncompared),
        found.notes,
        found.places,
        record,
        source,
        ways,
    )


def open_further(
    truths: Mapping[str, FurtherTruth], forecast: ForecastFile, wanted: tuple[str, ...], main: DataSource
) -> dict[str, Against]:
    """Open further truths, and hold the forecast against each.

    Raises:
        WxmlError: see `against`; a truth has none of the variables.
    """
    found = {}
    for name, one in truths.items():
        where = f"verification.truths.{name}"
        source: DataSource = create("data-source", one.source.plugin, one.source.options, where=f"{where}.source")
        names = one.variables or tuple(each for each in wanted if each in source.header.names)
        if not names:
            raise DataError(
                f"the truth {name!r} has none of the variables of the forecast",
                fix="give its variables their names in the forecast with the source `rename`",
            )
        found[name] = against(forecast, source, names, Ways(one.regrid, one.stations, one.members, where, main))
    return found


def _at_stations(
    forecast: ForecastFile, source: DataSource, scored: tuple[Variable, ...], option: Stations, ways: Ways
) -> Settled:
    """See `against`."""
    if ways.regrid is not None:
        raise ConfigError([Fault(f"{ways.where}.regrid", "a truth is at stations or on another grid, not both")])
    return at_stations(forecast, source, option, Held(scored, ways.main, f"{ways.where}.stations"))
