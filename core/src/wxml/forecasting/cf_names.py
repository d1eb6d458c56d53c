"""CF standard names of variables, by short name and units."""

__all__ = ["Quantity", "cf_attributes", "quantity_of"]

from dataclasses import dataclass
from typing import Any

from wxml.data.variables import Variable

KELVIN = ("K", "degK", "kelvin", "degC", "Celsius", "celsius")
SPEED = ("m s-1", "m/s")
PRESSURE = ("Pa", "hPa", "mb", "mbar", "millibar")
GEOPOTENTIAL = ("m2 s-2", "m2/s2", "J kg-1")
HEIGHT = ("m", "gpm")
RATIO = ("1", "kg kg-1", "kg/kg", "g kg-1", "g/kg")
FRACTION = ("1", "%")
DEPTH = ("m", "mm")
MASS_PER_AREA = ("kg m-2", "kg/m2")
ENERGY_PER_AREA = ("J m-2", "J/m2")


@dataclass(frozen=True, slots=True)
class Quantity:
    """One row of the table."""

    short_names: tuple[str, ...]
    """In lower case: those of ECMWF, of CF-minded files, and of NCEP."""
    standard_name: str
    """From the CF standard name table."""
    long_name: str
    units: tuple[str, ...]
    """Every spelling of a unit that can be converted to the canonical one of the standard name."""
    height: float | None = None
    """Metres above the ground, where the short name fixes it."""


QUANTITIES = (
    Quantity(("t", "ta", "air", "tmp"), "air_temperature", "temperature", KELVIN),
    Quantity(("2t", "t2m", "tas"), "air_temperature", "2 metre temperature", KELVIN, 2.0),
    Quantity(("2d", "d2m"), "dew_point_temperature", "2 metre dew point temperature", KELVIN, 2.0),
    Quantity(("skt", "tsurf"), "surface_temperature", "skin temperature", KELVIN),
    Quantity(("sst",), "sea_surface_temperature", "sea surface temperature", KELVIN),
    Quantity(("u", "ua"), "eastward_wind", "eastward wind", SPEED),
    Quantity(("v", "va"), "northward_wind", "northward wind", SPEED),
    Quantity(("10u", "u10"), "eastward_wind", "10 metre eastward wind", SPEED, 10.0),
    Quantity(("10v", "v10"), "northward_wind", "10 metre northward wind", SPEED, 10.0),
    Quantity(("100u", "u100"), "eastward_wind", "100 metre eastward wind", SPEED, 100.0),
    Quantity(("100v", "v100"), "northward_wind", "100 metre northward wind", SPEED, 100.0),
    Quantity(("w", "omega"), "lagrangian_tendency_of_air_pressure", "vertical velocity", ("Pa s-1", "Pa/s")),
    Quantity(("w",), "upward_air_velocity", "vertical velocity", SPEED),
    Quantity(("z",), "geopotential", "geopotential", GEOPOTENTIAL),
    Quantity(("z", "gh", "hgt", "zg"), "geopotential_height", "geopotential height", HEIGHT),
    Quantity(("q", "hus"), "specific_humidity", "specific humidity", RATIO),
    Quantity(("r", "rh", "hur"), "relative_humidity", "relative humidity", FRACTION),
    Quantity(("sp", "ps"), "surface_air_pressure", "surface pressure", PRESSURE),
    Quantity(("msl", "psl", "prmsl"), "air_pressure_at_mean_sea_level", "mean sea level pressure", PRESSURE),
    Quantity(("tp",), "lwe_thickness_of_precipitation_amount", "total precipitation", DEPTH),
    Quantity(("tp",), "precipitation_amount", "total precipitation", MASS_PER_AREA),
    Quantity(("tcc", "clt"), "cloud_area_fraction", "total cloud cover", FRACTION),
    Quantity(
        ("tcwv",),
        "atmosphere_mass_content_of_water_vapor",
        "total column vertically-integrated water vapour",
        MASS_PER_AREA,
    ),
    Quantity(
        ("ssrd",),
        "integral_wrt_time_of_surface_downwelling_shortwave_flux_in_air",
        "surface downward short-wave radiation",
        ENERGY_PER_AREA,
    ),
)


def quantity_of(variable: Variable) -> Quantity | None:
    """The row for a variable, or None: the units must fit too, since `z` in m is not `z` in m² s⁻².

    >>> quantity_of(Variable("z_500", param="z", units="m**2 s**-2")).standard_name
    'geopotential'
    """
    units = " ".join(variable.units.replace("**", "").replace("^", "").split())
    name = variable.param.lower()
    return next((row for row in QUANTITIES if name in row.short_names and units in row.units), None)


def cf_attributes(variable: Variable) -> dict[str, Any]:
    """The attributes of a variable in a file: those that the source knows, else its CF standard name by its short name.

    Units that the source does not know are left out: empty ones would say that the variable has no dimension.
    """
    known = quantity_of(variable)
    height, height_units = _height(variable, known)
    level = f" at level {variable.level:g}" if variable.level is not None else ""
    statistic = f", {variable.statistic}" if variable.statistic else ""
    attributes: dict[str, Any] = {
        "long_name": (known.long_name if known else variable.param) + level + statistic,
        "param": variable.param,
        "units": variable.units or None,
        "level": float(variable.level) if variable.level is not None else None,
        "level_units": variable.level_units or None,
        "step_type": variable.step_type or None,
        "period": variable.period or None,
        "standard_name": variable.standard_name or (known.standard_name if known else None),
        "height": height,
        "height_units": height_units,
        "level_type": variable.level_type or None,
        "grib": variable.grib or None,
        "member_statistic": variable.statistic or None,
        "cell_methods": _cell_methods(variable.statistic),
    }
    return {name: value for name, value in attributes.items() if value is not None}


def _cell_methods(statistic: str) -> str | None:
    """CF's word for a statistic of the members; None where there is none, as for quantiles."""
    methods = {"mean": "number: mean", "standard deviation": "number: standard_deviation"}
    return methods.get(statistic.partition(" of ")[0])


def _height(variable: Variable, known: Quantity | None) -> tuple[float | None, str | None]:
    """The number and the unit of the height of a variable, of what its source says or of its row in the table."""
    if variable.height:
        number, _, unit = variable.height.partition(" ")
        return float(number), unit
    return (known.height, "m") if known and known.height else (None, None)
