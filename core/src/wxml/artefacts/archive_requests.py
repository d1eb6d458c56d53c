"""What a checkpoint must be fed with, as requests to ECMWF's archive (MARS) and to its open data."""

__all__ = ["mars_lines", "open_data_requests"]

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from wxml.artefacts.requirements import RequiredVariable, Requirements
from wxml.data.grid import Grid
from wxml.data.sphere import gauss_legendre
from wxml.data.times import format_offset, parse_duration
from wxml.data.variables import Variable

SHORT_NAMES: Final[Mapping[str, str]] = {
    "ta": "t", "air": "t", "tmp": "t", "ua": "u", "va": "v", "hus": "q", "omega": "w", "zg": "gh", "hgt": "gh",
    "hur": "r", "rh": "r", "t2m": "2t", "tas": "2t", "d2m": "2d", "u10": "10u", "v10": "10v", "u100": "100u",
    "v100": "100v", "tsurf": "skt", "siconc": "ci", "ps": "sp", "psl": "msl", "prmsl": "msl", "slp": "msl",
    "clt": "tcc",
}  # fmt: skip
"""Names of other conventions → the short names of ECMWF's parameter database (https://codes.ecmwf.int/grib/param-db)."""
OPEN_LEVELS: Final = (1000, 925, 850, 700, 600, 500, 400, 300, 250, 200, 150, 100, 50)
OPEN_PARAMETERS: Final[Mapping[str, frozenset[str]]] = {
    "pl": frozenset({"d", "gh", "q", "r", "t", "u", "v", "vo", "w"}),
    "sfc": frozenset(
        {"100u", "100v", "10u", "10v", "2d", "2t", "lsm", "msl", "mucape", "ro", "skt", "sp", "ssr", "ssrd", "str"}
        | {"strd", "sve", "svn", "tcw", "tcwv", "tp", "ttr", "z", "sd", "sf", "tcc"}
    ),
}
"""The levels in hPa and the parameters of the open data (https://www.ecmwf.int/en/forecasts/datasets/open-data)."""
SHORT_CUT_OFF: Final = ("06", "18")
"""The hours of the forecasts that the archive has in the stream scda."""
ALIKE = 1e-3
"""Degrees by which the rows of a Gaussian grid may be off."""


@dataclass(frozen=True, slots=True)
class _Fields:
    """Fields that one request asks for."""

    base: np.datetime64
    """The time of the analysis, or from which the forecast starts."""
    step: int
    """Hours after it; 0 for values at an instant."""
    levtype: str
    """`pl`, `ml` or `sfc`."""
    parameters: tuple[str, ...]
    levels: tuple[int, ...]


def mars_lines(needed: Requirements, initial_times: Sequence[np.datetime64]) -> list[str]:
    """Requests to MARS for what the first call of the model and perturbations read; what they leave out are comments.

    Values over periods come from the forecasts that begin with the period, other ones from the analysis.

    Args:
        needed: what the checkpoint must be fed with.
        initial_times: the initial times of the forecasts.
    """
    grid, lines = _grid_keys(needed.grid), []
    for fields in _all_fields(needed.read, initial_times, archive=True):
        kind = {"type": "fc", "step": str(fields.step)} if fields.step else {"type": "an"}
        date, _, hour = str(fields.base.astype("datetime64[h]")).partition("T")
        stream = "scda" if fields.step and hour in SHORT_CUT_OFF else "oper"
        keys = {"class": "od", "stream": stream, "expver": "1", **kind, "date": date, "time": f"{hour}:00:00"}
        keys |= {"levtype": fields.levtype, "param": "/".join(fields.parameters)}
        keys |= {"levelist": "/".join(map(str, fields.levels))} if fields.levels else {}
        keys |= {**grid, "target": f'"{fields.levtype}-{date}T{hour}{f"-{fields.step}h" if fields.step else ""}.grib"'}
        lines += ["retrieve,", *(f"    {key:<8} = {value}," for key, value in keys.items())]
        lines[-1] = lines[-1].removesuffix(",")
    return lines + [f"# {note}" for note in _notes(needed, bool(grid))]


def open_data_requests(needed: Requirements, initial_times: Sequence[np.datetime64]) -> dict[str, Any]:
    """Requests that `ecmwf.opendata.Client().retrieve(**request)` takes, as `mars_lines`; the analysis is step 0.

    Returns:
        `requests`; `absent`, the variables that the open data do not have; `notes` for people.
    """
    absent = [one.variable.name for one in needed.read if not _is_open(one.variable)]
    there = [one for one in needed.read if _is_open(one.variable)]
    requests = []
    for fields in _all_fields(there, initial_times, archive=False):
        date, _, hour = str(fields.base.astype("datetime64[h]")).partition("T")
        request = {"type": "fc", "date": date, "time": int(hour), "step": fields.step, "levtype": fields.levtype}
        request |= {"param": list(fields.parameters)} | ({"levelist": list(fields.levels)} if fields.levels else {})
        requests.append(request | {"target": f"{fields.levtype}-{date}T{hour}-{fields.step}h.grib2"})
    return {"requests": requests, "absent": absent, "notes": list(_notes(needed, _is_quarter(needed.grid)))}


def _all_fields(
    read: Sequence[RequiredVariable], initial_times: Sequence[np.datetime64], *, archive: bool
) -> Iterator[_Fields]:
    """The fields that are read at some initial times, in as few requests as have the same parameters at all levels."""
    levels: dict[tuple[np.datetime64, int, str], dict[str, set[int]]] = {}
    for one in read:
        step, name = _step(one.variable), _parameter(one.variable, archive=archive)
        for valid in {time + offset for time in initial_times for offset in one.offsets}:
            key = (valid - np.timedelta64(step, "h"), step, _levtype(one.variable))
            own = levels.setdefault(key, {}).setdefault(name, set())
            own |= set() if key[2] == "sfc" else {_level(one.variable)}
    for (base, step, levtype), parameters in sorted(levels.items()):
        alike: dict[tuple[int, ...], list[str]] = {}
        for name, own in parameters.items():
            alike.setdefault(tuple(sorted(own, reverse=True)), []).append(name)
        for own_levels, names in alike.items():
            yield _Fields(base, step, levtype, tuple(names), own_levels)


def _parameter(variable: Variable, *, archive: bool) -> str:
    """The number of the parameter where it is known and the archive is asked, else its short name."""
    keys = dict(part.partition("=")[::2] for part in variable.grib.split(","))
    if archive and "paramId" in keys:
        return keys["paramId"]
    return SHORT_NAMES.get(variable.param.lower(), variable.param)


def _levtype(variable: Variable) -> str:
    if variable.level is None:
        return "sfc"
    if variable.level_type == "hybrid":
        return "ml"
    return "pl" if variable.level_type == "isobaric" or variable.level_units in ("hPa", "Pa", "mbar", "") else "sfc"


def _level(variable: Variable) -> int:
    """The level as ECMWF numbers it, in hPa on pressure levels."""
    level = variable.level or 0.0
    return round(level / 100 if variable.level_units == "Pa" else level)


def _step(variable: Variable) -> int:
    """The hours from the beginning of the period of the values; 0 for values at an instant."""
    if variable.step_type in ("", "instant") or not variable.period:
        return 0
    return int(parse_duration(variable.period.split()[0]) / np.timedelta64(3600, "s"))


def _is_open(variable: Variable) -> bool:
    levtype = _levtype(variable)
    known = OPEN_PARAMETERS.get(levtype, frozenset())
    return _parameter(variable, archive=False) in known and (levtype == "sfc" or _level(variable) in OPEN_LEVELS)


def _grid_keys(grid: Grid) -> dict[str, str]:
    """The keys that make MARS interpolate to the grid; none of a grid that it does not know."""
    if len(grid.shape) == 2 and grid.is_regular:
        _, columns = grid.shape
        latitudes, longitudes = grid.latitudes[::columns], grid.longitudes[:columns]
        steps = [np.abs(np.diff(axis)) for axis in (latitudes, np.unwrap(longitudes, period=360))]
        if any(len(step) == 0 or np.ptp(step) > ALIKE for step in steps):
            return {}
        south, north = sorted((latitudes[0], latitudes[-1]))
        keys = {"grid": f"{steps[1][0]:g}/{steps[0][0]:g}"}
        ends = f"{north:g}/{longitudes[0]:g}/{south:g}/{longitudes[0] + steps[1][0] * (columns - 1):g}"
        return keys | ({} if grid.is_global and abs(north) == 90 else {"area": ends})
    parallels, counts = np.unique(grid.latitudes, return_counts=True)
    half = parallels.size // 2
    gaussian, _ = gauss_legendre(parallels.size)
    if parallels.size < 4 or parallels.size % 2 or not np.allclose(np.sort(gaussian), parallels, atol=ALIKE):
        return {}
    octahedral = 20 + 4 * np.arange(half)
    return {"grid": f"{'O' if np.array_equal(counts[:half], octahedral) else 'N'}{half}"}


def _is_quarter(grid: Grid) -> bool:
    """Whether a grid is that of the open data."""
    return _grid_keys(grid) == {"grid": "0.25/0.25"}


def _notes(needed: Requirements, is_on_grid: bool) -> Iterator[str]:
    """What a request cannot say."""
    if not is_on_grid:
        yield f"interpolate what comes to the {len(needed.grid):,} nodes of the model (regrid)"
    if needed.of_role("forcing") and needed.shift is not None:
        names = ", ".join(one.variable.name for one in needed.of_role("forcing"))
        yield f"{names} are read again up to the lead time, or see forecast.inputs.missing_forcings"
    if needed.of_role("computed"):
        yield f"computed, not read: {', '.join(one.variable.name for one in needed.of_role('computed'))}"
    for one in needed.perturbations:
        if one.source:
            times = ", ".join(map(format_offset, one.states))
            yield f"the perturbation {one.plugin} reads states at {times} from its own source `{one.source}`"
