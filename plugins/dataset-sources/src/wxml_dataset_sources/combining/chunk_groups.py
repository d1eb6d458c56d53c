"""Which variables of several sources lie in the same chunks; see `DataSource.chunk_groups`."""

__all__ = ["beside_each_other", "in_all_of_them"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Groups = NDArray[np.intp]


def beside_each_other(groups: Sequence[Groups], owners: NDArray[np.intp], columns: NDArray[np.intp]) -> Groups:
    """The groups of variables that each come from one source; those of two sources have different numbers.

    Args:
        groups: those of each source.
        owners: the source of each variable.
        columns: its position there.
    """
    own = np.array([groups[owner][column] for owner, column in zip(owners, columns, strict=True)], np.intp)
    return _numbered(np.stack([owners, own]))


def in_all_of_them(groups: Sequence[Groups], columns: Sequence[NDArray[np.intp]]) -> Groups:
    """The groups of variables that all sources have: those that lie together in each source have one number.

    Args:
        groups: those of each source.
        columns: the positions of the variables in each source.
    """
    return _numbered(np.stack([own[there] for own, there in zip(groups, columns, strict=True)]))


def _numbered(keys: NDArray[np.intp]) -> Groups:
    """One number for equal columns of `keys`, shape `[key, variable]`."""
    _, numbers = np.unique(keys, axis=1, return_inverse=True)
    return numbers.reshape(-1).astype(np.intp)
