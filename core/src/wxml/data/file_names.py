"""The names that a forecast file has for coordinates, and those that it can have for variables."""

__all__ = ["check_file_names", "coordinate_names"]

import re
from collections.abc import Collection, Sequence

from wxml.data.grid import Grid
from wxml.errors import DataError

_PORTABLE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@+-]{0,199}")
"""The names that every version of NetCDF takes and that make a folder anywhere, as zarr does. CF would begin them with
a letter, but 2t and 10u are ECMWF's own names."""


def coordinate_names(grid: Grid) -> frozenset[str]:
    """The coordinates and dimensions of every forecast file on `grid`; one with several members has `number`, too."""
    horizontal = {"cell"} if len(grid.shape) == 1 else set() if grid.is_regular else {"y", "x"}
    return frozenset({"time", "prediction_timedelta", "latitude", "longitude", "area_weight", *horizontal})


def check_file_names(names: Sequence[str], taken: Collection[str]) -> None:
    """Refuse variables that a forecast file cannot hold.

    Args:
        names: the variables of the forecast.
        taken: the coordinates and dimensions of the file.

    Raises:
        DataError: a name cannot stand in a file, is in `taken`, or is there twice.
    """
    for name in names:
        if not _PORTABLE_NAME.fullmatch(name):
            raise DataError(
                f"a forecast file cannot hold a variable with the name {name!r}",
                fix="rename it: up to 200 letters, digits and `_.@+-`, beginning with a letter or a digit",
            )
        if name in taken:
            raise DataError(f"the name {name!r} is that of a coordinate of forecast files", fix="rename the variable")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise DataError(f"`variables` must have different names, got {twice} twice", fix="rename one of each pair")
