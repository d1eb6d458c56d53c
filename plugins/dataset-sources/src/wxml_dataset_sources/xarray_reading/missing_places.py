"""What a file lacks whose fields are on no grid: latitudes, longitudes, or values along them."""

__all__ = ["HOW_TO_NAME", "Unplaced", "check_sizes", "unknown_dimension", "unplaced"]

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import xarray as xr
from wxml.errors import DataError

from wxml_dataset_sources.xarray_reading.coordinates import Coordinates

HOW_TO_NAME: Final = "name it in `rename` as time, step, level, member, latitude or longitude, or give it CF attributes"
WRITE_DIMENSION: Final = (
    "if it numbers members, name it in `rename` as member, else write the coordinate `{dim}` into the file"
)
METRES: Final = re.compile(r"(k|kilo)?m(et(er|re)s?)?", re.IGNORECASE)


class Unplaced(NamedTuple):
    """Why variables of a file are on no grid, and what to do."""

    what: str
    fix: str


def unplaced(dataset: xr.Dataset, found: Coordinates, names: Sequence[str]) -> Unplaced:
    """Why no variable of `names` is on a grid.

    Args:
        dataset: the file.
        found: its coordinates.
        names: the variables that are wanted.
    """
    dims = {str(dim) for name in names for dim in dataset[name].dims}
    sizes = {str(dim): length for dim, length in dataset.sizes.items()}
    projected = _projected(dataset, dims)
    if projected and not (found.latitudes and found.longitudes):
        listed = " and ".join(f"`{name}`" for name in projected)
        many = len(projected) > 1
        return Unplaced(
            f"{_missing(found)}: {listed} {'are axes' if many else 'is an axis'} of a projection or a rotated pole",
            "add the true latitude and longitude of each node as two-dimensional coordinates, as pyproj computes them; "
            f"if they are there, {HOW_TO_NAME}",
        )
    return Unplaced(
        f"{_missing(found)}; its dimensions are {sizes}",
        f"if they are there, {HOW_TO_NAME}; of series at one point, say where it is: "
        "place: {latitude: 46.8, longitude: -71.2}",
    )


def _missing(found: Coordinates) -> str:
    """Which of the two coordinates is not there."""
    match found.latitudes, found.longitudes:
        case (), ():
            return "no latitude and longitude were found, neither as axes nor as two-dimensional coordinates"
        case (latitude, *_), ():
            return f"`{latitude}` is the latitude, and no longitude was found"
        case (), (longitude, *_):
            return f"`{longitude}` is the longitude, and no latitude was found"
        case (latitude, *_), (longitude, *_):
            return f"no variable runs along both latitude and longitude, which are `{latitude}` and `{longitude}`"
    raise AssertionError("each is there or not")


def _projected(dataset: xr.Dataset, dims: set[str]) -> list[str]:
    """The axes among `dims` that are those of a projection or a rotated pole, by their attributes."""
    axes = {name: dataset[name].attrs for name in sorted(dims) if name in dataset.variables}
    return [name for name, attributes in axes.items() if _is_projected(attributes)]


def _is_projected(attributes: Mapping[str, object]) -> bool:
    """Whether an axis has a standard name of a projection, or is an axis X or Y in metres."""
    if str(attributes.get("standard_name", "")).startswith(("projection_", "grid_")):
        return True
    is_horizontal = str(attributes.get("axis", "")) in ("X", "Y")
    return is_horizontal and METRES.fullmatch(str(attributes.get("units", ""))) is not None


def check_sizes(array: xr.DataArray) -> None:
    """Refuse a variable that runs along a dimension without entries.

    Raises:
        DataError: names the variable and the dimension.
    """
    for dim, length in array.sizes.items():
        if length == 0:
            raise DataError(
                f"`{array.name}` has no values, as its dimension `{dim}` is empty",
                fix=f"write `{dim}` and the values along it again; or leave the variable out with `variables`",
            )


def unknown_dimension(array: xr.DataArray, dim: str, dataset: xr.Dataset, places: Sequence[str]) -> DataError:
    """The error for a dimension of no known meaning.

    Args:
        array: a variable with this dimension.
        dim: the dimension.
        dataset: the file.
        places: the latitude and the longitude of the variable, if it is at a single place.
    """
    sizes = {str(name): length for name, length in array.sizes.items()}
    at_one = f"; {' and '.join(f'`{name}`' for name in places)} are those of a single place" if places else ""
    how = HOW_TO_NAME if dim in dataset.variables else WRITE_DIMENSION.format(dim=dim)
    return DataError(
        f"`{array.name}` has dimensions {sizes}, of which `{dim}` is not understood{at_one}",
        fix=f"{how}; or leave the variable out with `variables`",
    )
