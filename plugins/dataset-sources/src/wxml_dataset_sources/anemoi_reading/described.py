"""Variables from the attribute `variables_metadata` of a store: level, units, step type and period."""

__all__ = ["described"]

import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Final

import numpy as np
from wxml import Variable
from wxml.data.times import format_duration

STEP_TYPES: Final = {
    "accumulation": "accum",
    "average": "avg",
    "maximum": "max",
    "minimum": "min",
    "instantaneous": "instant",
    "root_mean_square": "rms",
    "standard_deviation": "sd",
}
"""The `process` of a variable by its name in the layout, and as in GRIB."""
LEVEL_UNITS: Final = {"pl": "hPa", "ml": "1", "pt": "K"}
"""The units of the number of a level by the MARS type of the level."""
LEVEL_TYPES: Final = {"pl": "isobaric", "ml": "hybrid", "pt": "theta"}
"""The type of a level as in GRIB by the MARS type; `sfc` stands for several."""
SECONDS: Final = {"": 3600, "h": 3600, "d": 86400, "m": 60, "s": 1}
UNKNOWN: Final = ("", "~", "unknown", "None")


def described(name: str, metadata: object) -> Variable:
    """What the store says of the variable `name`; what it does not say stays empty.

    >>> described("t_850", {"mars": {"param": "t", "levtype": "pl", "levelist": 850}, "units": "K"}).level
    850.0
    >>> described("tp", {"process": "accumulation", "period": [0, 6]}).period
    '6h'
    """
    said = _mapping(metadata)
    if isinstance(said.get("wxml"), Mapping):
        return _recorded(name, said["wxml"])
    mars = _mapping(said.get("mars"))
    level = _number(mars.get("levelist", mars.get("level")))
    parameter = str(mars.get("param", ""))
    if level is None or not _is_spelled(parameter):
        parameter = name if level is None else name.removesuffix(f"_{level:g}")
    process = str(said.get("process", ""))
    level_type = str(mars.get("levtype", ""))
    return Variable(
        name,
        parameter,
        level,
        units=str(said.get("units", "")),
        step_type=STEP_TYPES.get(process, process),
        period=_period(said.get("period")) if process not in ("", "instantaneous") else "",
        level_units="" if level is None else LEVEL_UNITS.get(level_type, ""),
        level_type=LEVEL_TYPES.get(level_type, ""),
        grib="" if _number(said.get("param_id")) is None else f"paramId={said['param_id']}",
    )


def _recorded(name: str, record: Mapping[str, Any]) -> Variable:
    """The variable that wxml wrote; keys that only a later version knows are left out."""
    texts = {field.name for field in fields(Variable)} - {"name", "level"}
    said = {key: value for key, value in record.items() if key in texts and isinstance(value, str)}
    return Variable(name, level=_number(record.get("level")), **said)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _is_spelled(parameter: str) -> bool:
    """Whether it is a short name, not a number of a table such as 130.128."""
    return parameter not in UNKNOWN and not parameter[0].isdigit()


def _number(value: object) -> float | None:
    """The number that the value is or spells; None for everything else."""
    try:
        number = float(str(value))
    except ValueError:
        return None
    return number if np.isfinite(number) else None


def _period(value: object) -> str:
    """The length of a period from its two ends, such as `[0, 6]` in hours or `["0h", "6h"]`; empty if it is none."""
    ends = [_seconds(end) for end in value] if isinstance(value, list | tuple) else []
    if len(ends) != 2 or ends[0] is None or ends[1] is None or ends[1] <= ends[0]:
        return ""
    return format_duration(np.timedelta64(ends[1] - ends[0], "s"))


def _seconds(end: object) -> int | None:
    match = re.fullmatch(r"(\d+)(?:\.0+)?([hdms]?)", str(end))
    return None if match is None else int(match[1]) * SECONDS[match[2]]
