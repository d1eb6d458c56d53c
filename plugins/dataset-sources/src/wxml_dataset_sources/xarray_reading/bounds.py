"""The bounds of the cells that a file states with its latitudes and longitudes (CF conventions, 7.1)."""

__all__ = ["StatedBounds"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.data.cell_bounds import CellBounds
from wxml.errors import DataError
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.horizontal import Arrangement
from wxml_dataset_sources.xarray_reading.opening import damaged, opened
from wxml_dataset_sources.xarray_reading.true_places import in_degrees

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class StatedBounds:
    """The names of a latitude and a longitude, and of their bounds."""

    file: DataFile
    axes: tuple[str, str]
    bounds: tuple[str, str]
    fixed: Mapping[str, int] = field(default_factory=dict)
    """The position along each dimension that the choice of a forecast fixes."""

    @classmethod
    def of(cls, file: DataFile, dataset: xr.Dataset, axes: tuple[str, str], fixed: Mapping[str, int]) -> Self | None:
        """Those of two coordinates of a dataset, which is `file`; None unless both have bounds, which are there."""
        named = [str(dataset[axis].attrs.get("bounds", "")) for axis in axes]
        if not all(name in dataset.variables for name in named):
            return None
        return cls(file, axes, (named[0], named[1]), dict(fixed))

    @property
    def called(self) -> str:
        """What messages call them."""
        return f"the bounds `{self.bounds[0]}` and `{self.bounds[1]}` of `{self.file.path}`"

    def cells(self, dims: Sequence[object], arrangement: Arrangement) -> CellBounds:
        """The cells, which are read when they are needed.

        Args:
            dims: the dimensions of the latitudes; the longitudes have their order, unless they are the axes of a grid.
            arrangement: that of the nodes.
        """
        order = tuple(str(dim) for dim in dims)
        return CellBounds(partial(_read, self, order, arrangement), arrangement == "axes", self.called)


def _read(stated: StatedBounds, order: tuple[str, ...], arrangement: Arrangement) -> tuple[Array, Array]:
    """Both bounds in degrees, `[…, vertex]` with the nodes as one axis."""
    with damage_errors(partial(damaged, stated.file.path, stated.file.engine)):
        dataset = opened(stated.file)
        latitudes, longitudes = (
            _of_axis(dataset, axis, name, order, stated) for axis, name in zip(stated.axes, stated.bounds, strict=True)
        )
    if arrangement == "plane":
        return latitudes.reshape(-1, latitudes.shape[-1]), longitudes.reshape(-1, longitudes.shape[-1])
    return latitudes, longitudes


def _of_axis(dataset: xr.Dataset, axis: str, name: str, order: tuple[str, ...], stated: StatedBounds) -> Array:
    """The bounds of one coordinate, with the vertex last."""
    fixed = {dim: place for dim, place in stated.fixed.items() if dim in dataset[name].dims}
    own, found = dataset[axis].variable, dataset[name].variable.isel(fixed)
    dims = order if set(order) == {*map(str, own.dims)} else tuple(map(str, own.dims))
    vertices = [str(dim) for dim in found.dims if dim not in dims]
    if len(vertices) != 1 or not set(dims).issubset(map(str, found.dims)):
        raise DataError(
            f"{stated.called}: `{name}` has the dimensions {found.dims}, and `{axis}` has {own.dims}, to which "
            "bounds add one",
            fix="correct the file, or write `cells: made` to take cells between the nodes in place of what files state",
        )
    degrees = in_degrees(found.transpose(*dims, vertices[0]), str(own.attrs.get("units", "")))
    return np.asarray(degrees.values, np.float64)
