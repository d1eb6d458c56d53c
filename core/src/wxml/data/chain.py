"""The chain of transforms: each is made from the statistics of the values that it receives."""

__all__ = ["first_order_change", "first_order_statistics", "make_chain", "through", "warn_of_scales"]

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from wxml.data.one_pass import ValueMap
from wxml.data.statistics import Statistics
from wxml.data.transform import Transform
from wxml.errors import DataError

logger = logging.getLogger("wxml")

LARGEST_MEAN = 10.0
STD_RANGE = (0.1, 10.0)  # a variable divided by its maximum, such as rain, may be below


def make_chain(
    makers: Sequence[Callable[[Statistics], Transform]],
    statistics: Statistics,
    compute: Callable[[ValueMap, int], Statistics],
) -> tuple[tuple[Transform, ...], Statistics]:
    """Make the transforms of a chain one after the other.

    Args:
        makers: each makes a transform from the statistics of the values that it receives.
        statistics: the statistics of the physical values.
        compute: computes the statistics of mapped values from the training data; it is told how many transforms map.

    Returns:
        The transforms, and the statistics of the model values, which the last one gives.

    Raises:
        DataError: a transform has no finite value for a value that it receives, so it cannot stand at its place.
    """
    transforms: list[Transform] = []
    for place, make in enumerate(makers):
        transforms.append(make(statistics))
        after = transforms[-1].statistics_after()
        statistics = compute(_checked(tuple(transforms), place), place + 1) if after is None else after
    return tuple(transforms), statistics


def through(
    transforms: Sequence[Transform], values: NDArray[np.float32], variables: tuple[str, ...]
) -> NDArray[np.float32]:
    """Map `values`, shape `[..., variable, node]`, through all `transforms`, the first one first."""
    for transform in transforms:
        values = transform.forward(values, variables)
    return values


def _checked(transforms: tuple[Transform, ...], place: int) -> ValueMap:
    """Return the map of all `transforms`; it refuses values for which the last one, at `place`, has none."""

    def forward(values: NDArray[np.float32], variables: tuple[str, ...]) -> NDArray[np.float32]:
        missing = np.isnan(values)
        with np.errstate(all="ignore"):
            received = through(transforms[:-1], values, variables)
            given = transforms[-1].forward(received, variables)
        bad = ~missing & ~np.isfinite(given)
        if bad.any():
            where = tuple(np.argwhere(bad)[0])
            raise DataError(
                f"transform {place} ({type(transforms[-1]).__name__}) of `data.transforms` gives {given[where]} for "
                f"{variables[where[-2]]!r} = {received[where]:.6g}, which it receives in the training period",
                fix="put the transforms of `data.transforms` in another order, or leave this variable out of it",
            )
        return np.where(missing, np.float32(np.nan), given)

    return forward


def first_order_change(forward: ValueMap, statistics: Statistics, change: NDArray[np.float64]) -> NDArray[np.float64]:
    """Compute |forward(mean + change) − forward(mean)| in single precision, shape `[variable]`.

    It is the change of the mapped values if `forward` is linear.
    """
    still, moved = (
        forward(values.astype(np.float32)[:, None], statistics.variables)[:, 0]
        for values in (statistics.mean, statistics.mean + change)
    )
    return np.asarray(np.abs(moved - still), np.float64)


def first_order_statistics(forward: ValueMap, statistics: Statistics) -> Statistics:
    """Compute the statistics of mapped values as if `forward` were linear, which version 0.1 did for every chain."""
    points = (statistics.mean, statistics.minimum, statistics.maximum)
    with np.errstate(all="ignore"):  # an extreme may have no mapped value
        mean, lowest, highest = (
            forward(x.astype(np.float32)[:, None], statistics.variables)[:, 0].astype(np.float64) for x in points
        )
        changes = (statistics.std, statistics.tendency_std)
        std, tendency = (first_order_change(forward, statistics, change) for change in changes)
    return Statistics(statistics.variables, mean, std, lowest, highest, tendency)


def warn_of_scales(statistics: Statistics) -> None:
    """Log a warning for each variable whose model values have a mean or a deviation far from 0 and 1.

    A variable that never changes has the deviation 0, and only its mean is looked at.
    """
    low, high = STD_RANGE
    for name, mean, std in zip(statistics.variables, statistics.mean, statistics.std, strict=True):
        if abs(mean) > LARGEST_MEAN or (std > 0 and not low <= std <= high):
            logger.warning(
                "the model values of %r have mean %.3g and standard deviation %.3g, far from 0 and 1; end "
                "`data.transforms` with {plugin: normalise}",
                name,
                mean,
                std,
            )
