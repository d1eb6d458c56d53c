"""A block, which is one parameter in one file, and the user's selection of variables and levels."""

__all__ = ["Block", "FileContent", "Period", "Reader", "Selection", "Stamp"]

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, Variable
from wxml.data.times import format_time
from wxml.data.units import Line

from wxml_dataset_sources.xarray_reading.absent_values import AbsentChunkError
from wxml_dataset_sources.xarray_reading.forecast_choice import ForecastChoice
from wxml_dataset_sources.xarray_reading.missing_places import Unplaced
from wxml_dataset_sources.xarray_reading.place import Place

Stamp = Literal["end", "middle", "start", "unstated"]
EVERY_FORECAST = ForecastChoice()
STANDARD_NAME, HEIGHT = "the standard name", "the height"
"""Keys of `Block.stated`."""


class Reader(Protocol):
    """Reads the values of one parameter from one file; small, and safe to pickle."""

    @property
    def together(self) -> tuple[int, int, int]:
        """The times, members and levels that it pays to read at once, because they lie in one chunk of the file."""

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at some times, members and levels of the file, `[time, member, level, node]`, NaN where missing.

        Args:
            times: positions on the file's time axis, rising and each once; `[0]` for a parameter without times.
            members: positions on the file's axis of members, each once; `[0]` for a parameter without members.
            levels: positions on the file's level axis, rising and each once; `[0]` for a parameter without levels.

        Raises:
            DataError: the file is damaged.
        """


@dataclass(frozen=True, slots=True)
class Period:
    """The part of time that each value of a block describes."""

    step_type: str = ""
    """As in GRIB (instant, accum, avg …), then the product of an ensemble; empty if the file does not say it."""
    lengths: frozenset[int] = frozenset()
    """The lengths of all periods in seconds; empty if the file does not say them."""
    starts: frozenset[int] = frozenset()
    """The starts of all periods, in seconds since 1970."""
    stamp: Stamp = "end"
    """Where the time of a value stands in its period; `unstated` if the file has periods and does not say what the
    values are."""


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One parameter in one file, at all its levels and times."""

    path: str
    origin: str
    """The parameter's name in the file, for messages."""
    variables: tuple[Variable, ...]
    """One per level."""
    levels: NDArray[np.intp]
    """The positions of these levels in the file, shape `[level]`."""
    times: NDArray[np.datetime64] | None
    """The instants, `datetime64[s]`, in the order of the file; None for a field that does not change."""
    member_numbers: tuple[str, ...] | None
    """The number or name of each member, in the order of the file; None for a field that holds for all members."""
    grid: Grid
    reader: Reader
    period: Period = Period()
    stated: Mapping[str, str] = field(default_factory=dict)
    """What the file states of the parameter that is no part of its name, such as {HEIGHT: "2 m"}."""
    order: NDArray[np.intp] | None = None
    """The position in the file of each node of the source; None if the orders are the same."""
    member_order: NDArray[np.intp] | None = None
    """The position in the file of each member of the source; None if the orders are the same."""
    lines: tuple[Line, ...] | None = None
    """What brings the values of each variable in the file to its units; None if none needs it."""

    @property
    def members(self) -> int:
        """The number of members; 1 for a field that holds for all members."""
        return 1 if self.member_numbers is None else len(self.member_numbers)

    @property
    def place(self) -> str:
        """The name in the file, and the file, for messages."""
        return f"{self.origin} in `{self.path}`"

    @property
    def size(self) -> int:
        """The bytes of all its values as float32."""
        times = 1 if self.times is None else len(self.times)
        return 4 * times * self.members * len(self.variables) * len(self.grid)

    @property
    def together(self) -> tuple[int, int, int]:
        """The times, the members and the levels that it pays to read at once; see `Reader.together`."""
        return self.reader.together

    def select(self, keep: Callable[[Variable], bool]) -> "Block":
        """The block with some of its levels."""
        kept = [position for position, variable in enumerate(self.variables) if keep(variable)]
        return replace(self, variables=tuple(self.variables[i] for i in kept), levels=self.levels[kept])

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values at some of its times, members and levels, in the source's order: `[time, member, level, node]`.

        Args:
            times: positions in `Block.times`, rising and each once; `[0]` if `Block.times` is None.
            members: positions in the source's order, each once; `[0]` for a field that holds for all members.
            levels: positions in `variables`, rising and each once.
        """
        own = members if self.member_order is None else self.member_order[members]
        try:
            values = self.reader.read(times, own, self.levels[levels])
        except AbsentChunkError as error:
            when = "" if self.times is None else f" at {format_time(self.times[times[error.time]])}"
            raise error.at(when) from error
        return self._in_own_units(values if self.order is None else values[..., self.order], levels)

    def _in_own_units(self, values: NDArray[np.float32], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """Values of the file, `[time, member, level, node]`, in the units of the variables; computed in float64."""
        if self.lines is None:
            return values
        scales, offsets = np.array([self.lines[level] for level in levels]).T[:, :, None]
        return np.asarray(values * scales + offsets, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class FileContent:
    """The blocks and names of one file."""

    path: str
    blocks: tuple[Block, ...]
    names: frozenset[str]
    """Every name in the file that `rename` can change."""
    parameters: frozenset[str]
    """Our names of all variables that may be fields, with and without a block."""
    refused: str | None = None
    """For a GRIB file of which no message passes `grib_filter`: the values there; empty for other GRIB files."""
    has_forecast: bool = False
    """Whether it holds lead times, among which `lead_time` and `initial_time` choose."""
    unplaced: Unplaced | None = None
    """Why the variables that are named are on no grid in this file, if it has any of them and none is."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The variables and levels that the user wants, and their names."""

    variables: tuple[str, ...] | None
    """Names (`t_850`) or parameters (`t`); None for all."""
    levels: tuple[float, ...] | None
    rename: Mapping[str, str]
    """Name in a file, or `file:name`, to our name."""
    grib_filter: Mapping[str, str | int | float]
    forecast: ForecastChoice = EVERY_FORECAST
    time: np.datetime64 | None = None
    """The time of fields without any, if no field has times."""
    is_static: bool = False
    """Whether the fields may have times of their own beside `time`."""
    place: Place | None = None
    """Where series without latitude and longitude are."""
    asked: frozenset[str] | None = None
    """The variables that are read, where the user leaves the choice to what needs them; other fields are not judged."""

    @property
    def is_named(self) -> bool:
        """Whether some variables are named, so that a file without any of them is right."""
        return self.variables is not None or self.asked is not None

    @property
    def grib_keys(self) -> dict[str, str | int | float]:
        """What a GRIB message must have."""
        return dict(self.grib_filter) | self.forecast.grib_keys

    def name(self, path: str, found: str) -> str:
        """Our name for the name `found` in the file `path`."""
        return self.rename.get(f"{Path(path).name}:{found}", self.rename.get(found, found))

    def wants(self, parameter: str) -> bool:
        """Whether the user may want a level of `parameter`; this looks at the name alone."""
        names = self.asked if self.variables is None else self.variables
        return names is None or any(name == parameter or name.startswith(f"{parameter}_") for name in names)

    def keeps(self, variable: Variable) -> bool:
        """Whether the user wants `variable`, by its name and its level."""
        named = self.variables is None or not {variable.name, variable.param}.isdisjoint(self.variables)
        named = named and (self.asked is None or variable.name in self.asked)
        if variable.level is None or self.levels is None:
            return named
        return named and any(math.isclose(variable.level, wanted, rel_tol=1e-5) for wanted in self.levels)
