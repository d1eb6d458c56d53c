"""Sparse matrices kept on disk between runs, by what they were made of."""

__all__ = ["kept_matrix"]

import logging
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from wxml.errors import ArtefactError
from wxml.extras import libraries_of_extra
from wxml.files.folders import cache_folder
from wxml.files.staging import staged

if TYPE_CHECKING:
    from scipy.sparse import csr_array

LOG = logging.getLogger("wxml")


def kept_matrix(name: str, shape: tuple[int, int], make: Callable[[], "csr_array"]) -> "csr_array":
    """The matrix of that name from the cache folder, or made now and kept there.

    Args:
        name: says all that the matrix depends on.
        shape: that of the matrix.
        make: makes it.
    """
    path = cache_folder() / f"{name}.npz"
    found = _load(path, shape)
    if found is None:
        found = make()
        _store(path, found)
    return found


def _load(path: Path, shape: tuple[int, int]) -> "csr_array | None":
    """The matrix in a file; None if there is none, or if it is damaged or has another shape."""
    with libraries_of_extra("scipy", "wxml-dataset-sources", what="weights between nodes"):
        from scipy.sparse import csr_array, load_npz

    try:
        with path.open("rb") as file:  # a damaged file would stay open else
            matrix = csr_array(load_npz(file))
        if matrix.shape == shape:
            return matrix
        LOG.warning("cache file %s has another shape; its weights are made anew", path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        LOG.warning("cache file %s is damaged (%s); its weights are made anew", path, error)
    return None


def _store(path: Path, matrix: "csr_array") -> None:
    """Write the matrix for `_load`; if that fails, log a warning and go on."""
    from scipy.sparse import save_npz

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with staged(path, overwrite=True) as temporary:
            save_npz(temporary, matrix)
    except (OSError, ArtefactError) as error:
        LOG.warning("could not keep the matrix in %s, so the next run makes it again: %s", path.parent, error)
