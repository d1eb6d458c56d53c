"""Moments: what mean, deviation and extremes of each variable are made of; those of two parts merge exactly."""

__all__ = ["Moments"]

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from wxml.errors import DataError


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
        return cls._of_variables(map(_in_double, np.swapaxes(values, 0, 1)), len(values), node_weights)

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
        changes = map(_change, np.swapaxes(earlier, 0, 1), np.swapaxes(later, 0, 1))
        return cls._of_variables(changes, len(later), node_weights)

    @classmethod
    def _of_variables(
        cls, variables: Iterable[NDArray[np.float64]], members: int, node_weights: NDArray[np.float64]
    ) -> Self:
        """The moments of variables `[member, node]`, one after the other, so that each stays in a cache.

        They are overwritten.
        """
        weights = np.tile(node_weights, (members, 1))
        whole = float(weights.sum())
        found = [_moments_of_one(values, weights, whole) for values in variables]
        columns = list(zip(*found, strict=True)) or [()] * len(_NAMES)
        return cls.from_arrays({name: np.array(column) for name, column in zip(_NAMES, columns, strict=True)})

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


def _in_double(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """A copy of `[member, node]` in double precision."""
    return np.array(values, np.float64, order="C")


def _change(earlier: NDArray[np.floating[Any]], later: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """`later` − `earlier`: both are cast before, which takes half of the time of a subtraction that casts."""
    change = _in_double(later)
    return np.subtract(change, _in_double(earlier), out=change)


def _moments_of_one(
    x: NDArray[np.float64], weights: NDArray[np.float64], weight: float
) -> tuple[float, float, float, float, float, int]:
    """Weight, mean, squares, minimum, maximum and the number of missing values of `[member, node]`.

    `x` is overwritten; `weights` has the same shape, and `weight` is its sum.
    """
    missing = 0
    lowest, highest = x.min(initial=np.inf), x.max(initial=-np.inf)  # NaN if a value is missing
    if np.isnan(lowest):
        is_missing = np.isnan(x)
        lowest, highest = np.fmin.reduce(x, None, initial=np.inf), np.fmax.reduce(x, None, initial=-np.inf)
        weights, missing = np.where(is_missing, 0.0, weights), int(np.count_nonzero(is_missing))
        weight = weights.sum()
        x[is_missing] = 0.0
    scratch = weights * x
    mean = scratch.sum() / (weight if weight > 0 else 1.0)
    np.subtract(x, mean, out=x)
    np.multiply(x, x, out=x)
    np.multiply(x, weights, out=x)
    return weight, mean, x.sum(), lowest, highest, missing
