"""NetCDF files and zarr stores as blocks: finds the variables, and reads their values."""

__all__ = ["ArrayReader", "Layout", "read_arrays"]

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml import Variable
from wxml.data.read_request import run
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.absent_values import check_coordinates, check_read
from wxml_dataset_sources.xarray_reading.areas import StatedAreas, area_names
from wxml_dataset_sources.xarray_reading.block import HEIGHT, STANDARD_NAME, Block, FileContent, Selection
from wxml_dataset_sources.xarray_reading.bounds import StatedBounds
from wxml_dataset_sources.xarray_reading.cell_methods import period_of
from wxml_dataset_sources.xarray_reading.coordinates import (
    LATITUDE,
    LONGITUDE,
    Coordinates,
    find_coordinates,
    flatten,
    height,
    is_height,
    is_pascal,
    level_numbers,
    level_type,
    pressure_in_hpa,
)
from wxml_dataset_sources.xarray_reading.files import DataFile, Engine
from wxml_dataset_sources.xarray_reading.forecasts import (
    chosen_positions,
    is_own_weight,
    own_height,
    own_period,
    own_variable,
)
from wxml_dataset_sources.xarray_reading.instants import ValidTimes, valid_times
from wxml_dataset_sources.xarray_reading.missing_places import Unplaced, check_sizes, unknown_dimension, unplaced
from wxml_dataset_sources.xarray_reading.nodes import Nodes, node_of, place_nodes
from wxml_dataset_sources.xarray_reading.opening import TOO_LARGE, WRITE_AGAIN, damaged, in_file, opened, unreadable
from wxml_dataset_sources.xarray_reading.repeated_meridian import Placed, without_repeat
from wxml_dataset_sources.xarray_reading.true_places import check_dimensions, check_no_rotated_pole, place_of, surest
from wxml_dataset_sources.xarray_reading.validity import invalid, is_limited, limits, warn_of_zeros

UNWRITTEN = (
    9.9e36  # NetCDF fills what was never written with 9.97e36, often without saying so; nothing physical is near
)
READ_AT_ONCE = 2**20  # bytes of float32: looking for a field of a NetCDF file takes as long as reading so many


@dataclass(frozen=True, slots=True)
class Layout:
    """The dimensions of a variable by their meaning; every other dimension has length 1."""

    time: str | None
    member: str | None
    level: str | None
    nodes: tuple[str, ...]

    @property
    def order(self) -> tuple[str, ...]:
        """The dimensions in the order `(time, member, level, nodes)`, without those that are None."""
        return (*(dim for dim in (self.time, self.member, self.level) if dim), *self.nodes)


@dataclass(frozen=True, slots=True)
class ArrayReader:
    """One variable of a dataset; holds names only."""

    file: DataFile
    name: str
    layout: Layout
    fixed: Mapping[str, int] = field(default_factory=dict)
    """The position along each dimension that the choice of a forecast fixes."""
    together: tuple[int, int, int] = (1, 1, 1)
    """See `Reader.together`."""

    def read(self, times: NDArray[np.intp], members: NDArray[np.intp], levels: NDArray[np.intp]) -> NDArray[np.float32]:
        """See `Reader.read`."""
        with damage_errors(self._damaged):
            values = self._decoded((times, members, levels))
            self._check_chunks((times, members, levels), values)
        nodes = int(np.prod(values.shape[values.ndim - len(self.layout.nodes) :]))
        return values.reshape(len(times), len(members), len(levels), nodes)

    def _damaged(self, error: Exception) -> DataError:
        if isinstance(error, MemoryError):
            return DataError(
                f"`{self.name}` of `{self.file.path}` needs more memory than there is: {error}", fix=TOO_LARGE
            )
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        return DataError(
            f"`{self.name}` cannot be read from `{self.file.path}`: {reason}",
            fix="the file is damaged or cut short: fetch or write it again",
        )

    def _decoded(self, positions: tuple[NDArray[np.intp], ...]) -> NDArray[np.float32]:
        """The unpacked values, NaN where missing, in the dimensions of the layout."""
        variable = opened(self.file).variables[self.name]
        values = self._selected(variable, positions)
        with np.errstate(invalid="ignore", over="ignore"):  # an undeclared fill value may not fit into float32
            floats = np.array(values, np.float32)
            floats[np.abs(floats) > UNWRITTEN] = np.nan
        if is_limited(variable, self.file.engine):
            in_file = opened(self.file, as_stored=True).variables[self.name]
            stored = self._selected(in_file, positions)
            floats[invalid(stored, values, in_file.attrs, self.file.engine)] = np.nan
        return floats

    def _check_chunks(self, positions: tuple[NDArray[np.intp], ...], values: NDArray[np.float32]) -> None:
        """Raise an AbsentChunkError if a chunk of these values is not there, and they are not missing."""
        if self.file.engine != "zarr":
            return
        layout, variable = self.layout, opened(self.file).variables[self.name]
        read: dict[Hashable, NDArray[np.intp]] = {dim: np.arange(size) for dim, size in variable.sizes.items()}
        read |= {dim: np.array([self.fixed.get(str(dim), 0)]) for dim in variable.dims if dim not in layout.order}
        own = zip((layout.time, layout.member, layout.level), positions, strict=True)
        read |= {dim: some for dim, some in own if dim is not None}
        check_read(self.file, variable, self.name, read, layout.order, values, layout.time)

    def _selected(self, variable: xr.Variable, positions: tuple[NDArray[np.intp], ...]) -> NDArray[Any]:
        """The values of some times, members and levels, in the dimensions of the layout."""
        layout = self.layout
        wanted: dict[Hashable, int | slice | NDArray[np.intp]]
        wanted = {dim: self.fixed.get(str(dim), 0) for dim in variable.dims if dim not in layout.order}
        for dim, some in zip((layout.time, layout.member, layout.level), positions, strict=True):
            if dim is not None:  # a slice where positions follow each other: files read these at once
                wanted[dim] = run(some)
        chosen = variable.isel(wanted)
        values = np.asarray(chosen.values)  # xarray would transpose by the indices of each value
        return values.transpose([chosen.dims.index(dim) for dim in layout.order])


def read_arrays(
    file: DataFile, selection: Selection, grids: dict[Hashable, Placed], held: Mapping[str, int] = MappingProxyType({})
) -> FileContent:
    """The blocks of a NetCDF file or zarr store.

    Args:
        file: the file.
        selection: the variables and levels that the user wants.
        grids: the grids of other files, by their coordinates; the grids of this file are added.
        held: the position along each dimension of the file that the caller fixes.

    Raises:
        DataError: the file cannot be read, or its coordinates are not understood.
    """
    whole = opened(file)
    dataset = whole.isel(held, drop=True)
    names = frozenset(str(name) for name in (*whole.variables, *whole.dims))
    called = partial(selection.name, file.path)
    with in_file(file.path), damage_errors(partial(damaged, file.path, file.engine)):
        coordinates = find_coordinates(dataset, called)
        try:
            fixed = chosen_positions(dataset, coordinates, called, selection.forecast)
            if fixed:
                dataset = dataset.isel(fixed)
                coordinates = find_coordinates(dataset, called)
            every = {**held, **(fixed or {})}
            arrays = _ArrayFile(file, dataset, unreadable(file), coordinates, called, selection, grids, every)
            blocks = arrays.blocks()
        finally:
            check_coordinates(file, whole, coordinates.all)  # it explains what else seems wrong
    warn_of_zeros(file, dataset, [block.reader.name for block in blocks if isinstance(block.reader, ArrayReader)])
    parameters = frozenset(called(name) for name in arrays.fields())
    lacks = None if blocks else arrays.unplaced()
    return FileContent(file.path, blocks, names, parameters, has_forecast=fixed is not None, unplaced=lacks)


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """The levels of some variables: their dimension, and their numbers if these belong to the variables' names."""

    dim: str | None = None
    numbers: Sequence[float] | None = None
    units: str = ""
    """The units of `numbers`."""
    height: str = ""
    """The single height, if it is no part of the variables' names, as in `2 m`."""
    type: str = ""
    """As `Variable.level_type` has it."""

    def quantity(self, name: str, attributes: Mapping[str, Any]) -> Variable:
        """A variable at these levels as its attributes state it, those that cfgrib and MARS write among them."""
        said = str(attributes.get("GRIB_typeOfLevel", ""))
        return Variable(
            name,
            units=str(attributes.get("units", "")),
            level_units=self.units,
            level_type=self.type or ("isobaric" if said.startswith("isobaricIn") else said),
            grib=f"paramId={attributes['GRIB_paramId']}" if attributes.get("GRIB_paramId") else "",
        )


@dataclass(slots=True, eq=False)
class _ArrayFile:
    """A dataset whose variables are being made into blocks."""

    file: DataFile
    dataset: xr.Dataset
    unreadable: Mapping[str, str]
    """The variables whose values cannot be read, with the reasons."""
    coordinates: Coordinates
    called: Callable[[str], str]
    """Gives our name for a name in the file."""
    selection: Selection
    grids: dict[Hashable, Placed]
    fixed: Mapping[str, int]
    """The position along each dimension of the file that the choice of a forecast fixes; `dataset` is without them."""
    known_nodes: dict[tuple[str, str], Nodes] = field(default_factory=dict)
    known_times: dict[frozenset[str], ValidTimes] = field(default_factory=dict)

    def blocks(self) -> tuple[Block, ...]:
        """A block of every variable that has horizontal dimensions and may be wanted."""
        self._check_readable()
        found = [(name, self._nodes(name)) for name in self.fields() if self._is_wanted(name)]
        blocks = tuple(self._block(name, nodes) for name, nodes in found if nodes is not None)
        if blocks or self.selection.is_named:
            return blocks
        if self.unreadable:
            name, reason = next(iter(self.unreadable.items()))
            raise DataError(f"the variable `{name}` {reason}", fix=WRITE_AGAIN)
        what, fix = unplaced(self.dataset, self.coordinates, [name for name, _ in found])
        raise DataError(what, fix=fix)

    def unplaced(self) -> Unplaced | None:
        """Why none of the variables that are named is on a grid; None if the file has a grid, or none of them."""
        if self.coordinates.latitudes and self.coordinates.longitudes:
            return None
        found = [name for name in self.fields() if self._is_wanted(name)]
        return unplaced(self.dataset, self.coordinates, found) if found else None

    def _check_readable(self) -> None:
        """Refuse values that cannot be read in a variable that the user names, or that runs along the grid."""
        is_named = self.selection.is_named
        for name in self.unreadable:
            if not self._is_wanted(name):
                continue
            if is_named or (name in self.dataset.variables and self._nodes(name) is not None):
                raise DataError(
                    f"the variable `{name}` {self.unreadable[name]}",
                    fix=f"{WRITE_AGAIN}; or leave it out with `variables`",
                )

    def _is_wanted(self, name: str) -> bool:
        """Whether the user may want the variable, by its name or by the parameter that wxml wrote into a forecast."""
        own = own_variable(self.dataset, name) if name in self.dataset.variables else None
        return self.selection.wants(self.called(name)) or (own is not None and self.selection.wants(own.param))

    def fields(self) -> list[str]:
        """The names of the variables that hold numbers and are no coordinates, in the file's order; sorted for zarr.

        A zarr store lists its arrays in a different order every time.
        """
        names = [str(name) for name, variable in self.dataset.variables.items() if variable.dtype.kind in "fiub"]
        areas = area_names(self.dataset)
        found = []
        for name in sorted(names) if self.file.engine == "zarr" else names:
            variable = self.dataset[name].variable
            is_described = variable.dims == (name,) or "grid_mapping_name" in variable.attrs  # an axis, a projection
            is_described |= is_own_weight(self.dataset, name) or name in areas
            if name not in self.coordinates.all and not is_described:
                found.append(name)
        return found

    def _nodes(self, name: str) -> Nodes | None:
        """The grid of a variable; None if the variable has no horizontal dimensions."""
        dims = set(self.dataset[name].dims)
        kinds = ((self.coordinates.latitudes, LATITUDE), (self.coordinates.longitudes, LONGITUDE))
        latitude, longitude = (
            surest(self.dataset, [name for name in names if dims.issuperset(self.dataset[name].dims)], signs)
            for names, signs in kinds
        )
        if latitude is None or longitude is None:
            return node_of(self.selection.place, self.grids)
        if self.selection.place is not None:
            raise DataError(f"`place` is given, and `{name}` has latitudes and longitudes", fix="leave `place` out")
        check_no_rotated_pole(self.dataset, name, latitude, longitude)
        if (latitude, longitude) not in self.known_nodes:
            check_dimensions(self.dataset, latitude, longitude)
            north, east = (place_of(self.dataset, axis) for axis in (latitude, longitude))
            stated = StatedBounds.of(self.file, self.dataset, (latitude, longitude), self.fixed)
            areas = StatedAreas.of(self.file, self.dataset, (latitude, longitude), self.fixed)
            self.known_nodes[latitude, longitude] = place_nodes(north, east, self.grids, stated, areas)
        return self.known_nodes[latitude, longitude]

    def _block(self, name: str, nodes: Nodes) -> Block:
        """The block of a variable; raise a DataError if it has a dimension of no known meaning."""
        array = self.dataset[name]
        check_sizes(array)
        limits(array.attrs)  # refuses limits that are no numbers before anything is read
        parameter, dims = self.called(name), frozenset(str(dim) for dim in array.dims)
        times = self._valid_times(dims)
        levels = self._levels(dims, nodes)
        member, numbers = self._members(dims)
        time = max(times.dims, key=lambda dim: array.sizes[dim], default=None)  # the others hold a single entry
        layout = Layout(time, member, levels.dim, nodes.dims)
        known = {time, member, levels.dim, *times.dims, *nodes.dims}
        unknown = [str(dim) for dim, length in array.sizes.items() if length > 1 and dim not in known]
        if unknown:
            raise unknown_dimension(array, unknown[0], self.dataset, self._single_place(nodes))
        standard_name = str(array.attrs.get("standard_name", ""))
        own = own_variable(self.dataset, name) if parameter == name and levels.numbers is None else None
        stated = {
            STANDARD_NAME: "" if standard_name == "unknown" else standard_name,
            HEIGHT: own_height(array.attrs) if own else levels.height,
        }
        together = _together(array.variable, layout, self.file.engine)
        block = Block(
            path=self.file.path,
            origin=f"`{name}`",
            variables=(own,) if own else flatten(levels.quantity(parameter, array.attrs), levels.numbers),
            levels=np.arange(1 if levels.numbers is None else len(levels.numbers)),
            times=times.times,
            member_numbers=numbers,
            grid=nodes.placed.grid,
            reader=ArrayReader(self.file, name, layout, self.fixed, together),
            period=own_period(array.attrs) if own else period_of(name, array.attrs, times),
            stated={key: text for key, text in stated.items() if text},
        )
        return without_repeat(block, nodes.placed.columns)

    def _valid_times(self, dims: frozenset[str]) -> ValidTimes:
        """The times of variables with the dimensions `dims`, decoded once."""
        if dims not in self.known_times:
            self.known_times[dims] = valid_times(
                self.dataset, dims, self.coordinates, self.called, self.selection.forecast.initial_time
            )
        return self.known_times[dims]

    def _members(self, dims: frozenset[str]) -> tuple[str | None, tuple[str, ...] | None]:
        """The dimension of the members and their numbers; those of a dimension without a coordinate begin with 0.

        A single number without a dimension is that of one member; cfgrib writes 0 where there are none.
        """
        axes = self._along(self.coordinates.members, dims)
        if axes:
            axis = self.dataset[axes[0]]
            return str(axis.dims[0]), _member_numbers(axis.values)
        single = [name for name in self.coordinates.members if self.dataset[name].ndim == 0]
        numbers = _member_numbers(np.atleast_1d(self.dataset[single[0]].values)) if single else ("0",)
        if numbers != ("0",):
            return None, numbers
        bare = sorted(dim for dim in dims.difference(self.dataset.variables) if self.called(dim) == "member")
        return (bare[0], tuple(map(str, range(self.dataset.sizes[bare[0]])))) if bare else (None, None)

    def _single_place(self, nodes: Nodes) -> tuple[str, ...]:
        """The latitude and the longitude that make up the only node; empty for several, and for the option `place`."""
        return next((names for names, own in self.known_nodes.items() if own is nodes and not nodes.dims), ())

    def _along(self, names: Sequence[str], dims: frozenset[str]) -> list[str]:
        """Those of the coordinates `names` that have one dimension, which is one of `dims`."""
        arrays = ((name, self.dataset[name]) for name in names)
        return [name for name, array in arrays if array.ndim == 1 and dims.issuperset(array.dims)]

    def _levels(self, dims: frozenset[str], nodes: Nodes) -> _Levels:
        """The levels of a variable with the dimensions `dims`, whose horizontal dimensions are those of `nodes`."""
        free = dims.difference(nodes.dims)
        axes = self._along(self.coordinates.levels, free)
        scalars = [name for name in self.coordinates.levels if self.dataset[name].ndim == 0]
        if not axes and not scalars:
            return _Levels()
        # The axis itself goes before another coordinate along it.
        axis = self.dataset[min(axes, key=lambda name: name not in dims) if axes else scalars[0]]
        dim = str(axis.dims[0]) if axes else None
        units, standard_name = str(axis.attrs.get("units", "")), str(axis.attrs.get("standard_name", ""))
        if axis.size == 1 and is_height(units, standard_name):
            return _Levels(dim, height=height(axis), type=level_type(units, standard_name))
        numbers, kept = pressure_in_hpa(level_numbers(axis), units), "hPa" if is_pascal(units) else units
        return _Levels(dim, numbers, kept, type=level_type(units, standard_name))


def _together(variable: xr.Variable, layout: Layout, engine: Engine) -> tuple[int, int, int]:
    """The times, members and levels of one chunk; and the times that a NetCDF file gives as quickly as one of them."""
    chunks = variable.encoding.get("preferred_chunks") or {}
    along = (layout.time, layout.member, layout.level)
    times, members, levels = (int(chunks.get(dim, 1)) if dim else 1 for dim in along)
    if engine in ("zarr", "memory") or layout.time is None:
        return times, members, levels
    row = 4 * max(variable.size // max(variable.sizes[layout.time], 1), 1)
    return times * max(READ_AT_ONCE // (row * times), 1), members, levels


def _member_numbers(values: NDArray[np.generic]) -> tuple[str, ...]:
    """The numbers or names of members as text; 1 and 1.0 are the same.

    >>> _member_numbers(np.array([0.0, 1.0])), _member_numbers(np.array([b"p01"]))
    (('0', '1'), ('p01',))
    """
    texts = [value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value) for value in values.tolist()]
    return tuple(text.removesuffix(".0") for text in texts)
