"""The moments of the values and of the changes of a source at some times, for which each instant is read once."""

__all__ = ["ValueMap", "moments_of", "own_moments"]

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wxml.data.moments import DateMoments, Moments
from wxml.data.source import DataSource
from wxml.data.times import format_time
from wxml.terminal import Progress

logger = logging.getLogger("wxml")

ValueMap = Callable[[NDArray[np.float32], tuple[str, ...]], NDArray[np.float32]]
"""A map of values `[..., variable, node]` of the variables that it is told."""

CHUNK_BYTES = 32 * 2**20
"""The number of bytes that are read at once, while as many that were read before are computed with; at least one
instant is."""
KEPT_BYTES = 512 * 2**20
"""The number of bytes of earlier instants that are kept until the later one is read."""
NONE: Final = -1


def moments_of(
    source: DataSource,
    variables: tuple[str, ...],
    times: NDArray[np.datetime64],
    timestep: np.timedelta64,
    forward: ValueMap | None = None,
) -> tuple[Moments, Moments]:
    """Compute the area-weighted moments of the values at each time, and of the change from it over one time step.

    Args:
        source: the source to read from.
        variables: names that the source has.
        times: `datetime64[s]`, rising.
        timestep: a time without one of `times` so much later has no change.
        forward: maps the values before they count; None: they count as they are.

    Returns:
        Two of shape `[time, variable]`. Their bits do not depend on how much is read at once.
    """
    compute = DateMoments(source.header.grid.area_weights, source.header.members)
    later = _later(times, timestep)
    nothing = Moments.nothing(len(variables))
    own, changes = [nothing] * len(times), [nothing] * len(times)
    kept: dict[int, tuple[int, NDArray[np.float32]]] = {}
    bytes_per_time = max(1, 4 * source.header.members * len(variables) * len(source.header.grid))
    order = _order(later, KEPT_BYTES // bytes_per_time)
    portions = _portions(times, order, max(1, CHUNK_BYTES // bytes_per_time))
    for here, values in _read_ahead(portions, lambda part: source.read(times[part], variables)):
        mapped, among = values if forward is None else forward(values, variables), set(here.tolist())
        for index, one in zip(here.tolist(), mapped, strict=True):
            if index in kept:
                before, earlier = kept.pop(index)
                both = compute.of_both(earlier, one)
                own[index], changes[before] = map(Moments.from_arrays, both)
            else:
                own[index] = Moments.from_arrays(compute.of(one))
            if (after := int(later[index])) != NONE:  # a view of a portion that is done with would keep it whole
                kept[after] = (index, one if after in among else one.copy())
    return Moments.stack(own), Moments.stack(changes)


def _read_ahead(
    portions: Iterator[NDArray[np.intp]], read: Callable[[NDArray[np.intp]], NDArray[np.float32]]
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.float32]]]:
    """Each portion with what is read of it; a thread reads one portion ahead."""
    with ThreadPoolExecutor(1, "wxml-statistics") as reader:
        ahead: tuple[NDArray[np.intp], Future[NDArray[np.float32]]] | None = None
        for here in portions:
            now, ahead = ahead, (here, reader.submit(read, here))
            if now is not None:
                yield now[0], now[1].result()
        if ahead is not None:
            yield ahead[0], ahead[1].result()


def own_moments(
    source: DataSource, variables: tuple[str, ...], times: NDArray[np.datetime64], timestep: np.timedelta64
) -> tuple[Moments, Moments] | None:
    """Return what the source itself has of `moments_of`; None if it does not have all. No field is read."""
    own = source.moments(times, variables)
    changes = None if own is None else source.moments(times, variables, timestep)
    if own is None or changes is None:
        return None
    logger.info("statistics: %s to %s, stored with the data", format_time(times[0]), format_time(times[-1]))
    return own, changes.where((_later(times, timestep) != NONE)[:, None])


def _portions(times: NDArray[np.datetime64], order: NDArray[np.intp], size: int) -> Iterator[NDArray[np.intp]]:
    """Cut `order` into portions of `size`, and show how many are done with if there are several."""
    logger.info("statistics: %s to %s, read from the data", format_time(times[0]), format_time(times[-1]))
    if len(order) <= size:
        yield order
        return
    shown = Progress("statistics", len(order), unit="time")
    try:
        for start in range(0, len(order), size):
            yield order[start : start + size]
            shown.update(min(start + size, len(order)))
    finally:
        shown.close()


def _later(times: NDArray[np.datetime64], timestep: np.timedelta64) -> NDArray[np.intp]:
    """The position of the time that is one time step later than each, or NONE."""
    found = np.searchsorted(times, times + timestep)
    is_there = found < len(times)
    is_there[is_there] = times[found[is_there]] == (times + timestep)[is_there]
    return np.where(is_there, found, NONE)


def _order(later: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """The order in which to read, so that no more than `most` earlier instants, or one, wait for their later one.

    It is that of the times, or else that of chains of times that are one time step apart.
    """
    positions = np.arange(len(later))
    if np.max(later - positions, initial=0) <= most:
        return positions
    is_first = np.ones(len(later), bool)
    is_first[later[later != NONE]] = False
    return np.array([index for first in np.flatnonzero(is_first) for index in _chain(later, int(first))], np.intp)


def _chain(later: NDArray[np.intp], index: int) -> Iterator[int]:
    while index != NONE:
        yield index
        index = int(later[index])
