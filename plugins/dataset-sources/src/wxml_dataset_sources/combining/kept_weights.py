"""Weights kept on disk between runs, by what they were made of."""

__all__ = ["kept_weights"]

import logging
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from wxml import Grid
from wxml.errors import ArtefactError
from wxml.files.folders import cache_folder
from wxml.files.staging import staged

from wxml_dataset_sources.combining.weights import Method, interpolation_weights

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LOG = logging.getLogger("wxml")
VERSION = 3  # rises when the same grids get other weights


def kept_weights(source: Grid, target: Grid, method: Method, neighbours: int = 1) -> "csr_array":
    """The weights of `interpolation_weights`: from the cache, or made now and kept there."""
    kind = "boxes" if source.is_regular else "nodes"  # the same places may be a list of nodes
    how = f"{method}-{neighbours}" if method == "inverse-distance" else method
    between = "-".join(_identity(grid, method) for grid in (source, target))
    path = cache_folder() / f"regrid-{how}-{kind}-{between}-{VERSION}.npz"
    weights = _load(path, (len(target), len(source)))
    if weights is None:
        weights = interpolation_weights(source, target, method, neighbours)
        _store(path, weights)
    return weights


def _identity(grid: Grid, method: Method) -> str:
    """What tells the weights of a grid apart: its nodes, and its cells where they count and are stated."""
    has_cells = method == "conservative" and grid.bounds is not None
    return f"{grid.identity}.{grid.bounds.identity}" if has_cells and grid.bounds else grid.identity


def _load(path: Path, shape: tuple[int, int]) -> "csr_array | None":
    """The weights in a file; None if there is none, or if it is damaged or has another shape."""
    from scipy.sparse import csr_array, load_npz

    try:
        with path.open("rb") as file:  # a damaged file would stay open else
            weights = csr_array(load_npz(file))
        if weights.shape == shape:
            return weights
        LOG.warning("cache file %s has another shape; its weights are made anew", path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        LOG.warning("cache file %s is damaged (%s); its weights are made anew", path, error)
    return None


def _store(path: Path, weights: "csr_array") -> None:
    """Write the weights for `_load`; if that fails, log a warning and go on."""
    from scipy.sparse import save_npz

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path, overwrite=True) as temporary:
            save_npz(temporary, weights)
    except (OSError, ArtefactError) as error:
        LOG.warning("could not keep the weights in %s, so the next run makes them again: %s", path.parent, error)
