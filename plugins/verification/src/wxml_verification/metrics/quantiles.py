"""How the values of forecasts are distributed, beside those of the truth, wherever and whenever they occur."""

__all__ = ["Quantiles"]

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Curve, Further, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, DataError, Fault, nearest
from wxml.verification.metric import PastFields, quotient

from wxml_verification.arrays import Array

TAILS = {"95": 0.95, "99": 0.99, "99.9": 0.999}
SHARES = np.array([0.001, 0.005, 0.01, *np.arange(2, 99) / 100, 0.99, 0.995, 0.999])
"""The quantiles of the curves."""
WIDER = 0.5  # of the range of the past, by which the bins go beyond it on both sides
PAST_TIMES = 64  # of the past, evenly spread, that tell the range
FIX = "write `ranges` of `quantiles`, or name past data in `verification.climatology.source`"


class Quantiles(VerificationMetric):
    """Wasserstein-1 distance ∫ |F_f(x) − F_o(x)| dx of the distributions of forecast and truth, over nodes and cases.

    The distributions are histograms in which each node counts by its area, so they add up over cases. Bins are of one
    width: over `ranges`, else over the range of some past values and half of it more on both sides; values beyond are
    in the outer bins. `quantiles-tail-95` is the difference of the 95 % quantiles, forecast less truth, likewise
    `-tail-99` and `-tail-99.9`. Curves: the quantiles of both by share (a Q-Q diagram), and the density of both by
    value. All members of an ensemble are in its distribution.
    """

    adds_over_nodes = True
    further: ClassVar[Mapping[str, Further]] = {f"tail-{name}": Further("nearer to zero") for name in TAILS}

    def __init__(
        self,
        space: VerificationSpace,
        *,
        bins: Annotated[int, Field(ge=2, description="the number of bins of a histogram")] = 200,
        ranges: Annotated[
            dict[str, tuple[float, float]],
            Field(
                description="variable → least and greatest value, in its units; others have the range of the past",
                examples=[{"t_850": [220, 320]}],
            ),
        ] = {},  # noqa: B006  # never changed
    ) -> None:
        super().__init__(space)
        known = [one.name for one in space.variables]
        faults = [
            Fault(("verification", "metrics", "ranges", name), f"{name!r} is not scored: {nearest(name, known)}")
            for name in ranges
            if name not in known
        ]
        faults += [
            Fault(("verification", "metrics", "ranges", name), f"must rise, got {low:g} and {high:g}")
            for name, (low, high) in ranges.items()
            if not low < high
        ]
        if faults:
            raise ConfigError(faults)
        self._bins, self._ranges = bins, dict(ranges)

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, its products with the first and the last edge, and the areas in each bin of both histograms."""
        members, truth = fields.forecasts[subject.name], fields.truths[subject.name]
        low, high = self._range(subject.name)
        known = np.isfinite(truth) & np.isfinite(members.sum(axis=0))
        own = sum(self._areas(member, known, (low, high), fields.weights) for member in members) / len(members)
        other = self._areas(truth, known, (low, high), fields.weights)
        weight = (known @ fields.weights.T)[None]
        return np.concatenate([weight, low * weight, high * weight, own, other])

    def value(self, sums: Array) -> Array:
        """The distance."""
        edges, forecast, truth = _distributions(sums)
        difference = np.cumsum(forecast - truth, axis=0)  # at the upper edge of each bin, and a line in between
        apart = np.abs(difference)
        crosses = difference[1:] * difference[:-1] < 0
        means = np.where(crosses, _crossed(apart[1:], apart[:-1]), (apart[1:] + apart[:-1]) / 2)
        return np.asarray((means.sum(axis=0) + apart[0] / 2) * (edges[1] - edges[0]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The errors of the tails."""
        edges, forecast, truth = _distributions(sums)
        return {
            f"tail-{name}": (_quantiles(edges, forecast, [share]) - _quantiles(edges, truth, [share]))[0]
            for name, share in TAILS.items()
        }

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """Quantiles by share, and densities by value; the values are those of the first lead time and region."""
        edges, forecast, truth = _distributions(sums)
        first = edges.reshape(len(edges), -1)
        known = first[:, np.isfinite(first[0])]
        middles = (known[1:, 0] + known[:-1, 0]) / 2 if known.size else np.full(len(forecast), np.nan)
        width = edges[1] - edges[0]
        return {
            "forecast": Curve("share", SHARES, _quantiles(edges, forecast, SHARES)),
            "truth": Curve("share", SHARES, _quantiles(edges, truth, SHARES)),
            "density-forecast": Curve("value", middles, quotient(forecast, width)),
            "density-truth": Curve("value", middles, quotient(truth, width)),
        }

    def check(self) -> None:
        """Refuse a variable of unknown range.

        Raises:
            DataError: neither an option nor the past tells it.
        """
        for subject in self.subjects:
            if subject.name not in self._ranges:
                self._past(subject.name)

    def _past(self, name: str) -> PastFields:
        """The past, which has the variable."""
        past = self.space.past
        if past is None or name not in past.source.header.names:
            raise DataError(f"`quantiles` does not know the range of {name!r}", fix=FIX)
        return past

    def _range(self, name: str) -> tuple[float, float]:
        if name not in self._ranges:
            past = self._past(name)
            self._ranges[name] = _wide_range(past.source.read(_spread(past.times), (name,)))
        return self._ranges[name]

    def _areas(
        self, values: NDArray[np.floating[Any]], known: NDArray[np.bool_], ends: tuple[float, float], weights: Array
    ) -> Array:
        """The area of each bin, shape `[bin, lead_time, region]`."""
        leads = len(values)
        scaled = (np.where(known, values, ends[0]) - ends[0]) * (self._bins / (ends[1] - ends[0]))
        places = np.clip(scaled.astype(np.int64), 0, self._bins - 1) + self._bins * np.arange(leads)[:, None]
        places = np.where(known, places, self._bins * leads).ravel()  # the last one is thrown away
        found = [
            np.bincount(places, np.broadcast_to(one, values.shape).ravel(), self._bins * leads + 1)[:-1]
            for one in weights
        ]
        return np.asarray(np.stack(found, axis=-1).reshape(leads, self._bins, -1).swapaxes(0, 1), np.float64)


def _spread(times: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Some times, evenly spread."""
    return times[np.unique(np.linspace(0, len(times) - 1, min(len(times), PAST_TIMES)).astype(np.int64))]


def _wide_range(values: NDArray[np.float32]) -> tuple[float, float]:
    """The range of some values, made wider."""
    if not np.isfinite(values).any():
        return (0.0, 1.0)
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    more = WIDER * (high - low) or 1.0
    return low - more, high + more


def _distributions(sums: Array) -> tuple[Array, Array, Array]:
    """The edges of the bins, shape `[bin + 1, ...]`, and the shares of forecast and truth, shape `[bin, ...]`."""
    weight, low, high = sums[0], quotient(sums[1], sums[0]), quotient(sums[2], sums[0])
    forecast, truth = np.split(quotient(sums[3:], weight[None]), 2)
    places = np.linspace(0, 1, len(forecast) + 1).reshape(-1, *[1] * weight.ndim)
    return low + places * (high - low), forecast, truth


def _crossed(first: Array, second: Array) -> Array:
    """The mean of |x| along a line from one side of 0 to the other, at these distances from it."""
    return np.asarray(
        (np.square(first) + np.square(second)) / (2 * np.maximum(first + second, np.finfo(np.float64).tiny))
    )


def _quantiles(edges: Array, shares: Array, wanted: Any) -> Array:
    """Quantiles of a histogram whose values are evenly spread in each bin, shape `[share, ...]`; NaN without values."""
    until = np.cumsum(shares, axis=0)
    flat = until.reshape(len(until), -1)
    out = np.full((len(wanted), flat.shape[1]), np.nan)
    for column, ends in enumerate(edges.reshape(len(edges), -1).T):
        if np.isfinite(flat[0, column]):
            rising = np.concatenate([[0.0], flat[:, column]])
            kept = np.concatenate([[True], np.diff(rising) > 0])  # of empty bins the first edge
            kept[:-1] |= np.diff(rising) > 0
            out[:, column] = np.interp(wanted, rising[kept] / rising[-1], ends[kept])
    return out.reshape(len(wanted), *until.shape[1:])
