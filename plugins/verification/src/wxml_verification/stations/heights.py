"""Corrections of a forecast for the height of a station, above or below the ground of the model."""

__all__ = ["corrections", "quantity_of"]

from collections.abc import Mapping, Sequence

import numpy as np
from wxml import Variable
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.placement import Line
from wxml_verification.stations.options import Heights, Quantity

NAMES: Mapping[Quantity, tuple[str, ...]] = {
    "temperature": ("t2m", "2t", "t_2m", "tas", "2m_temperature"),
    "dewpoint": ("d2m", "2d", "td_2m", "tdps", "2m_dewpoint_temperature"),
    "pressure": ("sp", "ps", "surface_pressure"),
    "wind": (
        *("u10", "v10", "10u", "10v", "uas", "vas", "10m_u_component_of_wind", "10m_v_component_of_wind"),
        *("ws10", "si10", "10si", "sfcWind", "10m_wind_speed"),
    ),
}
"""The usual names of what is corrected: of ECMWF, CMIP and WeatherBench."""
KELVIN = ("K", "kelvin", "degC", "Celsius", "celsius")
SEA_LEVEL, RATE, EXPONENT = 288.15, 0.0065, 5.25588
"""Temperature (K), lapse rate (K per m) and g / (R · lapse rate) of the standard atmosphere, ISO 2533."""
FIRST, LAST, SLOPE, MOST = 100.0, 1100.0, 0.002, 3.0
"""Heights (m) from which, and up to which, the wind is corrected; the factor's growth per m; the largest factor."""


def quantity_of(variable: Variable, chosen: Mapping[str, Quantity]) -> Quantity | None:
    """What a variable is, if it is one of those that are corrected.

    Args:
        variable: of the forecast.
        chosen: what the user says.
    """
    if variable.name in chosen:
        return chosen[variable.name]
    return next((kind for kind, names in NAMES.items() if {variable.name, variable.param} & {*names}), None)


def corrections(variables: Sequence[Variable], model: Array, stations: Array, options: Heights) -> dict[str, Line]:
    """Variable → the factor and the offset of its values at each station.

    Temperatures get rate · (h_model − h_station). The wind of a station that is dz > 100 m above the model is
    multiplied by 1 + 0.002 (dz − 100), and by 3 from 1100 m on, in the form of WeatherBench-X after Howard and Clark
    (2007, doi:10.1017/S1350482706002428). The pressure is that of the standard atmosphere at both heights. Nothing is
    changed where the heights differ by more than `at_most`, or one is not known.

    Args:
        variables: of the forecast.
        model: the height of the model's ground at each station, m.
        stations: the height of each station, m.
        options: of the user.

    Raises:
        DataError: a temperature is not in K or degC.
    """
    below = model - stations
    is_known = np.isfinite(below) & (np.abs(below) <= options.at_most)
    below = np.where(is_known, below, 0.0)
    found: dict[str, Line] = {}
    for one in variables:
        kind = quantity_of(one, options.quantities)
        if kind is not None:
            found[one.name] = _line(one, kind, below, np.where(is_known, model, 0.0), options)
    return found


def _line(variable: Variable, kind: Quantity, below: Array, model: Array, options: Heights) -> Line:
    """The factor and the offset of one variable, of which the station is `below` the model."""
    ones, zeros = np.ones_like(below), np.zeros_like(below)
    if kind == "wind":
        return _wind_factor(-below), zeros
    if kind == "pressure":
        ratio = (SEA_LEVEL - RATE * (model - below)) / (SEA_LEVEL - RATE * model)
        return ratio**EXPONENT, zeros
    if variable.units not in KELVIN:
        raise DataError(
            f"{variable.name!r} is in {variable.units!r}, and a lapse rate changes temperatures in K or degC",
            fix="leave `heights` out, or make the forecast in K",
        )
    return ones, (options.rate if kind == "temperature" else options.dewpoint_rate) / 1000 * below


def _wind_factor(above: Array) -> Array:
    """The factor of the wind at a station that is `above` the model's ground, m."""
    factor = np.where(above < FIRST, 1.0, 1 + SLOPE * (above - FIRST))
    return np.where(above < LAST, factor, MOST)
