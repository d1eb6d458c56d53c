"""GRIB files as blocks: sorts the messages by parameter, level, member and time, and reads their values."""

__all__ = ["forecast_times", "read_messages"]

import re
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from operator import itemgetter
from typing import Any

import cfgrib
import numpy as np
from numpy.typing import NDArray
from wxml import Variable
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.block import HEIGHT, Block, FileContent, Period, Selection
from wxml_dataset_sources.xarray_reading.coordinates import flatten, pressure_in_hpa
from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.grib_fields import fields
from wxml_dataset_sources.xarray_reading.grib_index import HeaderRows, kept_rows
from wxml_dataset_sources.xarray_reading.grib_messages import GRIB_DAMAGES, MessageReader, message_grid
from wxml_dataset_sources.xarray_reading.grib_sections import check_sections
from wxml_dataset_sources.xarray_reading.opening import damaged, in_file
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed, without_repeat

PARAMETER_KEYS = ("discipline", "parameterCategory", "parameterNumber", "table2Version", "indicatorOfParameter")
"""The numbers that a message has of its parameter, whether ecCodes knows a name for them or not."""
KEYS = (
    "cfVarName",
    "shortName",
    "paramId",
    "typeOfLevel",
    "stepType",
    "units",
    "md5GridSection",
    "level:float",
    "topLevel",
    "bottomLevel",
    "number",
    "valid_time",
    "stepRange",
    "dataType",
    "derivedForecast",
    "percentileValue",
    "probabilityType",
    "edition",
    *PARAMETER_KEYS,
)
FORECAST_KEYS = ("time", "step")
"""The start and the lead time of a forecast, by which messages are chosen."""
OF_ONE_MESSAGE = ("number", "valid_time", "level:float", "stepRange", "topLevel", "bottomLevel")
"""The keys among these that differ between the messages of one block."""
ENSEMBLE_PRODUCTS = {
    "em": "ensemble mean",
    "es": "ensemble deviation",
    "taem": "ensemble mean",
    "taes": "ensemble deviation",
}
"""What is made from all members, by `dataType`; none of them is a member."""
DERIVED = {0: "ensemble mean", 1: "weighted ensemble mean", 2: "ensemble deviation", 4: "ensemble spread"}
"""The same by `derivedForecast` (code table 4.7 of GRIB 2)."""
UNNAMED = ("unknown", "undef", "~")
ALWAYS_NUMBERED = ("isobaric", "hybrid", "sigma", "eta", "theta", "generalVertical")
"""Types of level whose number is always part of the variable's name; for others, only if there are several levels."""
LEVEL_UNITS = {
    "isobaricInhPa": "hPa",
    "isobaricInPa": "hPa",
    "isobaricLayer": "hPa",
    "heightAboveGround": "m",
    "heightAboveSea": "m",
    "depthBelowSea": "m",
    "hybrid": "1",
    "theta": "K",
}
"""The units of the level's number by its type, where that fixes them; those in Pa are converted to hPa."""

STEP_RANGE = re.compile(r"(?P<start>\d+)(?P<start_unit>[smhD]?)(?:-(?P<end>\d+)(?P<end_unit>[smhD]?))?")
STEP_SECONDS = {"s": 1, "m": 60, "": 3600, "h": 3600, "D": 86400}


@dataclass(frozen=True, slots=True)
class _Kind:
    """The header values that all messages of one block have in common."""

    parameter: str
    grib: str
    """As `Variable.grib` has it."""
    type_of_level: str
    step_type: str
    units: str
    grid: str
    is_static: bool
    has_number: bool
    product: str
    """The product of an ensemble, such as its mean; empty for a forecast or an analysis."""
    edition: int
    unnamed: str
    """The numbers of a parameter that ecCodes has no name for; empty for others."""

    @property
    def level_type(self) -> str:
        """As `Variable.level_type` has it."""
        return "isobaric" if self.type_of_level.startswith("isobaricIn") else self.type_of_level

    def quantity(self, name: str) -> Variable:
        """What the messages say of their parameter, which we call `name`, at any level."""
        units = LEVEL_UNITS.get(self.type_of_level, "")
        return Variable(name, units=self.units, level_units=units, level_type=self.level_type, grib=self.grib)

    @property
    def origin(self) -> str:
        """The parameter, the type of level and the step type, for messages."""
        more = (self.product, "of a member" if self.has_number else "")
        return f"`{self.parameter}` ({', '.join(filter(None, (self.type_of_level, self.step_type, *more)))})"


@dataclass(frozen=True, slots=True)
class _Entry:
    """The place of one message in the file, and its level, member and time."""

    offset: tuple[int, int]  # bytes, and the field within a message that holds several
    level: float
    member: int
    time: int  # seconds since 1970
    length: int | None  # seconds of the period that ends at `time`; None if the message does not say it
    layer: str = ""  # both ends of a layer, as in `0-10`; empty for a single level


def read_messages(file: DataFile, selection: Selection, grids: dict[Hashable, Placed]) -> FileContent:
    """The blocks of a GRIB file; this reads headers, and no values.

    Args:
        file: the file.
        selection: the variables, levels and messages that the user wants.
        grids: the grids of other files, by the hash of their grid section; the grids of this file are added.

    Raises:
        DataError: the file is damaged, holds a field twice, or has a grid without latitudes and longitudes.
    """
    with in_file(file.path), damage_errors(partial(damaged, file.path, "grib"), GRIB_DAMAGES):
        kinds, refused = _sorted_by_kind(file.path, selection.grib_keys)
        called = {kind: selection.name(file.path, kind.parameter) for kind in kinds}
        wanted = {kind: name for kind, name in called.items() if selection.wants(name)}
        named = {kind: _asked_for(_Named.of(kind, name, kinds[kind]), selection) for kind, name in wanted.items()}
        blocks = tuple(_block(file, kind, part, grids) for kind, part in named.items() if part.entries)
    names = frozenset(kind.parameter for kind in kinds)
    return FileContent(file.path, blocks, names, frozenset(called.values()), refused, bool(kinds))


def forecast_times(path: str) -> tuple[NDArray[np.datetime64], NDArray[np.timedelta64]]:
    """The initial times and the lead times of the messages of a file, both rising.

    Raises:
        DataError: the file is damaged, or no message has both.
    """
    with in_file(path), damage_errors(partial(damaged, path, "grib"), GRIB_DAMAGES):
        found = kept_rows(path, [*KEYS, *FORECAST_KEYS], partial(_read_headers, path))
    starts, steps = ([one for one in found.values(key) if one != "undef"] for key in FORECAST_KEYS)
    if not starts or not steps:
        raise DataError(f"no message of `{path}` has an initial time and a lead time", fix="name a forecast")
    seconds = np.round(np.array(steps, np.float64) * 3600).astype("timedelta64[s]")
    return np.unique(np.array(starts, np.int64).astype("datetime64[s]")), np.unique(seconds)


@dataclass(frozen=True, slots=True)
class _Named:
    """The messages of one kind, and the variables that they are."""

    entries: Sequence[_Entry]
    variables: Mapping[float, Variable]
    """By the number of the level."""
    is_numbered: bool
    """Whether the level is part of the name."""

    @classmethod
    def of(cls, kind: _Kind, name: str, entries: Sequence[_Entry]) -> "_Named":
        """Name the messages `entries` of one kind; `name` is our name of the parameter."""
        levels = sorted({entry.level for entry in entries})
        is_numbered = len(levels) > 1 or kind.type_of_level.startswith(ALWAYS_NUMBERED)
        units = "Pa" if kind.type_of_level == "isobaricInPa" else ""
        numbers = pressure_in_hpa(levels, units) if is_numbered else None
        variables = flatten(kind.quantity(name), numbers)
        return cls(entries, dict(zip(levels, variables, strict=True)), is_numbered)


def _asked_for(named: _Named, selection: Selection) -> _Named:
    """The messages of the variables that are asked for, if others need not be judged."""
    if selection.asked is None:
        return named
    kept = {level: variable for level, variable in named.variables.items() if selection.keeps(variable)}
    return _Named([entry for entry in named.entries if entry.level in kept], kept, named.is_numbered)


def _block(file: DataFile, kind: _Kind, named: _Named, grids: dict[Hashable, Placed]) -> Block:
    """The block of messages of one kind."""
    entries, levels = named.entries, list(named.variables)
    times = sorted({entry.time for entry in entries})
    members = sorted({entry.member for entry in entries})
    layers = _layers(kind, entries)
    places = _places(kind, entries, (times, members, levels))
    if kind.grid not in grids:
        grids[kind.grid] = message_grid(file.path, entries[0].offset)
    placed = grids[kind.grid]
    block = Block(
        path=file.path,
        origin=kind.origin,
        variables=tuple(named.variables.values()),
        levels=np.arange(len(levels)),
        times=None if kind.is_static else np.array(times, "datetime64[s]"),
        member_numbers=tuple(map(str, members)) if kind.has_number else None,
        grid=placed.grid,
        reader=MessageReader(file, places, placed.nodes),
        period=_period(kind, entries),
        stated=_stated(kind, "" if named.is_numbered else layers[levels[0]]),
    )
    return without_repeat(block, placed.columns)


def _places(kind: _Kind, entries: Sequence[_Entry], axes: tuple[Sequence[Any], ...]) -> NDArray[np.int64]:
    """The place of each message, shape `[time, member, level, 2]`; raise a DataError for two of them for one value."""
    places = np.full((*map(len, axes), 2), -1, np.int64)
    where = tuple({value: position for position, value in enumerate(axis)} for axis in axes)
    for entry in entries:
        slot = where[0][entry.time], where[1][entry.member], where[2][entry.level]
        if places[slot][0] >= 0:
            time = "" if kind.is_static else f" for {np.datetime64(entry.time, 's')}"
            where_both = f"in the messages at byte {places[slot][0]} and {entry.offset[0]}"
            raise DataError(
                f"{kind.origin} at level {entry.level:g} is there twice{time}: {where_both}",
                fix="choose one with `lead_time`, `initial_time` or `grib_filter` (by stepRange), or leave it out with "
                "`variables`",
            )
        places[slot] = entry.offset
    return places


def _layer(top: Any, bottom: Any) -> str:
    """Both ends of the layer of a message, as in `0-10`; empty for a single level."""
    return "" if top == bottom or "undef" in (top, bottom) else f"{top}-{bottom}"


def _layers(kind: _Kind, entries: Sequence[_Entry]) -> dict[float, str]:
    """Each level with its layer as text; raise a DataError for two layers that begin at one level."""
    found: dict[float, str] = {}
    for entry in entries:
        text = entry.layer or f"{entry.level:g}"
        if found.setdefault(entry.level, text) != text:
            raise DataError(
                f"{kind.origin} holds the layers {found[entry.level]} and {text}, which have one number as levels",
                fix="choose one with `grib_filter` (by bottomLevel and topLevel), or leave it out with `variables`",
            )
    return found


def _stated(kind: _Kind, layer: str) -> dict[str, str]:
    """The type of level, with `layer` if it is no part of the name; and the numbers of an unnamed parameter.

    The two editions of GRIB call one level by different names, so that types are compared within an edition.
    """
    stated = {f"the level in GRIB {kind.edition}": f"{kind.level_type} {layer}".strip()}
    if kind.level_type == "heightAboveGround" and layer:
        stated[HEIGHT] = f"{layer} m"
    return stated | ({"the parameter numbers": kind.unnamed} if kind.unnamed else {})


def _grib_keys(header: Mapping[str, Any]) -> str:
    """The keys that write this parameter again: that of ecCodes, or the numbers of one that it does not know."""
    if header["paramId"] not in ("undef", 0):
        return f"paramId={header['paramId']}"
    return ",".join(f"{key}={header[key]}" for key in PARAMETER_KEYS if header[key] != "undef")


def _unnamed(header: Mapping[str, Any]) -> str:
    """The numbers of a parameter, as in `discipline 0, parameterCategory 191, parameterNumber 200`."""
    return ", ".join(f"{key} {header[key]}" for key in PARAMETER_KEYS if header[key] != "undef")


def _period(kind: _Kind, entries: Sequence[_Entry]) -> Period:
    """The period of each value: its step type, and the lengths and starts if it is no instant."""
    if kind.is_static or kind.step_type == "instant":
        return Period("" if kind.is_static else ", ".join(filter(None, ("instant", kind.product))))
    known = [(entry.length, entry.time) for entry in entries if entry.length is not None]
    lengths, starts = (length for length, _ in known), (time - length for length, time in known)
    return Period(", ".join(filter(None, (kind.step_type, kind.product))), frozenset(lengths), frozenset(starts))


def _product(header: Mapping[str, Any]) -> str:
    """The product of an ensemble that a message holds; empty for a member, a single forecast or an analysis."""
    if header["derivedForecast"] != "undef":
        number = header["derivedForecast"]
        return DERIVED.get(number, f"derivedForecast {number}")
    if header["percentileValue"] != "undef":
        return f"percentile {header['percentileValue']}"
    if header["probabilityType"] != "undef":
        return f"probabilityType {header['probabilityType']}"
    return ENSEMBLE_PRODUCTS.get(header["dataType"], "")


@cache
def _period_length(step_range: object) -> int | None:
    """The seconds between both ends of a step range.

    >>> _period_length("0-6"), _period_length("15m-45m"), _period_length(6)
    (21600, 1800, 0)
    """
    match = STEP_RANGE.fullmatch(str(step_range))
    if match is None:
        return None
    start = int(match["start"]) * STEP_SECONDS[match["start_unit"]]
    return 0 if match["end"] is None else int(match["end"]) * STEP_SECONDS[match["end_unit"]] - start


def _sorted_by_kind(path: str, chosen: Mapping[str, str | int | float]) -> tuple[dict[_Kind, list[_Entry]], str]:
    """All messages that pass the filter, by kind, in the order of the file; and `FileContent.refused`."""
    found = kept_rows(path, dict.fromkeys([*KEYS, *FORECAST_KEYS, *chosen]), partial(_read_headers, path))
    kinds: dict[_Kind, list[_Entry]] = {}
    known: dict[tuple[Any, ...], _Kind] = {}
    alike = itemgetter(*(found.keys.index(key) for key in KEYS if key not in OF_ONE_MESSAGE))
    own = itemgetter(*(found.keys.index(key) for key in OF_ONE_MESSAGE))
    for values, places in found.passing(chosen).rows:
        number, time, level, step_range, top, bottom = own(values)
        same = (alike(values), time == "undef", number == "undef")
        if same not in known:
            known[same] = _kind(dict(zip(found.keys, values, strict=True)))
        member, time, level = (0 if value == "undef" else value for value in (number, time, level))
        length, layer = _period_length(step_range), _layer(top, bottom)
        entries = kinds.setdefault(known[same], [])
        entries += [_Entry(place, float(level), int(member), int(time), length, layer) for place in places]
    there = "; ".join(f"{key} is one of {found.values(key)[:20]}" for key in chosen)
    return kinds, "" if kinds else there


def _kind(header: Mapping[str, Any]) -> _Kind:
    """What a message has in common with the others of its block."""
    name = next((header[key] for key in ("cfVarName", "shortName") if header[key] not in UNNAMED), "unknown")
    return _Kind(
        parameter=name,
        grib=_grib_keys(header),
        type_of_level=header["typeOfLevel"],
        step_type=header["stepType"],
        units=header["units"],
        grid=header["md5GridSection"],
        is_static=header["valid_time"] == "undef",
        has_number=header["number"] != "undef" and not _product(header),
        product=_product(header),
        edition=header["edition"],
        unnamed=_unnamed(header) if name == "unknown" else "",
    )


def _read_headers(path: str, keys: Sequence[str]) -> HeaderRows:
    """The headers of all messages of a file, whose sections are checked first."""
    check_sections(path)
    index = cfgrib.FieldsetIndex.from_fieldset_and_iteritems([], fields(path), list(keys), cfgrib.COMPUTED_KEYS)
    return HeaderRows(tuple(keys), list(index.iter_index()))
