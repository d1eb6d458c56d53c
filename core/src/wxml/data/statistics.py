"""Statistics: mean, deviation, extremes and typical change of each variable over the training times."""

__all__ = ["Statistics", "compute_statistics", "own_statistics", "statistics_and_missing"]

from dataclasses import dataclass, fields
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wxml.data.moments import Moments
from wxml.data.one_pass import ValueMap, moments_of, own_moments
from wxml.data.source import DataSource
from wxml.errors import DataError

ROUNDING = 4 * float(np.finfo(np.float32).eps)
"""Values that differ by less, relative to the largest of them, differ by rounding in single precision."""


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


def compute_statistics(
    source: DataSource,
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
    timestep: np.timedelta64,
    forward: ValueMap | None = None,
) -> Statistics:
    """Compute area-weighted statistics of `variables` over `times`; each instant is read once.

    Args:
        source: the source to read from.
        variables: names that the source has.
        times: `datetime64[s]`, rising.
        timestep: the tendencies are the differences between times that are one `timestep` apart.
        forward: maps the values before they count; None: they count as they are.

    Raises:
        DataError: a variable has no value at any of `times`.
    """
    return statistics_and_missing(source, variables, times, timestep, forward)[0]


def statistics_and_missing(
    source: DataSource,
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
    timestep: np.timedelta64,
    forward: ValueMap | None = None,
) -> tuple[Statistics, NDArray[np.int64]]:
    """Compute statistics as `compute_statistics` does, and count the missing values, shape `[time, variable]`.

    Raises:
        DataError: a variable has no value at any of `times`.
    """
    values, changes = moments_of(source, variables, times, timestep, forward)
    return _of_moments(variables, values, changes), values.missing


def own_statistics(
    source: DataSource, variables: tuple[str, ...], times: NDArray[np.datetime64], timestep: np.timedelta64
) -> Statistics | None:
    """Return the statistics that `compute_statistics` would compute, of moments that the source has (`moments`).

    No field is read. None if the source does not have them.

    Raises:
        DataError: a variable has no value at any of `times`.
    """
    found = own_moments(source, variables, times, timestep)
    return None if found is None else _of_moments(variables, *found)


def _of_moments(variables: tuple[str, ...], values: Moments, changes: Moments) -> Statistics:
    """The statistics of the moments `[time, variable]` of values and of changes."""
    total = values.merged()
    _require_values(variables, total)
    return _without_rounding(variables, total, changes.merged().root_mean_square)


def _without_rounding(variables: tuple[str, ...], total: Moments, tendency: NDArray[np.float64]) -> Statistics:
    """Return the statistics, where a range or a change that is rounding of the largest value counts as 0."""
    lowest, highest = total.minimum, total.maximum
    rounding = ROUNDING * np.maximum(np.abs(lowest), np.abs(highest))
    is_constant = highest - lowest <= rounding
    middle = lowest + (highest - lowest) / 2
    mean, lowest, highest = (np.where(is_constant, middle, values) for values in (total.mean, lowest, highest))
    std = np.where(is_constant, 0.0, total.std)
    return Statistics(variables, mean, std, lowest, highest, np.where(tendency <= rounding, 0.0, tendency))


def _require_values(variables: tuple[str, ...], total: Moments) -> None:
    """Raise a DataError if a variable has no value."""
    empty = [name for name, weight in zip(variables, total.weight, strict=True) if weight == 0]
    if empty:
        raise DataError(
            f"the training period holds no value of {', '.join(map(repr, empty))}",
            fix="leave the variable out (`data.variables`), or choose another `data.split.training`",
        )
