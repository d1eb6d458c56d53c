"""Weights that somebody else made, in a file."""

__all__ = ["checksum_of", "read_matrix"]

import hashlib
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from wxml.errors import DataError

if TYPE_CHECKING:
    from scipy.sparse import csr_array


def read_matrix(path: str, shape: tuple[int, int]) -> "csr_array":
    """The weights `[target node, source node]` in a file of `scipy.sparse.save_npz`.

    Nothing in the file is run: an array of objects is refused.

    Raises:
        DataError: there is no such file, it holds no matrix of numbers, or one of another shape.
    """
    from scipy.sparse import csr_array, load_npz

    try:
        with Path(path).open("rb") as file:
            weights = csr_array(load_npz(file))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise DataError(
            f"`matrix` {path} cannot be read as a sparse matrix: {error}",
            fix="write one with `scipy.sparse.save_npz(path, weights)`, target nodes × source nodes",
        ) from error
    if weights.dtype.kind != "f" or not np.isfinite(weights.data).all():
        raise DataError(
            f"`matrix` {path} holds {weights.dtype} that are not all finite numbers",
            fix="write one with `scipy.sparse.save_npz(path, weights)`, target nodes × source nodes",
        )
    if weights.shape != shape:
        raise DataError(
            f"`matrix` {path} has {weights.shape[0]} × {weights.shape[1]} weights, and `to` has {shape[0]} nodes, "
            f"`source` {shape[1]}",
            fix="name the weights that belong to these two grids, or leave `matrix` out to have them made",
        )
    return weights


def checksum_of(path: str) -> str:
    """The SHA-256 of a file that can be read."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
