"""A forecast at stations: its values there, the observations that pass the checks, and the weight of each station."""

__all__ = ["Held", "at_stations"]

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid, ReadRequest, SelectiveSource, Variable, create
from wxml.data.fingerprint import fingerprint_of
from wxml.data.source_fit import FORECAST, Sides, in_units_of, on_grid
from wxml.data.units import conversion, have_same_meaning
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.placement import Line, PlacedSource, Placement, placement
from wxml_verification.reading import ForecastFile
from wxml_verification.regridding import Settled, has_nodes
from wxml_verification.stations.checks import far_from_buddies, far_from_reference, neighbours
from wxml_verification.stations.density import density_weights
from wxml_verification.stations.heights import corrections, quantity_of
from wxml_verification.stations.options import Heights, Stations
from wxml_verification.stations.places import StationPlaces
from wxml_verification.truth import SAME_PLACE

logger = logging.getLogger("wxml")
ELEVATION = "elevation"
"""The variable of a source of stations that has their heights, m."""
GRAVITY = 9.80665
REFERENCE = Sides("the forecast", "the forecast has", "the reference", "name a reference with these variables")
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What is verified at stations, and against what."""

    variables: tuple[Variable, ...]
    """Of the forecast, those that are scored."""
    main: DataSource | None
    """`data.source`, if the stations are a further truth; None: the stations are `data.source`."""
    where: str
    """The place of the options."""


def at_stations(forecast: ForecastFile, truth: DataSource, option: Stations, held: Held) -> Settled:
    """Bring a forecast to stations, and check the observations.

    Args:
        forecast: the file, on its own nodes.
        truth: observations; its nodes are stations.
        option: of the user.
        held: what is verified.

    Raises:
        DataError: no station is in the area of the forecast, no observation passes the checks, or the heights or the
            reference are not there.
    """
    raw, grid = forecast.grid(), truth.header.grid
    placed = placement(raw, grid, option.method, None, held.where)
    outside = placed.outside
    if outside.all():
        raise DataError(
            f"none of {len(grid)} stations is in the area of the forecast",
            fix="verify against stations in the area of the forecast",
        )
    elevations = _elevations(truth)
    model = _model_heights(raw, placed, option.heights, held)
    lines = {} if option.heights is None else corrections(held.variables, model, elevations, option.heights)

    def settle(source: DataSource) -> DataSource:
        """Bring fields to the stations, with the corrections if they are on the grid of the forecast."""
        if has_nodes(source, grid):
            return on_grid(source, placed.target, FORECAST, SAME_PLACE)
        if has_nodes(source, raw):
            return PlacedSource(on_grid(source, raw, FORECAST, SAME_PLACE), placed, lines)
        return PlacedSource(source, placement(source.header.grid, placed.target, option.method, None, held.where))

    dropped = _left_out(truth.provenance())
    checked, failed = _checked(forecast, truth, option, (elevations, outside), (held, settle))
    dropped |= failed
    counted = checked.counted & ~outside
    if not counted.any():
        raise DataError(
            "no observation of the forecast's variables at its valid times is left",
            fix="loosen the checks of `verification.stations`, or give reports to the valid times: "
            "`every: 1h` and `within: 30min` of the source `stations`",
        )
    weights = (
        density_weights(grid, option.density, counted.astype(float)) if option.density else counted / counted.sum()
    )
    weighted = replace(grid, area_weights=weights)
    checked.header = replace(checked.header, grid=weighted)
    placed = replace(placed, target=weighted)
    names = grid.names or tuple(map(str, range(len(grid))))
    places = StationPlaces(names, elevations, model, placed.distances(raw), lines, counted, dropped)
    notes = tuple(_notes(option, places, (counted, outside), lines))
    for sentence in notes:
        logger.info("%s", sentence)
    return Settled(forecast.placed(placed, lines), checked, settle, notes, places)


class Checked(SelectiveSource):
    """Observations without those that a check has left out."""

    def __init__(self, source: DataSource, times: Times, variables: Sequence[str], passed: NDArray[np.bool_]) -> None:
        """Keep what passed.

        Args:
            source: the observations.
            times: those that were checked; others count as they are.
            variables: likewise.
            passed: which values are there and passed, shape `[time, variable, node]`.
        """
        self._source, self.header = source, source.header
        self._passed = passed
        self._times = {int(place): number for number, place in enumerate(source.header.time_indices(times))}
        self._variables = {int(place): number for number, place in enumerate(source.header.variable_indices(variables))}
        self.counted = passed.any(axis=(0, 1))
        """Which stations have any value that passed, shape `[node]`."""

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._source.fill(request, out)
        for row, time in enumerate(request.times.tolist()):
            for column, variable in enumerate(request.variables.tolist()):
                if time in self._times and variable in self._variables:
                    passed = self._passed[self._times[time], self._variables[variable]][request.nodes]
                    out[row, :, column][:, ~passed] = np.nan

    def provenance(self) -> dict[str, Any]:
        """That of the observations."""
        return self._source.provenance()

    def fingerprint(self) -> str | None:
        """That of the observations, and what passed."""
        own = self._source.fingerprint()
        return None if own is None else fingerprint_of(own, np.packbits(self._passed).tobytes().hex())


def _checked(
    forecast: ForecastFile,
    truth: DataSource,
    option: Stations,
    stations: tuple[Array, NDArray[np.bool_]],
    by: tuple[Held, Callable[[DataSource], DataSource]],
) -> tuple[Checked, dict[str, int]]:
    """Check all observations at the initial and the valid times of the forecast, once."""
    (elevations, outside), (held, settle) = stations, by
    asked = np.unique([forecast.initial_times[:, None] + np.append(np.timedelta64(0, "s"), forecast.lead_times)])
    times = asked[np.isin(asked, truth.header.times)]
    names = [one.name for one in held.variables]
    observed = truth.read(times, names).mean(axis=1, dtype=np.float64)
    observed[..., outside] = np.nan
    passed = np.isfinite(observed)
    dropped: dict[str, int] = {}
    reference = _reference(option, held, settle, times)
    for place, one in enumerate(held.variables):
        here = np.where(passed[:, place], observed[:, place], np.nan)
        if one.name in option.departures and reference is not None:
            far = far_from_reference(here, reference[:, place], option.departures[one.name])
            dropped["far from the reference"] = dropped.get("far from the reference", 0) + int(far.sum())
            here[far] = np.nan
        if option.buddies is not None and one.name in option.buddies.smallest:
            near = neighbours(truth.header.grid, elevations, option.buddies)
            least, rate = option.buddies.smallest[one.name], _rate(one, option.heights)
            far = far_from_buddies(here, elevations, near, least, option.buddies, rate)
            dropped["far from their neighbours"] = dropped.get("far from their neighbours", 0) + int(far.sum())
            here[far] = np.nan
        passed[:, place] = np.isfinite(here)
    return Checked(truth, times, names, passed), dropped


def _rate(variable: Variable, heights: Heights | None) -> float:
    """By how much a variable falls with height, per m."""
    if heights is None:
        return 0.0
    rates = {"temperature": heights.rate, "dewpoint": heights.dewpoint_rate}
    return rates.get(str(quantity_of(variable, heights.quantities)), 0.0) / 1000


def _reference(option: Stations, held: Held, settle: Callable[[DataSource], DataSource], times: Times) -> Array | None:
    """What observations are held against, shape `[time, variable, node]`; NaN where it has nothing."""
    if not option.departures:
        return None
    for name in option.departures:
        if name not in {one.name for one in held.variables}:
            raise DataError(f"`departures` names {name!r}, which is not verified", fix="name variables of the forecast")
    source = _named(option.reference, held, "reference")
    there = [one for one in held.variables if one.name in source.header.names]
    placed = settle(in_units_of(source, there, REFERENCE))
    found = np.full((len(times), len(held.variables), len(placed.header.grid)), np.nan)
    known = np.isin(times, placed.header.times)
    columns = np.array([held.variables.index(one) for one in there], np.intp)
    if known.any() and there:
        values = placed.read(times[known], [one.name for one in there]).mean(axis=1)
        found[np.ix_(np.flatnonzero(known), columns)] = values
    return found


def _named(choice: Any, held: Held, option: str) -> DataSource:
    """The source that an option names, or `data.source`."""
    if choice is not None:
        source: DataSource = create("data-source", choice.plugin, choice.options, where=f"{held.where}.{option}")
        return source
    if held.main is None:
        raise DataError(
            f"`{held.where}.{option}` names no source, and the stations are `data.source` themselves",
            fix=f"name a source in `{held.where}.{option}`",
        )
    return held.main


def _left_out(record: Mapping[str, Any]) -> dict[str, int]:
    """What sources say that they have left out: why → how many."""
    found = dict(record.get("dropped", {}))
    for one in record.get("sources", []):
        for why, number in _left_out(one).items():
            found[why] = found.get(why, 0) + number
    return found


def _elevations(truth: DataSource) -> Array:
    """The heights of the stations, m; NaN where they are not known."""
    if ELEVATION not in truth.header.names:
        return np.full(len(truth.header.grid), np.nan)
    return np.asarray(truth.read(truth.header.times[:1], [ELEVATION])[0, 0, 0], np.float64)


def _model_heights(raw: Grid, placed: Placement, option: Heights | None, held: Held) -> Array:
    """The height of the ground of the model at each station, m; NaN if nobody asks for it."""
    if option is None:
        return np.full(len(placed.target), np.nan)
    where = replace(held, where=f"{held.where}.heights")
    source = on_grid(_named(option.source, where, "source"), raw, FORECAST, SAME_PLACE)
    variable = source.header.variables[source.header.variable_indices([option.variable])[0]]
    field = np.asarray(source.read(source.header.times[:1], [option.variable], members=[0])[0, 0, 0], np.float64)
    return placed.of(_in_metres(field, variable))


def _in_metres(field: Array, variable: Variable) -> Array:
    if have_same_meaning(variable.units, "m2 s-2"):
        return field / GRAVITY
    line = conversion(variable.units, "m")
    if line is None:
        raise DataError(
            f"{variable.name!r} is in {variable.units!r}, and a height of the ground is in m, a geopotential in m2 s-2",
            fix="name the height of the ground in `variable`",
        )
    return field * line.scale + line.offset


def _notes(
    option: Stations,
    places: StationPlaces,
    which: tuple[NDArray[np.bool_], NDArray[np.bool_]],
    lines: Mapping[str, Line],
) -> Iterator[str]:
    """How the forecast was brought to the stations, which of them count, and what was left out."""
    counted, outside = which
    weighed = f"by their density ({option.density:g}°)" if option.density else "all the same"
    yield (
        f"The truth is {int(counted.sum())} stations; the forecast is brought to them ({option.method}), and they "
        f"count {weighed}."
    )
    if outside.any():
        yield f"{int(outside.sum())} of {len(outside)} stations are outside of the area of the forecast."
    silent = int((~counted & ~outside).sum())
    if silent:
        yield f"{silent} of {len(outside)} stations have no value at the times of the forecast."
    if lines and option.heights is not None:
        differ = np.abs(places.model_heights - places.elevations)[counted]
        unknown = int((~np.isfinite(differ)).sum())
        beyond = int((differ > option.heights.at_most).sum())
        yield (
            f"Corrected for the height of a station: {', '.join(lines)}; not at {beyond} stations that are more than "
            f"{option.heights.at_most:g} m off the model's ground, nor at {unknown} whose height is not known."
        )
    elif option.heights is None:
        yield "The forecast is not corrected for the heights of stations: `verification.stations.heights` does it."
    for why, number in places.dropped.items():
        if number:
            yield f"{number} observations {why} do not count."
