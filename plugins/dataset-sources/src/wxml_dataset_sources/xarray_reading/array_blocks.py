"""From an xarray dataset (NetCDF or zarr) to blocks."""

__all__ = ["read_arrays"]

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from functools import partial

import numpy as np
import xarray as xr
from wxml import Grid
from wxml.errors import DataError
from wxml.files.failures import DAMAGE

from wxml_dataset_sources.xarray_reading.array_reader import ArrayReader, Layout
from wxml_dataset_sources.xarray_reading.block import Block, FileContent
from wxml_dataset_sources.xarray_reading.coordinates import Coordinates, find_coordinates
from wxml_dataset_sources.xarray_reading.formats import DataFile
from wxml_dataset_sources.xarray_reading.horizontal import axes_grid, cells_grid, plane_grid
from wxml_dataset_sources.xarray_reading.instants import ValidTimes, valid_times
from wxml_dataset_sources.xarray_reading.levels import flatten, is_height, pressure_in_hpa
from wxml_dataset_sources.xarray_reading.opening import damaged, opened
from wxml_dataset_sources.xarray_reading.selection import Selection

HOW_TO_NAME = "name it in `rename` as time, step, level, member, latitude or longitude, or give it CF attributes"


def read_arrays(file: DataFile, selection: Selection, grids: dict[Hashable, Grid]) -> FileContent:
    """The blocks of a NetCDF file or zarr store.

    Args:
        file: the file.
        selection: what is wanted.
        grids: what other files have, by their coordinates; this one's are added.

    Raises:
        DataError: it cannot be read, or its coordinates cannot be understood; names the file.
    """
    dataset = opened(file)
    names = frozenset(str(name) for name in (*dataset.variables, *dataset.dims))
    try:
        taken_apart = _ArrayFile(file, dataset, selection, grids)
        blocks = taken_apart.blocks()
    except DataError as error:
        raise DataError(f"`{file.path}`: {error.message}", fix=error.fix) from error
    except DAMAGE as error:
        raise damaged(file.path, file.engine, error) from error
    return FileContent(file.path, blocks, names, frozenset(taken_apart.called(name) for name in taken_apart.fields()))


@dataclass(frozen=True, slots=True, eq=False)
class _Nodes:
    """The horizontal grid of some variables."""

    grid: Grid
    dims: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Levels:
    """The levels of some variables: their dimension, and their numbers where the names state them."""

    dim: str | None = None
    numbers: Sequence[float] | None = None


@dataclass(slots=True, eq=False)
class _ArrayFile:
    """A dataset while it is taken apart."""

    file: DataFile
    dataset: xr.Dataset
    selection: Selection
    grids: dict[Hashable, Grid]
    coordinates: Coordinates = field(init=False)
    known_nodes: dict[tuple[str, str], _Nodes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.coordinates = find_coordinates(self.dataset, partial(self.selection.name, self.file.path))

    def blocks(self) -> tuple[Block, ...]:
        """A block of every variable that has horizontal dimensions and may be wanted."""
        found = [(name, self._nodes(name)) for name in self.fields() if self.selection.wants(self.called(name))]
        blocks = tuple(self._block(name, nodes) for name, nodes in found if nodes is not None)
        if not blocks and self.selection.variables is None:
            raise self._no_fields()
        return blocks

    def fields(self) -> list[str]:
        """The names of the variables that hold numbers and are no coordinates, in the file's order; sorted for zarr.

        A zarr store is listed in the order in which its parts happen to answer.
        """
        names = [str(name) for name, variable in self.dataset.variables.items() if variable.dtype.kind in "fiub"]
        names = sorted(names) if self.file.engine == "zarr" else names
        return [name for name in names if name not in self.coordinates.all and not self._describes(name)]

    def called(self, name: str) -> str:
        """Our name for a name in the file."""
        return self.selection.name(self.file.path, name)

    def _describes(self, name: str) -> bool:
        """Whether a variable belongs to the description of the file: an axis without units, or a map projection."""
        variable = self.dataset[name].variable
        return variable.dims == (name,) or "grid_mapping_name" in variable.attrs

    def _nodes(self, name: str) -> _Nodes | None:
        """The grid of a variable; None where it has no horizontal dimensions."""
        dims = set(self.dataset[name].dims)
        latitude = next((n for n in self.coordinates.latitudes if dims.issuperset(self.dataset[n].dims)), None)
        longitude = next((n for n in self.coordinates.longitudes if dims.issuperset(self.dataset[n].dims)), None)
        if latitude is None or longitude is None:
            return None
        if (latitude, longitude) not in self.known_nodes:
            places = self.dataset[latitude].variable, self.dataset[longitude].variable
            self.known_nodes[latitude, longitude] = _nodes(*places, self.grids)
        return self.known_nodes[latitude, longitude]

    def _block(self, name: str, nodes: _Nodes) -> Block:
        array = self.dataset[name]
        parameter, dims = self.called(name), frozenset(str(dim) for dim in array.dims)
        times = valid_times(self.dataset, dims, self.coordinates, self.called)
        levels, member = self._levels(dims, nodes), self._member(dims)
        layout = _layout(array.variable, times, member, levels.dim, nodes.dims)
        self._check_dims(name, layout, times, nodes)
        return Block(
            path=self.file.path,
            origin=f"`{name}`",
            variables=flatten(parameter, levels.numbers, str(array.attrs.get("units", ""))),
            levels=np.arange(1 if levels.numbers is None else len(levels.numbers)),
            times=times.times,
            members=array.sizes[member] if member else 1,
            grid=nodes.grid,
            reader=ArrayReader(self.file, name, layout),
        )

    def _member(self, dims: frozenset[str]) -> str | None:
        return next((str(self.dataset[n].dims[0]) for n in self.coordinates.members if self._along(n, dims)), None)

    def _along(self, name: str, dims: frozenset[str]) -> bool:
        return self.dataset[name].ndim == 1 and dims.issuperset(self.dataset[name].dims)

    def _levels(self, dims: frozenset[str], nodes: _Nodes) -> _Levels:
        free = dims.difference(nodes.dims)
        axes = [name for name in self.coordinates.levels if self._along(name, free)]
        if axes:
            axis = min(axes, key=lambda name: name not in dims)  # an axis before what is told along it
            return self._numbered(axis, str(self.dataset[axis].dims[0]))
        scalars = [name for name in self.coordinates.levels if self.dataset[name].ndim == 0]
        return self._numbered(scalars[0], None) if scalars else _Levels()

    def _numbered(self, name: str, dim: str | None) -> _Levels:
        axis = self.dataset[name]
        units, standard_name = str(axis.attrs.get("units", "")), str(axis.attrs.get("standard_name", ""))
        if axis.size == 1 and is_height(units, standard_name):
            return _Levels(dim)
        return _Levels(dim, pressure_in_hpa(np.atleast_1d(axis.values).tolist(), units))

    def _check_dims(self, name: str, layout: Layout, times: ValidTimes, nodes: _Nodes) -> None:
        known = {layout.time, layout.member, layout.level, *times.dims, *nodes.dims}
        sizes = {str(dim): length for dim, length in self.dataset[name].sizes.items()}
        unknown = [dim for dim, length in sizes.items() if length > 1 and dim not in known]
        if unknown:
            raise DataError(
                f"`{name}` has dimensions {sizes}, of which `{unknown[0]}` is not understood",
                fix=f"{HOW_TO_NAME}; or leave the variable out with `variables`",
            )

    def _no_fields(self) -> DataError:
        sizes = {str(dim): length for dim, length in self.dataset.sizes.items()}
        if self.coordinates.latitudes and self.coordinates.longitudes:
            what = "no variable runs along both latitude and longitude"
        else:
            what = "no latitude and longitude were found, neither as axes nor as two-dimensional coordinates"
        return DataError(f"{what}; its dimensions are {sizes}", fix=f"if they are there, {HOW_TO_NAME}")


def _nodes(latitude: xr.Variable, longitude: xr.Variable, grids: dict[Hashable, Grid]) -> _Nodes:
    shared = set(latitude.dims) == set(longitude.dims)
    if latitude.ndim > 1 or longitude.ndim > 1:
        if not shared:
            raise DataError(
                f"latitude and longitude must share dimensions, got {latitude.dims} and {longitude.dims}",
                fix="correct the coordinates of the file",
            )
        longitude = longitude.transpose(*latitude.dims)
    build = plane_grid if latitude.ndim > 1 else cells_grid if shared and latitude.ndim else axes_grid
    places = [np.atleast_1d(np.asarray(axis.values, np.float64)) for axis in (latitude, longitude)]
    key = (build, *((axis.shape, axis.tobytes()) for axis in places))
    if key not in grids:
        grids[key] = build(*places)
    return _Nodes(grids[key], tuple(dict.fromkeys(str(dim) for dim in (*latitude.dims, *longitude.dims))))


def _layout(
    variable: xr.Variable, times: ValidTimes, member: str | None, level: str | None, nodes: tuple[str, ...]
) -> Layout:
    """Which dimension is what; of two time dimensions the longer one counts, the other one holds a single entry."""
    time = max(times.dims, key=lambda dim: variable.sizes[dim], default=None)
    return Layout(time, member, level, nodes)
