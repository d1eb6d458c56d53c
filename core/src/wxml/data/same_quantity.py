"""Which variables of two data sets are one quantity, whatever each of them calls it."""

__all__ = ["matched", "meaning", "with_usual_units"]

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from wxml.data.variables import Variable
from wxml.errors import DataError

OTHER_NAMES: Final[dict[str, tuple[str, ...]]] = {
    "t": ("temperature", "ta", "tmp", "air", "air_temperature"),
    "u": ("u_component_of_wind", "ua", "ugrd", "eastward_wind"),
    "v": ("v_component_of_wind", "va", "vgrd", "northward_wind"),
    "w": ("vertical_velocity", "omega", "wap", "lagrangian_tendency_of_air_pressure"),
    "z": ("geopotential",),
    "gh": ("geopotential_height", "zg", "hgt"),
    "q": ("specific_humidity", "hus", "spfh"),
    "r": ("relative_humidity", "rh", "hur"),
    "2t": ("t2m", "2m_temperature", "tas"),
    "2d": ("d2m", "2m_dewpoint_temperature", "dew_point_temperature"),
    "10u": ("u10", "u10m", "10m_u_component_of_wind", "uas"),
    "10v": ("v10", "v10m", "10m_v_component_of_wind", "vas"),
    "100u": ("u100", "u100m", "100m_u_component_of_wind"),
    "100v": ("v100", "v100m", "100m_v_component_of_wind"),
    "10si": ("10m_wind_speed", "si10"),
    "ws": ("wind_speed",),
    "msl": ("mean_sea_level_pressure", "prmsl", "mslp", "psl", "air_pressure_at_mean_sea_level"),
    "sp": ("surface_pressure", "ps", "surface_air_pressure"),
    "tp": ("total_precipitation",),
    "tp6h": ("tp06", "total_precipitation_6hr"),
    "tp12h": ("tp12", "total_precipitation_12hr"),
    "tp24h": ("tp24", "total_precipitation_24hr"),
    "tcwv": ("total_column_water_vapour", "total_column_vertically_integrated_water_vapour"),
    "sst": ("sea_surface_temperature",),
    "skt": ("skin_temperature",),
    "tcc": ("total_cloud_cover", "clt", "cloud_area_fraction"),
    "lsm": ("land_sea_mask", "land_binary_mask"),
}
"""Short name of ECMWF → the names of the Climate Data Store and WeatherBench 2, CMIP, NCEP, Earth2Studio and CF."""
SHORT: Final = {other: short for short, others in OTHER_NAMES.items() for other in (short, *others)}
UNITS: Final = {
    "K": ("t", "2t", "2d", "sst", "skt"),
    "m s**-1": ("u", "v", "10u", "10v", "100u", "100v", "10si", "ws"),
    "Pa s**-1": ("w",),
    "m**2 s**-2": ("z",),
    "kg kg**-1": ("q",),
    "%": ("r",),
    "Pa": ("msl", "sp"),
    "m": ("gh", "tp", "tp6h", "tp12h", "tp24h"),
    "kg m**-2": ("tcwv",),
    "1": ("tcc", "lsm"),
}
"""Units in ECMWF's parameter database, and so in WeatherBench 2, Anemoi and Earth2Studio → short names."""
USUAL: Final = {short: units for units, names in UNITS.items() for short in names}
ON_LEVELS: Final = frozenset(("t", "u", "v", "w", "z", "gh", "q", "r", "ws"))
NEAR_GROUND: Final = {
    ("t", 2.0): "2t",
    ("2d", 2.0): "2d",
    ("u", 10.0): "10u",
    ("v", 10.0): "10v",
    ("u", 100.0): "100u",
    ("v", 100.0): "100v",
    ("ws", 10.0): "10si",
}


def meaning(variable: Variable) -> tuple[str, float | None]:
    """The short name of ECMWF, where one is known, and the level of a variable.

    >>> meaning(Variable("temperature_850", param="temperature", level=850.0)), meaning(Variable("z500"))
    (('t', 850.0), ('z', 500.0))
    >>> meaning(Variable("u10m")), meaning(Variable("2m_temperature"))
    (('10u', None), ('2t', None))
    """
    name, level = variable.param.lower(), variable.level
    if name not in SHORT and level is None:
        found = re.fullmatch(r"(.*?)_?(\d+)", name)
        if found and SHORT.get(found[1]) in ON_LEVELS:
            name, level = found[1], float(found[2])
    name = name if name in SHORT else variable.standard_name or name
    short, height = SHORT.get(name, name), variable.height.removesuffix(" m")
    if level is None and height.replace(".", "", 1).isdigit():
        short = NEAR_GROUND.get((short, float(height)), short)
    return short, level


def with_usual_units(variables: Sequence[Variable]) -> tuple[Variable, ...]:
    """The variables; those without units have the ones that their quantity has in ECMWF's parameter database.

    WeatherBench 2, Anemoi and Earth2Studio state no units, and use these.

    >>> with_usual_units([Variable("t850"), Variable("other"), Variable("2t", units="degC")])[0].units
    'K'
    """
    return tuple(one if one.units else replace(one, units=USUAL.get(meaning(one)[0], "")) for one in variables)


def matched(forecast: Sequence[Variable], truth: Sequence[Variable]) -> dict[str, str]:
    """The name in the truth → the name in the forecast, of each quantity that both have, in the order of the truth.

    The same name is the same quantity; other names are by their `meaning`.

    Raises:
        DataError: they have none in common, or two variables of the forecast are one of the truth.
    """
    own = {one.name for one in forecast}
    found: dict[str, list[str]] = {}
    for one in truth:
        alike = [other.name for other in forecast if meaning(other) == meaning(one)]
        names = [one.name] if one.name in own else alike
        if names:
            found[one.name] = names
    for name, names in found.items():
        if len(names) > 1:
            raise DataError(
                f"{', '.join(map(repr, names))} of the forecast may all be {name!r} of the truth",
                fix=f"say which one is, as in forecast.rename={{{names[0]}: {name}}}",
            )
    if not found:
        theirs = [one.name for one in truth]
        raise DataError(
            f"the forecast and the truth have no variable in common: {_listed(sorted(own))} in the forecast, "
            f"{_listed(theirs)} in the truth",
            fix=f"name one like the truth, as in forecast.rename={{{min(own)}: {theirs[0]}}}",
        )
    return {name: names[0] for name, names in found.items()}


def _listed(names: Sequence[str], most: int = 12) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
