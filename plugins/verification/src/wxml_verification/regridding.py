"""A truth on another grid: the option, and what it makes of forecast and truth."""

__all__ = ["Regridding", "Settled", "has_nodes", "settled"]

import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from wxml import DataSource, Grid, Kind, Options, PluginChoice, create
from wxml.data.source_fit import FORECAST, on_grid
from wxml.errors import ConfigError, DataError, Fault

from wxml_verification.placement import PlacedSource, Placement, placement
from wxml_verification.reading import ForecastFile
from wxml_verification.stations.places import StationPlaces
from wxml_verification.truth import SAME_PLACE, fitted

logger = logging.getLogger("wxml")
FIX = (
    "regrid one of them: `verification.regrid.move=truth` scores on the nodes of the forecast, `forecast` on those of "
    "the truth, and `both` on those of a third grid"
)
Method = Literal["nearest", "inverse-distance", "bilinear", "conservative"]


class Regridding(Options):
    """What is brought to other nodes where the truth is on another grid than the forecast."""

    move: Annotated[
        Literal["forecast", "truth", "both"],
        Field(
            description="what is brought to other nodes: the forecast to those of the truth, the truth to those of the "
            "forecast, or both to those of `to`"
        ),
    ] = "truth"
    method: Annotated[
        Method,
        Field(description="nearest: for masks and classes; bilinear; conservative: the mean over the cell, for rain"),
    ] = "bilinear"
    share: Annotated[
        float | None,
        Field(
            gt=0,
            le=1,
            description="the share of a node's weights at which values must be known; all, or half if conservative",
        ),
    ] = None
    to: Annotated[
        PluginChoice | None,
        Kind("data-source"),
        Field(
            description="of `both`: a source on the grid to score on",
            examples=[{"plugin": "netcdf", "path": "grid.nc"}],
        ),
    ] = None
    degrees: Annotated[
        float | None, Field(gt=0, le=90, description="of `both`: a grid around the globe, so many degrees apart")
    ] = None


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """The forecast and the truth on the nodes that are scored."""

    forecast: ForecastFile
    truth: DataSource
    settle: Callable[[DataSource], DataSource]
    """Brings any other source there; it raises a DataError for one whose nodes are not those and may not be moved."""
    notes: tuple[str, ...] = ()
    """Sentences on what was moved, and how."""
    places: StationPlaces | None = None
    """The stations, if the truth is observations at some."""


def settled(forecast: ForecastFile, truth: DataSource, option: Regridding | None, where: str) -> Settled:
    """Bring forecast and truth to the same nodes.

    Args:
        forecast: the file, on its own nodes.
        truth: on any nodes.
        option: what is moved where the nodes differ; None: nothing may be.
        where: the place of the option, such as `verification.regrid`.

    Raises:
        DataError: the nodes differ and there is no option, or none of them can be scored.
        ConfigError: the option is incomplete.
    """
    if option is None:
        if not has_nodes(truth, forecast.grid()):
            _refuse(truth, forecast)
        return _unmoved(forecast, truth)
    _check(option, where)
    own, found = forecast.grid(), truth.header.grid
    is_there = has_nodes(truth, own)
    if is_there and (option.move == "truth" or (option.move == "forecast" and len(own) == len(found))):
        kept = fitted(truth, forecast)
        return Settled(forecast, kept, _settling(kept.header.grid, option, where))
    target = {"forecast": found, "truth": own}.get(option.move) or _third(option, where)
    moved = None if target is own else placement(own, target, option.method, option.share, where)
    back = None if target is found else placement(found, target, option.method, option.share, where)
    notes = tuple(_notes(option, moved, back))
    for sentence in notes:
        logger.info("%s", sentence)
    return Settled(
        forecast if moved is None else forecast.placed(moved),
        truth if back is None else PlacedSource(truth, back),
        _settling(target, option, where),
        notes,
    )


def _settling(target: Grid, option: Regridding, where: str) -> Callable[[DataSource], DataSource]:
    """What brings other sources to the nodes that are scored."""

    def settle(source: DataSource) -> DataSource:
        if has_nodes(source, target):
            return on_grid(source, target, FORECAST, SAME_PLACE)
        return PlacedSource(source, placement(source.header.grid, target, option.method, option.share, where))

    return settle


def _unmoved(forecast: ForecastFile, truth: DataSource) -> Settled:
    return Settled(forecast, fitted(truth, forecast), lambda source: fitted(source, forecast))


def _refuse(truth: DataSource, forecast: ForecastFile) -> None:
    """Tell where the nodes differ, and what to do about it."""
    if truth.header.grid.names:
        raise DataError(
            f"the truth is {len(truth.header.grid)} stations, and the forecast `{forecast.name}` is on a grid",
            fix="bring the forecast to the stations: `verification.stations.method=bilinear`",
        )
    try:
        on_grid(truth, forecast.grid(), FORECAST, SAME_PLACE)
    except DataError as error:
        raise DataError(error.message, fix=FIX) from error


def _check(option: Regridding, where: str) -> None:
    given = [name for name in ("to", "degrees") if getattr(option, name) is not None]
    if (option.move == "both") != (len(given) == 1):
        told = " and ".join(given) or "none"
        raise ConfigError(
            [Fault(where, f"`move: {option.move}` takes {_targets(option)} of `to` and `degrees`, got {told}")]
        )


def _targets(option: Regridding) -> str:
    return "one" if option.move == "both" else "none"


def _third(option: Regridding, where: str) -> Grid:
    """The grid of `both`."""
    if option.to is not None:
        source: DataSource = create("data-source", option.to.plugin, option.to.options, where=f"{where}.to")
        return source.header.grid
    rows = round(180 / float(option.degrees or 0))
    if abs(rows * float(option.degrees or 0) - 180) > 1e-9:
        raise ConfigError([Fault(f"{where}.degrees", f"{option.degrees:g} does not divide 180")])
    return Grid.regular(90 - 180 / rows * np.arange(rows + 1), 180 / rows * np.arange(2 * rows))


def has_nodes(truth: DataSource, grid: Grid) -> bool:
    """Whether a source has all nodes of a grid."""
    try:
        on_grid(truth, grid, FORECAST, SAME_PLACE)
    except DataError:
        return False
    return True


def _notes(option: Regridding, moved: Placement | None, back: Placement | None) -> Iterator[str]:
    """Which side was moved, how, and how much of the target has no value; refuse a target without any."""
    target = next(one for one in (moved, back) if one is not None).target
    what = {"forecast": "the forecast, to the nodes of the truth", "truth": "the truth, to the nodes of the forecast"}
    yield (
        f"Forecast and truth are on different grids: moved is {what.get(option.move, 'both, to a third grid')} "
        f"({option.method}, {len(target)} nodes)."
    )
    outside = np.any([one.outside for one in (moved, back) if one is not None], axis=0)
    if outside.all():
        raise DataError(
            "the areas of forecast and truth do not meet: no node has values of both",
            fix="verify against a truth in the area of the forecast",
        )
    if outside.any():
        count = int(outside.sum())
        yield f"{count} of {len(target)} nodes are outside of the area of forecast or truth: they count in no score."
