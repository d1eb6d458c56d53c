"""Moments: what mean, deviation and extremes of each variable are made of; those of two parts merge exactly."""

__all__ = ["DateMoments", "Moments"]

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError

Columns = tuple[NDArray[Any], ...]
"""Arrays of moments in the order of their names."""
BLOCK_BYTES = 320 * 2**10
"""The size in double precision of the variables computed together; with what is made of them, it fits a cache."""


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Weight, mean, squared deviations and extremes of each variable, in double precision; a missing value is NaN.

    The arrays have one shape, `[..., variable]`; the axes in front are parts that are kept apart, such as dates. Where
    a variable has no value, weight, mean and squares are 0, the minimum is inf and the maximum -inf.

    >>> parts = [Moments.of(np.array([[[1.0, 2.0]]]), np.ones(2)), Moments.of(np.array([[[6.0, np.nan]]]), np.ones(2))]
    >>> whole = Moments.stack(parts).merged()
    >>> whole.mean.tolist(), whole.squares.tolist(), whole.maximum.tolist(), whole.missing.tolist()
    ([3.0], [14.0], [6.0], [1])
    """

    weight: NDArray[np.float64]
    """The sum of the weights of the values."""
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]
    """The weighted sum of the squared deviations from the mean."""
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    missing: NDArray[np.int64]
    """The number of missing values."""

    def __post_init__(self) -> None:
        shapes = {name: array.shape for name, array in self.arrays().items()}
        if len(set(shapes.values())) > 1 or not self.weight.ndim:
            raise DataError(
                f"the arrays of moments must have one shape, `[..., variable]`, got {shapes}",
                fix="compute the moments again",
            )

    @classmethod
    def of(cls, values: NDArray[np.floating[Any]], node_weights: NDArray[np.float64]) -> Self:
        """Compute the moments of the values of one date, shape `[variable]`.

        The same values have the same moments, bit for bit, whatever else was read with them.

        Args:
            values: shape `[member, variable, node]`, of any number of members.
            node_weights: shape `[node]`, such as the areas of a grid, or ones for a mean over all values.
        """
        return cls.from_arrays(DateMoments(node_weights, len(values)).of(values))

    @classmethod
    def of_change(
        cls,
        earlier: NDArray[np.floating[Any]],
        later: NDArray[np.floating[Any]],
        node_weights: NDArray[np.float64],
    ) -> Self:
        """Compute the moments of `later` − `earlier`; a change is missing where one of both is.

        Args:
            earlier: the values of one date, shape `[member, variable, node]`.
            later: those of a later date, of the same shape.
            node_weights: as in `of`.
        """
        return cls.from_arrays(DateMoments(node_weights, len(later)).of_change(earlier, later))

    @classmethod
    def nothing(cls, *shape: int) -> Self:
        """The moments of no values at all, which change no sum; `shape` is that of the arrays."""
        zeros, missing = np.zeros(shape), np.zeros(shape, np.int64)
        return cls(zeros, zeros.copy(), zeros.copy(), np.full(shape, np.inf), np.full(shape, -np.inf), missing)

    @classmethod
    def stack(cls, parts: "Sequence[Moments]") -> Self:
        """Put parts of one shape `[..., variable]` along a new first axis, in that order."""
        return cls(*(np.stack([getattr(part, name) for part in parts]) for name in _NAMES))

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """Make moments of what `arrays` gave.

        Raises:
            DataError: the arrays differ in shape.
        """
        types: dict[str, type] = dict.fromkeys(_NAMES, np.float64) | {"missing": np.int64}
        cast: dict[str, NDArray[Any]] = {name: np.asarray(arrays[name]).astype(dtype) for name, dtype in types.items()}
        return cls(**cast)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name, as a file may hold them."""
        return {name: getattr(self, name) for name in _NAMES}

    def __getitem__(self, index: Any) -> Self:
        """Index every array alike: `moments[3:5]` has two dates of moments `[date, variable]`."""
        return type(self)(*(array[index] for array in self.arrays().values()))

    def where(self, is_kept: NDArray[np.bool_]) -> Self:
        """Those of some values, and those of no values elsewhere; `is_kept` is broadcast to the shape of the arrays."""
        nothing = type(self).nothing(*self.weight.shape).arrays()
        return type(self)(*(np.where(is_kept, array, nothing[name]) for name, array in self.arrays().items()))

    def __add__(self, other: "Moments") -> Self:
        """Merge two parts of all values (Chan, Golub, LeVeque 1983, doi:10.1080/00031305.1983.10483115)."""
        weight = self.weight + other.weight
        share = other.weight / np.where(weight > 0, weight, 1.0)  # of nothing and something it is exactly 0 or 1
        shift = other.mean - self.mean
        return type(self)(
            weight,
            self.mean + shift * share,
            self.squares + other.squares + shift**2 * self.weight * share,
            np.minimum(self.minimum, other.minimum),
            np.maximum(self.maximum, other.maximum),
            self.missing + other.missing,
        )

    def merged(self) -> Self:
        """Merge the parts along the first axis into one.

        Neighbours are merged in pairs, and the results again, until one is left. So the bits of the result depend on
        the parts and their order alone, not on who computed which of them.
        """
        parts = self if len(self.weight) else type(self).nothing(1, *self.weight.shape[1:])
        while (count := len(parts.weight)) > 1:
            pairs = parts[0 : count - 1 : 2] + parts[1:count:2]
            parts = pairs if count % 2 == 0 else pairs._followed_by(parts[count - 1 :])
        return parts[0]

    def _followed_by(self, other: "Moments") -> Self:
        return type(self)(
            *(np.concatenate(pair) for pair in zip(self.arrays().values(), other.arrays().values(), strict=True))
        )

    @property
    def std(self) -> NDArray[np.float64]:
        """The standard deviation; 0 where there is no value."""
        return np.asarray(np.sqrt(self.squares / np.where(self.weight > 0, self.weight, 1.0)))

    @property
    def root_mean_square(self) -> NDArray[np.float64]:
        """The root mean square, as a typical size of changes; 0 where there is no value."""
        return np.asarray(np.hypot(self.mean, self.std))


_NAMES = tuple(field.name for field in fields(Moments))


class DateMoments:
    """Computes the moments of one date after the other, on memory that is used again.

    It takes some variables at a time, which stay in a cache: fewer operations than on one after the other, and the same
    bits.
    """

    def __init__(self, node_weights: NDArray[np.float64], members: int) -> None:
        """Take the memory.

        Args:
            node_weights: shape `[node]`.
            members: of each date.
        """
        self._weights = np.tile(node_weights, members)  # [member · node]
        self._whole = float(self._weights.sum())
        shape = (max(1, BLOCK_BYTES // max(1, self._weights.nbytes)), self._weights.size)
        self._x, self._before, self._scratch = (np.empty(shape) for _ in range(3))

    def of(self, values: NDArray[np.floating[Any]]) -> dict[str, NDArray[Any]]:
        """The arrays of the moments of one date, shape `[variable]`.

        Args:
            values: shape `[member, variable, node]`.
        """
        return _joined(self._own(block) for block in self._blocks(values))

    def of_change(
        self, earlier: NDArray[np.floating[Any]], later: NDArray[np.floating[Any]]
    ) -> dict[str, NDArray[Any]]:
        """Those of `later` − `earlier`.

        Args:
            earlier: shape `[member, variable, node]`.
            later: of the same shape.
        """
        pairs = zip(self._blocks(earlier), self._blocks(later), strict=True)
        return _joined(self._change(before, self._cast(self._x, after)) for before, after in pairs)

    def of_both(
        self, earlier: NDArray[np.floating[Any]], later: NDArray[np.floating[Any]]
    ) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
        """Those of `later`, and of `later` − `earlier`; the same as `of` and `of_change`, in less time."""
        pairs = zip(self._blocks(earlier), self._blocks(later), strict=True)
        found = [
            (self._change(before, self._cast(self._x, after)), self._own(after, self._x)) for before, after in pairs
        ]
        return _joined(own for _, own in found), _joined(change for change, _ in found)

    def _blocks(self, values: NDArray[np.floating[Any]]) -> Iterator[NDArray[np.floating[Any]]]:
        """Views `[variable, member, node]` of some variables after the others."""
        by_variable, size = np.swapaxes(values, 0, 1), len(self._x)
        return (by_variable[start : start + size] for start in range(0, len(by_variable), size))

    def _cast(self, memory: NDArray[np.float64], block: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
        """A block in double precision, `[variable, member · node]`."""
        rows = memory[: len(block)]
        np.copyto(rows.reshape(block.shape), block)
        return rows

    def _own(self, block: NDArray[np.floating[Any]], cast: NDArray[np.float64] | None = None) -> Columns:
        x = self._cast(self._x, block) if cast is None else cast[: len(block)]
        return self._moments(x, block.min((1, 2), initial=np.inf), block.max((1, 2), initial=-np.inf))

    def _change(self, before: NDArray[np.floating[Any]], after: NDArray[np.float64]) -> Columns:
        """Both are cast before the subtraction: one that casts takes twice the time."""
        x = self._cast(self._before, before)
        np.subtract(after, x, out=x)
        return self._moments(x, x.min(1, initial=np.inf), x.max(1, initial=-np.inf))

    def _moments(self, x: NDArray[np.float64], lowest: NDArray[Any], highest: NDArray[Any]) -> Columns:
        """The moments of each row; they are overwritten. The extremes are NaN where a value is missing."""
        if np.isnan(lowest).any():
            found = [_moments_with_gaps(row, self._weights) for row in x]
            return tuple(np.array(column) for column in zip(*found, strict=True))
        scratch = np.multiply(x, self._weights, out=self._scratch[: len(x)])
        mean = scratch.sum(1) / (self._whole if self._whole > 0 else 1.0)
        np.subtract(x, mean[:, None], out=x)
        np.multiply(x, x, out=x)
        squares = np.multiply(x, self._weights, out=x).sum(1)
        return np.full(len(x), self._whole), mean, squares, lowest, highest, np.zeros(len(x), np.int64)


def _joined(blocks: Iterable[Columns]) -> dict[str, NDArray[Any]]:
    columns = list(zip(*blocks, strict=True)) or [(np.empty(0),)] * len(_NAMES)
    return {name: np.concatenate(column) for name, column in zip(_NAMES, columns, strict=True)}


def _moments_with_gaps(
    x: NDArray[np.float64], weights: NDArray[np.float64]
) -> tuple[float, float, float, float, float, int]:
    """The same of one variable `[member · node]` in which values are missing."""
    is_missing = np.isnan(x)
    lowest, highest = np.fmin.reduce(x, initial=np.inf), np.fmax.reduce(x, initial=-np.inf)
    weights = np.where(is_missing, 0.0, weights)
    weight = weights.sum()
    x[is_missing] = 0.0
    mean = (weights * x).sum() / (weight if weight > 0 else 1.0)
    squares = ((x - mean) ** 2 * weights).sum()
    return weight, mean, squares, lowest, highest, int(np.count_nonzero(is_missing))
