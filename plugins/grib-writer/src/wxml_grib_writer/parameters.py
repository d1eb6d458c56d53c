"""The parameter of a message: which one a variable is, at which level, and in which units it is written."""

__all__ = ["PARAMETERS", "Parameter", "parameter_keys", "parse_keys"]

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import eccodes
from wxml import Variable
from wxml.data.units import Line, conversion
from wxml.errors import DataError

from wxml_grib_writer.handles import REFUSALS, Keys, copied, set_keys

logger = logging.getLogger("wxml")

PARAMETERS: Mapping[str, tuple[str, ...]] = {
    "t ta air tmp": ("paramId=130",),
    "u ua": ("paramId=131",),
    "v va": ("paramId=132",),
    "q hus": ("paramId=133",),
    "w omega": ("paramId=135", "paramId=260238"),
    "vo": ("paramId=138",),
    "d": ("paramId=155",),
    "z": ("paramId=129", "paramId=156"),
    "gh hgt zg": ("paramId=156",),
    "r rh hur": ("paramId=157",),
    "o3": ("paramId=203",),
    "clwc": ("paramId=246",),
    "ciwc": ("paramId=247",),
    "cc": ("paramId=248",),
    "2t t2m tas": ("paramId=167",),
    "2d d2m": ("paramId=168",),
    "10u u10": ("paramId=165",),
    "10v v10": ("paramId=166",),
    "100u u100": ("paramId=131,typeOfLevel=heightAboveGround,level=100",),
    "100v v100": ("paramId=132,typeOfLevel=heightAboveGround,level=100",),
    "skt tsurf": ("paramId=235",),
    "sst": ("paramId=34",),
    "ci siconc": ("paramId=31",),
    "lsm": ("paramId=172",),
    "sp ps": ("paramId=134",),
    "msl psl prmsl": ("paramId=151",),
    "tcc clt": ("paramId=228164",),
    "tcw": ("paramId=136",),
    "tcwv": ("paramId=137",),
    "cape": ("paramId=59",),
    "blh": ("paramId=159",),
    "sd": ("paramId=228141",),
    "tp": ("paramId=228228",),
    "cp": ("paramId=228143",),
    "lsp": ("paramId=3062",),
    "sf": ("paramId=228144",),
    "ssrd": ("paramId=169",),
    "strd": ("paramId=175",),
    "ssr": ("paramId=176",),
    "str": ("paramId=177",),
    "tsr": ("paramId=178",),
    "ttr": ("paramId=179",),
    "sshf": ("paramId=146",),
    "slhf": ("paramId=147",),
}
"""Short names, those of ECMWF first → the keys of the parameter; of several the first whose units fit.

The numbers are those of ECMWF's parameter database that every centre may write (https://codes.ecmwf.int/grib/param-db).
"""
TWINS = {228: 228228, 143: 228143, 142: 3062, 144: 228144, 141: 228141, 164: 228164}
"""Parameters that ECMWF's centre alone may write in GRIB 2, as GRIB 1 and its archive have them → what others write."""
WATER = ("228141", "228228", "228143", "3062", "228144")
"""The parameters in kg m-2 that are water, of which a metre weighs 1000 kg."""
UNITS = {"gpm": "m", "m of water equivalent": "m", "deg C": "degC", "~": "1", "Numeric": "1"}
"""Units of ecCodes that pint has another name for."""
EDITION_1 = ("table2Version", "indicatorOfParameter")


@dataclass(frozen=True, slots=True)
class Parameter:
    """A variable as GRIB has it."""

    keys: Keys
    """Of the parameter and of its level, in the order in which they must be set."""
    line: Line
    """What makes the values of a message of those of the variable."""


def parameter_keys(variable: Variable, stated: str, empty: int) -> Parameter:
    """Find the keys of a variable.

    Args:
        variable: the source may say its GRIB keys, its level and its units; else its short name counts.
        stated: keys that the user has given for it, `key=value` separated by commas, which go before all others.
        empty: a message, of which copies are tried.

    Raises:
        DataError: GRIB has no such parameter that we know, not at this level, or not in units that these can become.
    """
    given = parse_keys(variable.name, stated)
    if {"paramId", "shortName", "parameterNumber"} & given.keys():
        choices: list[Keys] = [given]
    else:
        choices = [{**one, **_level(variable), **given} for one in _candidates(variable)]
    for keys in choices:
        units = _units(keys, empty)
        line = None if units is None else _line(variable, units, str(keys.get("paramId")))
        if line is not None:
            return Parameter(keys, line)
    raise DataError(
        _refusal(variable, [(keys, _units(keys, empty)) for keys in choices]),
        fix=f"name keys, such as parameters: {{{variable.name}: 'paramId=130,typeOfLevel=isobaricInhPa,level=850'}} "
        "(https://codes.ecmwf.int/grib/param-db) in its units, or leave it out",
    )


def parse_keys(name: str, text: str) -> dict[str, int | float | str]:
    """Take `paramId=130,level=2` apart.

    Raises:
        DataError: it is no list of keys and values.
    """
    found: dict[str, int | float | str] = {}
    for one in filter(None, text.split(",")):
        key, equals, value = (part.strip() for part in one.partition("="))
        if not (equals and key.isidentifier() and value):
            raise DataError(
                f"`parameters` must have GRIB keys as key=value, separated by commas, got {text!r} for {name!r}",
                fix=f"write them like {name}: paramId=130",
            )
        found[key] = _number(value)
    return found


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _candidates(variable: Variable) -> list[Keys]:
    """The keys of the parameter that the source says, else those of the table, else that of the CF standard name."""
    said = parse_keys(variable.name, variable.grib)
    if said and not set(EDITION_1) & said.keys():
        number = said.get("paramId")
        twin = TWINS.get(number) if isinstance(number, int) else None
        return [said if twin is None else said | {"paramId": twin}]
    name = variable.param.lower()
    texts = next((texts for names, texts in PARAMETERS.items() if name in names.split()), ())
    by_name: list[Keys] = [parse_keys(name, text) for text in texts]
    return by_name or ([{"cfName": variable.standard_name}] if variable.standard_name else [])


def _level(variable: Variable) -> dict[str, int | float | str]:
    """The keys of the level; empty where the parameter itself fixes it, as 2 m does for 2t."""
    number, kind = variable.level, variable.level_type
    if number is None:
        height = variable.height.partition(" ")[0]
        return {"typeOfLevel": "heightAboveGround", **_scaled(float(height))} if height else {}
    if kind in ("", "isobaric") and variable.level_units in ("", "hPa"):
        if float(number).is_integer():
            return {"typeOfLevel": "isobaricInhPa", "level": int(number)}
        return {"typeOfLevel": "isobaricInPa", "level": round(100 * number)}
    if kind == "heightAboveGround":
        return {"typeOfLevel": kind, **_scaled(float(number))}
    return {"typeOfLevel": kind or "unknown", "level": int(number) if float(number).is_integer() else float(number)}


def _scaled(height: float) -> dict[str, int | float | str]:
    """A height as a whole number and a power of ten."""
    digits = max(0, -int(f"{height:.6e}".partition("e")[2])) if height and height < 1 else 0
    while digits < 6 and not float(f"{height * 10**digits:.9g}").is_integer():
        digits += 1
    return {"scaleFactorOfFirstFixedSurface": digits, "scaledValueOfFirstFixedSurface": round(height * 10**digits)}


def _units(keys: Keys, empty: int) -> str | None:
    """The units of the parameter with these keys; None if ecCodes does not take one of them."""
    with copied(empty) as handle:
        try:
            set_keys(handle, keys)
            units = str(eccodes.codes_get(handle, "units"))
        except REFUSALS:
            return None
    return UNITS.get(units, units)


def _line(variable: Variable, units: str, number: str) -> Line | None:
    """What makes values in `units` of those of the variable; None if they measure another thing."""
    if variable.units:
        found = conversion(UNITS.get(variable.units, variable.units), units)
        if found is None and number in WATER:
            depth = conversion(UNITS.get(variable.units, variable.units), "m")
            return depth and Line(1000.0 * depth.scale, 0.0)
        return found
    logger.warning("the units of `%s` are not known: it is written as if they were %s", variable.name, units)
    return Line(1.0, 0.0)


def _refusal(variable: Variable, tried: list[tuple[Keys, str | None]]) -> str:
    """Why a variable cannot be written, by the parameters that were tried."""
    what = f"`{variable.name}` ({variable.units or 'units not known'})"
    if not tried:
        return f"{what} is no parameter of GRIB that the writer knows"
    texts = [
        f"{', '.join(f'{key}={value}' for key, value in keys.items())} "
        + ("is not taken by ecCodes" if units is None else f"is in {units}")
        for keys, units in tried
    ]
    return f"{what} cannot be written: {'; '.join(texts)}"
