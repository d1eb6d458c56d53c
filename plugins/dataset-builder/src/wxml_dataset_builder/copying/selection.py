"""Which dates and variables are copied, and how they are stored."""

__all__ = ["Selection", "parse_rechunk", "select", "storage"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.data.times import format_time, parse_time
from wxml.errors import DataError, nearest

from wxml_dataset_builder.date_axis import last_instant
from wxml_dataset_builder.geometry import Geometry, make_geometry
from wxml_dataset_builder.recipe import Chunks, Output
from wxml_dataset_builder.stored import Stored, positions_of


@dataclass(frozen=True, slots=True, eq=False)
class Selection:
    """The dates and the variables that are copied, by their positions in the dataset."""

    dates: slice
    variables: NDArray[np.intp]
    is_part: bool
    """Whether something is left out, or stands in another order."""


def select(stored: Stored, *, start: str | None, end: str | None, variables: tuple[str, ...]) -> Selection:
    """The dates from `start` to `end`, which may be a day, month or year, and the variables in the order asked for.

    Raises:
        DataError: no date is left, or a variable is not there.
    """
    first = stored.dates[0] if start is None else parse_time(start)
    last = stored.dates[-1] if end is None else last_instant(end)
    rows = np.flatnonzero((stored.dates >= first) & (stored.dates <= last))
    if not len(rows):
        raise DataError(
            f"`{stored.path}` has no date from {format_time(first)} to {format_time(last)}",
            fix=f"it has {len(stored.dates)} dates from {format_time(stored.dates[0])} to "
            f"{format_time(stored.dates[-1])}; choose among these",
        )
    for name in variables:
        if name not in stored.names:
            raise DataError(
                f"`--variables` names {name!r}, which is not in `{stored.path}`", fix=nearest(name, stored.names)
            )
    columns = positions_of(variables or stored.names, stored.names)
    is_part = len(rows) < len(stored.dates) or not np.array_equal(columns, np.arange(len(stored.names)))
    return Selection(slice(int(rows[0]), int(rows[-1]) + 1), columns, is_part)


def parse_rechunk(texts: tuple[str, ...]) -> dict[str, int | None]:
    """The sizes of chunks by dimension, from texts such as `dates=4`; `all` stands for the whole dimension.

    Raises:
        DataError: a dimension or a number is wrong.
    """
    found: dict[str, int | None] = {}
    for text in texts:
        name, _, size = text.partition("=")
        if name not in Chunks.model_fields:
            raise DataError(f"`--rechunk` names the dimension {name!r}", fix=nearest(name, Chunks.model_fields))
        if size != "all" and not (size.isdigit() and int(size)):
            raise DataError(
                f"`--rechunk` must give {name} a whole number above 0 or `all`, got {size!r}",
                fix=f"write `--rechunk {name}=1` or `--rechunk {name}=all`",
            )
        found[name] = None if size == "all" else int(size)
    return found


def storage(
    stored: Stored, selection: Selection, wanted: Mapping[str, Any], rechunk: Mapping[str, int | None]
) -> Geometry:
    """The shape and the chunks of the copy; what is not asked for is as in the dataset.

    Args:
        stored: the dataset.
        selection: what is copied of it.
        wanted: keys of `output` of a recipe: format, compression, shards.
        rechunk: the sizes of chunks that change.

    Raises:
        DataError: a chunk would be too large, or shards do not fit.
    """
    data = stored.data
    dates, _, members, nodes = data.shape
    shape = (len(range(dates)[selection.dates]), len(selection.variables), members, nodes)
    sizes: dict[str, int | None] = dict(zip(Chunks.model_fields, data.chunks, strict=True))
    sizes |= {name: size or shape[list(Chunks.model_fields).index(name)] for name, size in rechunk.items()}
    kept: dict[str, Any] = {"format": f"zarr{data.metadata.zarr_format}", "dtype": str(data.dtype)}
    if data.shards and wanted.get("format", "zarr3") == "zarr3" and "dates" not in rechunk:
        kept["shards"] = data.shards[0]
    chosen = {key: value for key, value in wanted.items() if value is not None}
    return make_geometry(shape, Output.model_validate({**kept, **chosen, "chunks": sizes}))
