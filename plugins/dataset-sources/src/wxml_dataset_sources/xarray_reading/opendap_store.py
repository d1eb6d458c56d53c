"""A data set behind OPeNDAP as xarray opens one: only the values that are asked for are fetched."""

__all__ = ["OpendapStore"]

import itertools
from typing import Any, Final

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from xarray.backends.common import AbstractDataStore, BackendArray
from xarray.core import indexing

from wxml_dataset_sources.remote.opendap import Described, OpendapArray, OpendapAt, Span, described, values_of

REQUEST: Final = 8 * 2**20
"""The most bytes of one request: servers limit them, and some go at once."""


class OpendapStore(AbstractDataStore):
    """The arrays and attributes of a data set; nothing of it is written."""

    def __init__(self, at: OpendapAt) -> None:
        self._found: Described = described(at)

    def get_variables(self) -> dict[str, xr.Variable]:
        """The arrays by their names, lazily."""
        return {
            name: xr.Variable(array.dims, indexing.LazilyIndexedArray(_Values(self._found, array)), array.attributes)
            for name, array in self._found.arrays.items()
        }

    def get_attrs(self) -> dict[str, Any]:
        """The attributes of the whole."""
        return dict(self._found.attributes)

    def get_dimensions(self) -> dict[str, int]:
        """The lengths of the dimensions."""
        arrays = self._found.arrays.values()
        return {dim: length for array in arrays for dim, length in zip(array.dims, array.shape, strict=True)}


class _Values(BackendArray):
    """The values of one array."""

    def __init__(self, found: Described, array: OpendapArray) -> None:
        self._found, self._array = found, array
        self.shape, self.dtype = array.shape, array.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        outer = indexing.IndexingSupport.OUTER
        return indexing.explicit_indexing_adapter(key, self.shape, outer, self._fetched)

    def _fetched(self, key: tuple[Any, ...]) -> NDArray[Any]:
        """The values at positions along each dimension, in requests of neighbours; axes are kept."""
        if len(key) == 1:
            kept = self._found.axes
            if self._array.key not in kept:
                (kept[self._array.key],) = values_of(self._found.at, self._array, [[(0, self.shape[0])]])
            return np.asarray(kept[self._array.key][key])
        chosen = [np.atleast_1d(np.arange(length)[each]) for each, length in zip(key, self.shape, strict=True)]
        wanted = tuple(np.unique(each) for each in chosen)
        places = [np.searchsorted(own, each) for own, each in zip(wanted, chosen, strict=True)]
        spans = _spans(wanted, self.dtype.itemsize)
        parts = list(itertools.product(*spans))
        whole = np.empty([len(each) for each in wanted], self.dtype)
        for part, values in zip(parts, values_of(self._found.at, self._array, parts), strict=True):
            where = [np.searchsorted(own, first) for own, (first, _) in zip(wanted, part, strict=True)]
            whole[tuple(slice(at, at + size) for at, size in zip(where, values.shape, strict=True))] = values
        dropped = tuple(0 if isinstance(each, int | np.integer) else slice(None) for each in key)
        return np.asarray(whole[np.ix_(*places)] if key else whole)[dropped]


def _spans(wanted: tuple[NDArray[np.intp], ...], itemsize: int) -> list[list[Span]]:
    """For each dimension the runs of neighbours, cut so that no request has more than REQUEST bytes."""
    spans, inner = [], itemsize
    for positions in reversed(wanted):
        runs = np.split(positions, np.flatnonzero(np.diff(positions) > 1) + 1)
        longest = max(REQUEST // inner, 1)
        spans.append([(int(p[0]), int(p[-1]) + 1) for run in runs for p in _cut(run, longest) if len(p)])
        inner *= min(longest, max(map(len, runs)))
    return spans[::-1]


def _cut(run: NDArray[np.intp], longest: int) -> list[NDArray[np.intp]]:
    return [run[start : start + longest] for start in range(0, len(run), longest)]
