"""The areas of cells that a file states, by `cell_measures` or as `cell_area` (CF conventions, 7.2)."""

__all__ = ["StatedAreas", "area_names"]

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Self

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from wxml.files.failures import damage_errors

from wxml_dataset_sources.xarray_reading.files import DataFile
from wxml_dataset_sources.xarray_reading.opening import damaged

logger = logging.getLogger("wxml")


def area_names(dataset: xr.Dataset) -> list[str]:
    """The variables that hold areas of cells: those that `cell_measures` names, then others that say so themselves."""
    measures = " ".join(str(variable.attrs.get("cell_measures", "")) for variable in dataset.variables.values())
    named = dict.fromkeys(re.findall(r"area:\s*(\S+)", measures))
    own = [str(name) for name, each in dataset.variables.items() if each.attrs.get("standard_name") == "cell_area"]
    return list(dict.fromkeys([*(name for name in named if name in dataset.variables), *own]))


@dataclass(frozen=True, slots=True, eq=False)
class StatedAreas:
    """A variable that holds the area of each node."""

    file: DataFile
    name: str
    areas: xr.Variable

    @classmethod
    def of(cls, file: DataFile, dataset: xr.Dataset, axes: tuple[str, str], fixed: Mapping[str, int]) -> Self | None:
        """The first one of a dataset, which is `file`, along the dimensions of two coordinates; None without one.

        Args:
            file: where the dataset is from.
            dataset: the variables.
            axes: the latitude and the longitude.
            fixed: the position along each dimension that the choice of a forecast fixes.
        """
        dims = {dim for axis in axes for dim in dataset[axis].dims} - fixed.keys()
        for name in area_names(dataset):
            found = dataset[name].variable
            found = found.isel({dim: place for dim, place in fixed.items() if dim in found.dims})
            if dims and set(found.dims) == dims and found.dtype.kind in "fiu":
                return cls(file, name, found)
        return None

    def weights(self, dims: tuple[str, ...]) -> NDArray[np.float64] | None:
        """The areas in their unit, with these dimensions in this order; None, with a warning, if they are no areas.

        Raises:
            DataError: the file is damaged.
        """
        with damage_errors(partial(damaged, self.file.path, self.file.engine)):
            values = np.asarray(self.areas.transpose(*dims).values, np.float64)
        if np.isfinite(values).all() and values.min() >= 0 and values.max() > 0:
            return values
        logger.warning(
            "`%s` of `%s` has areas that are missing or below 0, so none is taken from there", self.name, self.file.path
        )
        return None
