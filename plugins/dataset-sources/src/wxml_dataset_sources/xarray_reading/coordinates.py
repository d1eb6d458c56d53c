"""The coordinates of a dataset, found by CF units, standard name and axis, then by name; and the names of levels."""

__all__ = [
    "LATITUDE",
    "LONGITUDE",
    "Coordinates",
    "Signs",
    "find_coordinates",
    "flatten",
    "height",
    "is_height",
    "is_pascal",
    "level_numbers",
    "level_type",
    "pressure_in_hpa",
]

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xarray as xr
from wxml import Variable
from wxml.errors import DataError

HEIGHT_UNITS = {"m", "metre", "metres", "meter", "meters", "km", "cm"}
HEIGHT_NAMES = {"height", "depth", "altitude"}
LEVEL_TYPES = {
    "air_pressure": "isobaric",
    "atmosphere_hybrid_sigma_pressure_coordinate": "hybrid",
    "height": "heightAboveGround",
    "altitude": "heightAboveSea",
    "air_potential_temperature": "theta",
}
"""The type of a level, as in GRIB, by the CF standard name of its axis."""
PRESSURE_UNITS = {"hpa", "pa", "millibar", "millibars", "mbar", "mb", "hectopascal", "pascal"}


@dataclass(frozen=True, slots=True)
class Signs:
    """The signs of one kind of coordinate; patterns match a whole text in any case."""

    units: str
    standard_name: str
    axis: str
    name: str

    def rank(self, name: str, variable: xr.Variable) -> int | None:
        """0 if units or standard name match, 1 if the axis does, 2 if the name does, None if nothing does."""
        standard_name = str(variable.attrs.get("standard_name", ""))
        if _matches(self.units, variable.attrs.get("units", "")) or _matches(self.standard_name, standard_name):
            return 0
        if standard_name.startswith(("grid_", "projection_")):  # a rotated or projected axis is no latitude
            return None
        if self.axis and variable.attrs.get("axis") == self.axis and variable.attrs.get("units") in (None, "degrees"):
            return 1
        return 2 if _matches(self.name, name) else None


LATITUDE = Signs(r"degrees?_?n(orth)?", r"latitude", "Y", r"(g\d+_|xc?)?lat(itude)?s?(_\d+)?|nav_lat")
LONGITUDE = Signs(r"degrees?_?e(ast)?", r"longitude", "X", r"(g\d+_|xc?)?lon(g|gitude)?s?(_\d+)?|nav_lon")
LEVEL = Signs(
    "|".join(PRESSURE_UNITS),
    r"air_pressure|height|depth|altitude|model_level_number|atmosphere_.*coordinate",
    "Z",
    r"p?lev(el)?s?|isobaric\w*|pressure(_levels?)?|(model|hybrid)(_levels?)?|height\w*|depth\w*|lv_\w+|altitude",
)
MEMBER = Signs(r"-", r"realization", "E", r"number|members?|realizations?|ens(emble)?(_members?)?")
LEAD = Signs(
    r"-",
    r"forecast_period",
    "",
    r"step|lead_?times?|prediction_timedelta|timestep|fr_?time|forecast_(time|period|hour)s?\d*",
)
INSTANT = Signs(r".+ since .+|text_time", r"time|forecast_reference_time", "T", r"(valid_|ref|reference_)?time|dates?")


@dataclass(frozen=True, slots=True)
class Coordinates:
    """The names of the coordinates of each kind, the surest first."""

    latitudes: tuple[str, ...]
    longitudes: tuple[str, ...]
    levels: tuple[str, ...]
    members: tuple[str, ...]
    leads: tuple[str, ...]
    """Times since the start of a forecast."""
    instants: tuple[str, ...]
    """Dates, as numbers, text or `datetime64`: of validity or of the start of a forecast."""
    bounds: frozenset[str]
    """Variables that hold the bounds of cells; no data."""

    @property
    def all(self) -> frozenset[str]:
        """Every name that is a coordinate or belongs to one."""
        kinds = (self.latitudes, self.longitudes, self.levels, self.members, self.leads, self.instants)
        return self.bounds.union(*kinds)


def find_coordinates(dataset: xr.Dataset, called: Callable[[str], str]) -> Coordinates:
    """The coordinates of a dataset.

    Args:
        dataset: opened without decoding of times.
        called: gives our name for a name in the file, by the option `rename`.
    """
    names = {str(name) for name in dataset.variables}
    attributes = [variable.attrs for variable in dataset.variables.values()]
    stated = {str(attrs[key]) for attrs in attributes for key in ("bounds", "climatology") if key in attrs}
    usual = {name for name in names if re.fullmatch(r".*_(bnds|bounds|vertices)", name, re.IGNORECASE)}
    bounds = frozenset((stated | usual) & names)
    variables = {str(name): variable for name, variable in dataset.variables.items() if name not in bounds}
    axes = {name: v for name, v in variables.items() if name in dataset.coords or v.dims == (name,)}
    dates = axes | {name: v for name, v in variables.items() if not v.dims}  # older files keep the start as a variable

    def ranked(signs: Signs, among: dict[str, xr.Variable], most_dims: int) -> tuple[str, ...]:
        """Names in `among` that `signs` fit, with at most `most_dims` dimensions; the surest and the largest first."""
        ranks = {name: signs.rank(called(name), v) for name, v in among.items() if v.ndim <= most_dims}
        found = [(rank, -among[name].ndim, name) for name, rank in ranks.items() if rank is not None]
        return tuple(name for _, _, name in sorted(found))

    latitudes, longitudes = ranked(LATITUDE, variables, 2), ranked(LONGITUDE, variables, 2)
    places = {*latitudes, *longitudes}
    decodable = {
        name: v for name, v in dates.items() if v.dtype.kind in "SUOM" or " since " in str(v.attrs.get("units", ""))
    }
    instants = ranked(INSTANT, decodable, 2)
    leads = tuple(name for name in ranked(LEAD, axes, 2) if name not in instants)
    rest = {name: v for name, v in axes.items() if name not in places and name not in instants and name not in leads}
    members = ranked(MEMBER, rest, 1)
    levels = tuple(name for name in ranked(LEVEL, rest, 1) if name not in members)
    return Coordinates(latitudes, longitudes, levels, members, leads, instants, bounds)


def _matches(pattern: str, text: object) -> bool:
    return re.fullmatch(pattern, str(text), re.IGNORECASE) is not None


def flatten(quantity: Variable, levels: Sequence[float] | None) -> tuple[Variable, ...]:
    """One variable per level, named `parameter_level`; or `quantity` alone, without the units of a level.

    >>> [variable.name for variable in flatten(Variable("t", units="K"), [1000.0, 0.5])]
    ['t_1000', 't_0.5']
    """
    if levels is None:
        return (replace(quantity, level_units=""),)
    return tuple(replace(quantity, name=f"{quantity.name}_{level:g}", level=float(f"{level:g}")) for level in levels)


def level_type(units: str, standard_name: str) -> str:
    """The type of a level axis, as `Variable.level_type` has it; empty where its attributes do not say it.

    >>> level_type("hPa", ""), level_type("1", "atmosphere_hybrid_sigma_pressure_coordinate"), level_type("m", "")
    ('isobaric', 'hybrid', '')
    """
    return "isobaric" if units.lower() in PRESSURE_UNITS else LEVEL_TYPES.get(standard_name, "")


def level_numbers(axis: xr.DataArray) -> list[float]:
    """The levels of an axis as numbers; text that is a number counts.

    Raises:
        DataError: a level is no number, such as text.
    """
    return [_level_number(axis, level) for level in np.atleast_1d(axis.values).tolist()]


def _level_number(axis: xr.DataArray, level: Any) -> float:
    try:
        return float(level)
    except (TypeError, ValueError) as error:
        name = axis.name
        raise DataError(
            f"the level axis `{name}` holds {level!r}, which is no number",
            fix=f"write numbers into the coordinate `{name}`, or leave its variables out with `variables`",
        ) from error


def pressure_in_hpa(levels: Sequence[float], units: str) -> list[float]:
    """Convert levels in Pa to hPa, and leave the others as they are.

    >>> pressure_in_hpa([85000, 50000], "Pa")
    [850.0, 500.0]
    """
    factor = 0.01 if is_pascal(units) else 1.0
    return [float(level) * factor for level in levels]


def height(axis: xr.DataArray) -> str:
    """The single height or depth of an axis as text, as in `2 m`; all ways to write metres are one."""
    units = str(axis.attrs.get("units", ""))
    is_metres = units.lower().rstrip("s") in ("", "m", "metre", "meter")
    return f"{level_numbers(axis)[0]:g} {'m' if is_metres else units}"


def is_pascal(units: str) -> bool:
    """Whether these are the units Pa, which levels are converted from."""
    return units.lower() in ("pa", "pascal")


def is_height(units: str, standard_name: str) -> bool:
    """Whether levels are heights or depths; a single one is not part of the variable's name (`t2m`)."""
    return units.lower() in HEIGHT_UNITS or standard_name in HEIGHT_NAMES
