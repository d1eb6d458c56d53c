"""Reads forecasts in GRIB: the headers of all messages at once, their values one initial time after the other."""

__all__ = ["stored_forecast"]

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import eccodes
import numpy as np
from numpy.typing import NDArray
from wxml import ForecastHeader, Grid, StoredForecast, Variable
from wxml.data.units import Line
from wxml.errors import ArtefactError, DataError
from wxml.files.failures import damage_errors
from wxml.forecasting.layout import SPREAD, MemberNumbers, provenance_from_text

from wxml_grib_writer.grids import TOLERANCE
from wxml_grib_writer.handles import loaded, set_keys
from wxml_grib_writer.local_section import OTHER_DATA, first_record
from wxml_grib_writer.parameters import UNITS
from wxml_grib_writer.record import Announced, announced
from wxml_grib_writer.templates import SPREAD_OF_ALL, signature_of
from wxml_grib_writer.times import CLOCK

MISSING = 3.0e38
"""What ecCodes gives for a value whose bit of the bitmap is off; no field of float32 holds it."""
PLACES: dict[tuple[int, ...], str] = {(0, 191, 1): "latitudes", (0, 191, 2): "longitudes"}
"""The parameters of the places of nodes."""
NUMBERED = ("isobaric", "hybrid", "heightAboveGround", "theta", "depthBelowSea")
"""The types of level whose number is part of a variable's name, where the file itself does not name it."""
Key = tuple[int, int, int, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class _Message:
    """Where a message begins, how long it is, and what it holds."""

    place: int
    length: int
    initial: int
    """Seconds since 1970."""
    lead: int
    """Seconds from the initial time to the end of the period."""
    member: int
    signature: tuple[int, ...]


def stored_forecast(path: Path) -> StoredForecast:
    """Open a file of forecasts in GRIB.

    Raises:
        DataError: there is no such file, it is damaged, or its messages are no forecasts on one grid.
    """
    try:
        record = first_record(str(path))
    except ArtefactError as error:
        raise DataError(error.message, fix=error.fix) from error
    with damage_errors(partial(_damaged, path), (eccodes.CodesInternalError, OSError, ValueError)):
        file = _File.of(path)
        known = file.announced() if record is None else announced(record, len(file.grid), str(path))
    text = None if record is None else record["provenance"]
    header = ForecastHeader(
        file.grid,
        tuple(variable for variable, _ in known.variables.values()),
        known.initial_times,
        known.lead_times,
        len(known.numbers),
        {} if text is None else provenance_from_text(str(path), text),
        known.boundary,
        numbering=_numbering(known),
    )
    return StoredForecast(header, partial(file.read, known), has_areas=file.has_areas)


@dataclass(frozen=True, slots=True, eq=False)
class _File:
    """A file whose headers have been read."""

    path: Path
    grid: Grid
    messages: dict[Key, _Message]
    """By initial time, lead time, member and signature."""
    described: dict[tuple[int, ...], Variable]
    """What the messages say of their parameter, by signature."""
    has_areas: bool

    @classmethod
    def of(cls, path: Path) -> "_File":
        """Read all headers.

        Raises:
            DataError: there is none, a field is there twice, or they have several grids.
        """
        messages: dict[Key, _Message] = {}
        described: dict[tuple[int, ...], Variable] = {}
        grids: dict[str, bytes] = {}
        places: dict[str, NDArray[np.float64]] = {}
        for place, message in _messages(path):
            with loaded(message) as handle:
                found = _described(handle, place, len(message))
                of_nodes = PLACES.get(found.signature[:3])
                if of_nodes is not None:
                    places[of_nodes] = np.asarray(eccodes.codes_get_values(handle))
                    continue
                grids.setdefault(str(eccodes.codes_get(handle, "md5GridSection")), message)
                if found.signature not in described:
                    described[found.signature] = _variable(handle)
            key = (found.initial, found.lead, found.member, found.signature)
            if key in messages:
                name = described[found.signature].name
                raise DataError(f"`{path}` holds `{name}` twice for one time and member", fix="take one of both out")
            messages[key] = found
        if len(grids) != 1:
            raise DataError(f"`{path}` has {len(grids)} grids, and a forecast has one", fix=OTHER_DATA)
        grid, has_areas = _grid(next(iter(grids.values())), places)
        return cls(path, grid, messages, described, has_areas)

    def announced(self) -> Announced:
        """The variables and the times of the messages that are there, for a file without a record."""
        initial, lead, member, _ = (sorted(set(column)) for column in zip(*self.messages, strict=True))
        if lead[0] <= 0:
            raise DataError(f"`{self.path}` holds analyses, which have no lead time", fix=OTHER_DATA)
        names = [one.name for one in self.described.values()]
        if len(set(names)) < len(names):
            raise DataError(f"several parameters of `{self.path}` have one name: {sorted(names)}", fix=OTHER_DATA)
        times, leads = np.array(initial, "datetime64[s]"), np.array(lead, "timedelta64[s]")
        variables = {signature: (one, Line(1.0, 0.0)) for signature, one in self.described.items()}
        return Announced(variables, times, leads, tuple(range(max(member) + 1)), None)

    def read(self, known: Announced, case: int, name: str) -> NDArray[np.float32]:
        """The values of one initial time and variable, `[lead_time, member, node]`; NaN where no message has one."""
        signature, line = next((key, line) for key, (one, line) in known.variables.items() if one.name == name)
        initial = int(known.initial_times[case].astype(np.int64))
        out = np.full((len(known.lead_times), len(known.numbers), len(self.grid)), np.nan, np.float32)
        with damage_errors(partial(_damaged, self.path), (eccodes.CodesInternalError, OSError, ValueError)):
            for number, lead in enumerate(known.lead_times.astype(np.int64).tolist()):
                for place, member in enumerate(known.numbers):
                    found = self.messages.get((initial, lead, member, signature))
                    if found is not None:
                        out[number, place] = (self._values(found) - line.offset) / line.scale
        return out

    def _values(self, message: _Message) -> NDArray[np.float64]:
        """The values of a message in its own units, NaN where one is missing."""
        with open(self.path, "rb") as file:
            file.seek(message.place)
            content = file.read(message.length)
        with loaded(content) as handle:
            set_keys(handle, {"missingValue": MISSING})
            values = np.array(eccodes.codes_get_values(handle), np.float64)
        values[values == MISSING] = np.nan
        return values


def _numbering(known: Announced) -> MemberNumbers | None:
    """The numbers of members that are not 0, 1, 2 and so on."""
    numbers = known.numbers
    return None if numbers == tuple(range(len(numbers))) else MemberNumbers(numbers, max(numbers) + 1)


def _messages(path: Path) -> Iterator[tuple[int, bytes]]:
    """The place and the bytes of every message of a file, whatever the switch of ecCodes for several fields says."""
    with open(path, "rb") as file:
        while True:
            handle = eccodes.codes_any_new_from_file(file)
            if handle is None:
                return
            try:
                yield int(eccodes.codes_get_message_offset(handle)), bytes(eccodes.codes_get_message(handle))
            finally:
                eccodes.codes_release(handle)


def _described(handle: int, place: int, length: int) -> _Message:
    """What the header of a message says."""
    if int(eccodes.codes_get(handle, "edition")) != 2:
        raise DataError("a message is GRIB 1", fix=OTHER_DATA)
    has_member = eccodes.codes_is_defined(handle, "perturbationNumber")
    member = int(eccodes.codes_get(handle, "perturbationNumber")) if has_member else 0
    year, month, day, hour, minute, second = (int(eccodes.codes_get(handle, key)) for key in CLOCK)
    initial = np.datetime64(f"{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}", "s").astype(np.int64)
    signature = signature_of(handle)
    set_keys(handle, {"stepUnits": "s"})
    return _Message(place, length, int(initial), int(eccodes.codes_get(handle, "endStep", int)), member, signature)


def _variable(handle: int) -> Variable:
    """A variable by what a message says of its parameter and level."""
    texts = {key: str(eccodes.codes_get(handle, key)) for key in ("shortName", "units", "typeOfLevel", "stepType")}
    kind = texts["typeOfLevel"].replace("isobaricInhPa", "isobaric").replace("isobaricInPa", "isobaric")
    is_numbered = kind in NUMBERED
    level = float(eccodes.codes_get(handle, "level", float)) if is_numbered else None
    if level is not None and texts["typeOfLevel"] == "isobaricInPa":
        level /= 100
    name = texts["shortName"] if level is None else f"{texts['shortName']}_{level:g}"
    is_spread = eccodes.codes_is_defined(handle, "derivedForecast") and _is_spread(handle)
    suffix = SPREAD if is_spread else ""
    return Variable(
        f"{name}{suffix}",
        param=f"{texts['shortName']}{suffix}",
        level=level,
        units=UNITS.get(texts["units"], texts["units"]),
        step_type=texts["stepType"],
        level_units="hPa" if kind == "isobaric" else "",
        level_type=kind,
        grib=f"paramId={eccodes.codes_get(handle, 'paramId')}",
    )


def _is_spread(handle: int) -> bool:
    return int(eccodes.codes_get(handle, "derivedForecast")) == SPREAD_OF_ALL


def _grid(message: bytes, places: dict[str, NDArray[np.float64]]) -> tuple[Grid, bool]:
    """The grid of a message, and whether it says which area each node stands for."""
    with loaded(message) as handle:
        kind = str(eccodes.codes_get(handle, "gridType"))
        if kind == "unstructured_grid":
            if places.keys() != set(PLACES.values()):
                raise DataError("the messages have nodes without places, and none with the places", fix=OTHER_DATA)
            return Grid.unstructured(places["latitudes"], places["longitudes"]), False
        latitudes, longitudes = (
            np.asarray(eccodes.codes_get_array(handle, key), np.float64) for key in ("latitudes", "longitudes")
        )
        grid = _known_grid(handle, kind, latitudes, longitudes)
    return (Grid.unstructured(latitudes, longitudes), False) if grid is None else (grid, True)


def _known_grid(handle: int, kind: str, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> Grid | None:
    """The grid of a message, with areas; None where its rows or columns run in an order that no grid of ours has."""
    if kind == "healpix":
        is_ring = str(eccodes.codes_get(handle, "orderingConvention")) == "ring"
        return Grid.healpix(int(eccodes.codes_get(handle, "Nside"))) if is_ring else None
    if kind == "reduced_gg":
        grid = Grid.reduced_gaussian([int(length) for length in eccodes.codes_get_array(handle, "pl")])
        is_whole = len(grid) == len(latitudes) and np.allclose(grid.latitudes, latitudes, atol=TOLERANCE)
        return grid if is_whole else None
    if any(int(eccodes.codes_get(handle, key)) for key in ("jPointsAreConsecutive", "alternativeRowScanning")):
        return None
    shape = int(eccodes.codes_get(handle, "Nj")), int(eccodes.codes_get(handle, "Ni"))
    if kind in ("regular_ll", "regular_gg"):
        return Grid.regular(latitudes.reshape(shape)[:, 0], longitudes.reshape(shape)[0])
    return Grid.curvilinear(latitudes.reshape(shape), longitudes.reshape(shape))


def _damaged(path: Path, error: Exception) -> DataError:
    text = " ".join(str(error).split())
    return DataError(f"`{path}` cannot be read as a forecast: {text[:300]}", fix=OTHER_DATA)
