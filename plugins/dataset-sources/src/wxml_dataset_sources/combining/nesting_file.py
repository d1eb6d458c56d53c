"""Which nodes of nested grids are left, in a file that is made once."""

__all__ = ["kept_covers"]

import json
import logging
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Grid
from wxml.errors import ArtefactError, DataError
from wxml.files.staging import staged

from wxml_dataset_sources.combining.nested_grids import FAR, Nesting, covered

LOG = logging.getLogger("wxml")
Indices = NDArray[np.intp]


def kept_covers(path: str, grids: Sequence[Grid], nesting: Nesting) -> tuple[Indices, ...]:
    """What `covered` gives: from the file, or made now and written to it.

    The file is one of `numpy.savez`: `covered_by_0`, … hold it for each source, `grids` the identities of their grids,
    and `options` those of `cutout` as JSON. A file without `options`, which somebody made by hand, holds for all.

    Raises:
        DataError: the file is damaged, or belongs to other grids or options, or cannot be written.
    """
    place = Path(path)
    if place.exists():
        return _read(place, grids, nesting)
    covers = covered(grids, nesting)
    arrays: dict[str, Any] = {f"covered_by_{number}": cover.astype(np.int16) for number, cover in enumerate(covers)}
    arrays |= {"grids": np.array([grid.identity for grid in grids]), "options": np.array(json.dumps(nesting._asdict()))}
    try:
        with staged(place) as temporary, temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)
    except ArtefactError as error:
        if not place.exists():  # else another process was as quick, and has the same
            raise DataError(
                f"`mask` {path} cannot be written: {error.message}", fix="name a file in a folder that is there"
            ) from error
    LOG.info("`mask` %s holds from now on which nodes are left of the sources", path)
    return covers


def _read(path: Path, grids: Sequence[Grid], nesting: Nesting) -> tuple[Indices, ...]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
            arrays = {name: found[name] for name in found.files}
        covers = tuple(arrays[f"covered_by_{number}"].astype(np.intp, casting="safe") for number in range(len(grids)))
        identities, options = arrays["grids"], json.loads(str(arrays.get("options", "null")))
    except (OSError, ValueError, KeyError, TypeError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise DataError(
            f"`mask` {path} cannot be read as a mask of {len(grids)} sources: {error}",
            fix="remove the file, to have it made again, or name another one",
        ) from error
    _check(path, grids, covers, identities)
    if options is not None and options != nesting._asdict():
        raise DataError(
            f"`mask` {path} was made with {options}, and the options are {nesting._asdict()} now",
            fix="remove the file, to have it made again, or name another one",
        )
    return covers


def _check(path: Path, grids: Sequence[Grid], covers: Sequence[Indices], identities: NDArray[np.str_]) -> None:
    """Raise a DataError if the mask does not fit the grids."""
    for number, (grid, cover) in enumerate(zip(grids, covers, strict=True)):
        fits = len(identities) == len(grids) and identities[number] == grid.identity and cover.shape == (len(grid),)
        if not fits or cover.min() < FAR or cover.max() >= max(number, 0):
            raise DataError(
                f"`mask` {path} is that of other nodes than those of `sources.{number}`",
                fix="remove the file, to have it made again, or name another one",
            )
