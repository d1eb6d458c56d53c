"""Statistics: mean, deviation, extremes and typical change of each variable over the training times."""

__all__ = ["Statistics", "ValueMap", "compute_statistics"]

import logging
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import reduce
from operator import add
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.source import DataSource
from wxml.data.times import format_time
from wxml.errors import DataError

logger = logging.getLogger("wxml")

ValueMap = Callable[[NDArray[np.float32], tuple[str, ...]], NDArray[np.float32]]
"""A map of values `[..., variable, node]` of the variables that it is told."""

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Values that differ by less, relative to the largest of them, differ by rounding in single precision."""

CHUNK_BYTES = 64 * 2**20
"""The number of bytes that `compute_statistics` reads at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Statistics:
    """Statistics of each variable over the training times, all members and all nodes; mean and deviation by area.

    They are in physical units, or those of the values that a transform gives; a missing value counts nowhere. A
    variable that is constant up to rounding has equal mean, minimum and maximum, and the deviation and the change 0.
    """

    variables: tuple[str, ...]
    mean: NDArray[np.float64]
    """Shape `[variable]`, and so are the others."""
    std: NDArray[np.float64]
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    tendency_std: NDArray[np.float64]
    """The root mean square of the change over one time step."""

    def __post_init__(self) -> None:
        for field in fields(self)[1:]:
            shape = getattr(self, field.name).shape
            if shape != (len(self.variables),):
                raise DataError(
                    f"`{field.name}` must hold one number per variable, got shape {shape} for {len(self.variables)}",
                    fix="compute the statistics again",
                )

    def select(self, variables: tuple[str, ...]) -> Self:
        """Return the statistics of `variables` alone, in that order."""
        where = [self.variables.index(name) for name in variables]
        arrays = {field.name: getattr(self, field.name)[where] for field in fields(self)[1:]}
        return type(self)(variables, **arrays)


@dataclass(frozen=True, slots=True, eq=False)
class _Moments:
    """Weight, mean and sum of squared deviations of each variable; a sum of two parts is exact (Chan et al. 1983)."""

    weight: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, values: NDArray[np.float32], node_weights: NDArray[np.float64]) -> Self:
        """Compute the moments of `values`, shape `[time, member, variable, node]`; a missing value has no weight."""
        x = values.astype(np.float64)
        w = np.where(np.isnan(x), 0.0, node_weights)
        weight = w.sum(axis=(0, 1, 3))
        safe = np.where(weight > 0, weight, 1.0)
        mean = np.nansum(w * np.nan_to_num(x), axis=(0, 1, 3)) / safe
        squares = np.sum(w * np.nan_to_num(x - mean[:, None]) ** 2, axis=(0, 1, 3))
        return cls(weight, mean, squares)

    def __add__(self, other: Self) -> Self:
        weight = self.weight + other.weight
        safe = np.where(weight > 0, weight, 1.0)
        shift = other.mean - self.mean
        mean = self.mean + shift * other.weight / safe
        squares = self.squares + other.squares + shift**2 * self.weight * other.weight / safe
        return type(self)(weight, mean, squares)

    @property
    def std(self) -> NDArray[np.float64]:
        return np.asarray(np.sqrt(self.squares / np.where(self.weight > 0, self.weight, 1.0)))

    @property
    def root_mean_square(self) -> NDArray[np.float64]:
        return np.asarray(np.hypot(self.mean, self.std))


def compute_statistics(
    source: DataSource,
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
    timestep: np.timedelta64,
    forward: ValueMap | None = None,
) -> Statistics:
    """Compute area-weighted statistics of `variables` over `times`.

    Args:
        source: the source to read from.
        variables: names that the source has.
        times: `datetime64[s]`, rising.
        timestep: the tendencies are the differences between times that are one `timestep` apart.
        forward: maps the values before they count; None: they count as they are.

    Raises:
        DataError: a variable has no value at any of `times`.
    """

    def read(instants: NDArray[np.datetime64]) -> NDArray[np.float32]:
        values = source.read(instants, variables)
        return values if forward is None else forward(values, variables)

    weights = source.header.grid.area_weights
    parts: list[_Moments] = []
    changes: list[_Moments] = []
    lowest, highest = np.full(len(variables), np.inf), np.full(len(variables), -np.inf)
    bytes_per_time = 4 * source.header.members * len(variables) * len(source.header.grid)
    size = max(2, CHUNK_BYTES // max(bytes_per_time, 1))
    for start in range(0, len(times), size):
        here = times[start : start + size]
        logger.info("statistics: %s to %s", format_time(here[0]), format_time(here[-1]))
        values = read(here)
        parts.append(_Moments.of(values, weights))
        lowest = np.fmin(lowest, np.fmin.reduce(values, axis=(0, 1, 3)))
        highest = np.fmax(highest, np.fmax.reduce(values, axis=(0, 1, 3)))
        pairs = np.nonzero(np.isin(here + timestep, times))[0]  # a chunk may be shorter than the time step
        later = read(here[pairs] + timestep)
        changes.append(_Moments.of(later - values[pairs], weights))
    total, change = reduce(add, parts), reduce(add, changes)
    _require_values(variables, total)
    return _without_rounding(variables, total, lowest, highest, change.root_mean_square)


def _without_rounding(
    variables: tuple[str, ...],
    total: _Moments,
    lowest: NDArray[np.float64],
    highest: NDArray[np.float64],
    tendency: NDArray[np.float64],
) -> Statistics:
    """Return the statistics, where a range or a change that is rounding of the largest value counts as 0."""
    rounding = ROUNDING * np.maximum(np.abs(lowest), np.abs(highest))
    is_constant = highest - lowest <= rounding
    middle = lowest + (highest - lowest) / 2
    mean, lowest, highest = (np.where(is_constant, middle, values) for values in (total.mean, lowest, highest))
    std = np.where(is_constant, 0.0, total.std)
    return Statistics(variables, mean, std, lowest, highest, np.where(tendency <= rounding, 0.0, tendency))


def _require_values(variables: tuple[str, ...], total: _Moments) -> None:
    """Raise a DataError if a variable has no value."""
    empty = [name for name, weight in zip(variables, total.weight, strict=True) if weight == 0]
    if empty:
        raise DataError(
            f"the training period holds no value of {', '.join(map(repr, empty))}",
            fix="leave the variable out (`data.variables`), or choose another `data.split.training`",
        )
