"""What two forecasts have in common: cases, regions and metrics; and whether they can be compared at all."""

__all__ = ["Pairing", "pairing"]

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.contender import Contender

Places = tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.intp]]
SAME = 1e-6  # of sums over nodes, whose order and precision may differ
SAME_VALUES = 1e-5  # of values: data of the same truth may be packed in another way


@dataclass(frozen=True, slots=True, eq=False)
class Pairing:
    """Where the statistics of two forecasts speak of the same."""

    own: Places
    """Initial times, lead times and regions that both have, by their places in the first."""
    other: Places
    """The same by their places in the second."""
    times: NDArray[np.datetime64]
    """The initial times."""
    metrics: tuple[str, ...]
    """What both have with the same options."""
    notes: tuple[str, ...] = ()
    """Sentences on what only one of them has."""

    def among(self, chosen: NDArray[np.bool_]) -> "Pairing":
        """The same of some initial times alone, which are chosen by their places in the first."""
        kept = chosen[self.own[0]]
        own, other = ((places[0][kept], *places[1:]) for places in (self.own, self.other))
        return replace(self, own=own, other=other, times=self.times[kept])

    def of_own(self, statistics: Array) -> Array:
        """The first one's statistics `[statistic, time, lead_time, region]` of what both have."""
        return statistics[np.ix_(np.arange(len(statistics)), *self.own)]

    def of_other(self, statistics: Array) -> Array:
        """The second one's."""
        return statistics[np.ix_(np.arange(len(statistics)), *self.other)]


def pairing(own: Contender, other: Contender) -> Pairing:
    """What a forecast and another one have in common.

    Raises:
        DataError: their truths, grids or units differ, or they have no initial time, lead time or variable in common.
    """
    first, second = own.file.header, other.file.header
    if own.file is other.file:
        times, leads = np.arange(len(first.initial_times)), np.arange(len(first.lead_times))
        whole = times, leads, np.arange(len(first.regions))
        return Pairing(whole, whole, first.initial_times, tuple(own.metrics))
    _check(own, other)
    at_times = _common(first.initial_times, second.initial_times)
    at_leads = _common(first.lead_times, second.lead_times)
    for what, found in (("initial time", at_times), ("lead time", at_leads)):
        if not len(found[0]):
            raise DataError(
                f"{own.name} and {other.name} have no {what} in common", fix=f"verify forecasts of the same {what}s"
            )
    regions = [name for name in first.regions if name in second.regions and _same_region(own, other, name)]
    at_regions = [np.array([header.regions.index(name) for name in regions]) for header in (first, second)]
    metrics = tuple(name for name in own.metrics if first.choices[name] == second.choices.get(name))
    places = [(at_times[side], at_leads[side], at_regions[side]) for side in (0, 1)]
    pair = Pairing(places[0], places[1], first.initial_times[at_times[0]], metrics)
    _check_truth(own, other, pair)
    return replace(pair, notes=tuple(_notes(own, other, pair)))


def _common(first: NDArray[Any], second: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The places of what both have, in the order of time."""
    _, ours, theirs = np.intersect1d(first, second, return_indices=True)
    return ours, theirs


def _check(own: Contender, other: Contender) -> None:
    """Refuse variables in other units, and other nodes."""
    first, second = (dict(zip(one.file.header.variables, one.file.header.units, strict=True)) for one in (own, other))
    common = [name for name in first if name in second]
    if not common:
        raise DataError(
            f"{own.name} and {other.name} have no variable in common: one has {', '.join(first)}, the other "
            f"{', '.join(second)}",
            fix="verify forecasts of the same variables",
        )
    for name in common:
        if first[name] != second[name]:
            raise DataError(
                f"{name} has the units {first[name]!r} in {own.name} and {second[name]!r} in {other.name}",
                fix="verify both against one truth, and write the forecasts in the same units",
            )
    if not _same_nodes(own, other):
        raise DataError(
            f"{own.name} and {other.name} were verified on different grids, of {len(own.space.grid)} and "
            f"{len(other.space.grid)} nodes",
            fix="verify both on the same grid",
        )


def _same_nodes(own: Contender, other: Contender) -> bool:
    """Whether both have the same nodes, in any order."""
    first, second = (_places(one)[_order(one)] for one in (own, other))
    return np.array_equal(first, second)


def _places(one: Contender) -> NDArray[np.int64]:
    """Latitude and longitude of each node in thousandths of degrees, shape `[node, 2]`."""
    grid = one.space.grid
    found = np.round(np.stack([grid.latitudes, grid.longitudes], axis=1) * 1000).astype(np.int64)
    found[:, 1] %= 360_000
    return found


def _order(one: Contender) -> NDArray[np.intp]:
    return np.lexsort(_places(one).T)


def _same_region(own: Contender, other: Contender, name: str) -> bool:
    """Whether each node has the same share in the region of that name."""
    first, second = (one.space.regions[name][_order(one)] for one in (own, other))
    return bool(np.allclose(first, second, rtol=SAME, atol=SAME / len(first)))


def _check_truth(own: Contender, other: Contender, pair: Pairing) -> None:
    """Refuse other truths: where their records differ, so must not their means."""
    records = [one.file.provenance.get("data") for one in (own, other)]
    if records[0] == records[1] or _same_means(own, other, pair):
        return
    raise DataError(
        f"{own.name} and {other.name} were verified against different truths: {_briefly(records[0])} and "
        f"{_briefly(records[1])}",
        fix="verify both against one: wxml verify … data.source.path=…",
    )


def _same_means(own: Contender, other: Contender, pair: Pairing) -> bool:
    """Whether the truth has the same means and mean squares in both, in the cases with the same nodes."""
    if own.truths is None or other.truths is None:
        return False
    first, second = own.file.header.variables, other.file.header.variables
    names = [name for name in first if name in second]
    ours = own.truths[np.ix_(*pair.own[:2])][:, :, [first.index(name) for name in names]]
    theirs = other.truths[np.ix_(*pair.other[:2])][:, :, [second.index(name) for name in names]]
    alike = (ours[..., 0] > 0) & np.isclose(ours[..., 0], theirs[..., 0], rtol=SAME, atol=0)
    size = np.sqrt(ours[..., 0] * ours[..., 2])  # of a sum whose values have the size of the root of the mean square
    same = np.abs(ours[..., 1] - theirs[..., 1]) <= SAME_VALUES * size
    same &= np.abs(ours[..., 2] - theirs[..., 2]) <= 2 * SAME_VALUES * ours[..., 2]
    return bool(alike.any() and same[alike].all())


def _briefly(record: Any) -> str:
    """What a record says of data, in a few words."""
    source = record.get("source", {}) if isinstance(record, dict) else {}
    text = ", ".join(f"{key} {value}" for key, value in source.items() if isinstance(value, str | int | float))
    return text[:100] or "unknown"


def _notes(own: Contender, other: Contender, pair: Pairing) -> Iterator[str]:
    """What is left out because only one of the two has it."""
    for one, places in ((own, pair.own), (other, pair.other)):
        header = one.file.header
        rival = other if one is own else own
        for what, count, kept in (
            ("initial times", len(header.initial_times), len(places[0])),
            ("lead times", len(header.lead_times), len(places[1])),
        ):
            if kept < count:
                yield f"{count - kept} of {count} {what} of {one.name} are not in {rival.name}: left out."
        lost = [name for name in header.variables if name not in rival.file.header.variables]
        if lost:
            yield f"Only {one.name} has {', '.join(lost)}: not compared."
        metrics = [name for name in one.metrics if name not in pair.metrics]
        if metrics:
            yield f"{rival.name} lacks {', '.join(metrics)} of {one.name}, or has other options: not compared."
    regions = [name for name in own.file.header.regions if own.file.header.regions.index(name) not in pair.own[2]]
    if regions:
        yield f"{other.name} has no region {', '.join(regions)} with the same nodes: not compared."
    yield from _climatology_notes(own, other, pair)
    yield from _case_notes(own, other, pair)


def _climatology_notes(own: Contender, other: Contender, pair: Pairing) -> Iterator[str]:
    """Whether the anomalies are from two climatologies."""
    first, second = (one.file.provenance.get("climatology") for one in (own, other))
    names = [name for name in pair.metrics if own.metrics[name].takes_climatology]
    if first and second and first != second and names:
        yield f"{own.name} and {other.name} have two climatologies, so {', '.join(names)} do not compare."


def _case_notes(own: Contender, other: Contender, pair: Pairing) -> Iterator[str]:
    """Cases of one alone, and cases that the two have at different nodes, by the statistics of `rmse`."""
    alone, unequal, both = np.zeros(2, int), 0, 0
    for name in own.file.header.variables:
        ours, theirs = own.statistics("rmse", name), other.statistics("rmse", name)
        if ours is None or theirs is None:
            continue
        first, second = pair.of_own(ours)[0, :, :, 0], pair.of_other(theirs)[0, :, :, 0]
        alone += [int(((first > 0) & (second == 0)).sum()), int(((first == 0) & (second > 0)).sum())]
        there = (first > 0) & (second > 0)
        both += int(there.sum())
        unequal += int((there & ~np.isclose(first, second, rtol=SAME, atol=0)).sum())
    for one, count in zip((own, other), alone, strict=True):
        if count:
            yield f"{count} scores of single cases are in {one.name} alone: left out."
    if unequal:
        yield f"{unequal} of {both} pairs of single cases have values at different nodes, so read them with care."
