"""The baseline `ridge`: at each node a linear law of the change, fitted on the past and never on what is verified."""

__all__ = ["Fitting", "RidgeBaseline", "RidgeOptions"]

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Options
from wxml.data.sphere import unit_vectors
from wxml.data.times import format_duration, format_time
from wxml.errors import DataError

from wxml_verification.arrays import Array
from wxml_verification.climatology import calendar
from wxml_verification.kept_statistics import zeros
from wxml_verification.truth import Truth
from wxml_verification.usual import ADVICE, Past

BLOCK_BYTES = 64 * 2**20  # of the features of some nodes at all times
WHOLE_YEAR = 300  # dates that the past must have, for a cycle of the year
DATES = 366
Leads = NDArray[np.timedelta64]
Times = NDArray[np.datetime64]


class RidgeOptions(Options):
    """How the ridge regression is fitted."""

    strength: Annotated[
        float, Field(gt=0, description="λ in λ n |β|², for n times and features with a deviation of 1")
    ] = 1e-3
    nodes: Annotated[
        int, Field(ge=1, le=64, description="how many nodes a node reads: itself and the nearest others")
    ] = 9


@dataclass(frozen=True, slots=True, eq=False)
class RidgeBaseline:
    """Ridge regression of the change from the initial time to each lead time, at each node and for each variable.

        β = argmin Σ_t (y_t − x_t · β)² + λ n |β|²    over the n past initial times t

    y_t is the change, x_t the last two states at the node and its nearest ones, and each time of day by itself (with
    cos and sin of the angle of the year if the past has most dates); all less their means, x over its deviations. A
    past initial time counts where the past has all of these values, and those at all lead times.
    """

    past: Past
    """What it is fitted on."""
    options: RidgeOptions
    name: str = "ridge"
    fitted: dict[str, tuple[Leads, "_Law"]] = field(default_factory=dict)
    """Variable → the law of its last fit, and the lead times that it is of."""

    @property
    def note(self) -> str:
        """What it is fitted on, for a reader."""
        times = self.past.times
        first, last = format_time(times[0]), format_time(times[-1])
        return f"The baseline `{self.name}` is fitted on {len(times)} times of {self.past.origin}, {first} to {last}."

    def check(self, verified: Times, variables: Sequence[str]) -> None:
        """Raise a DataError if the past lacks a variable, has a verified time, or has too few times.

        Args:
            verified: the instants that are verified.
            variables: those that are scored.
        """
        lacking = [one for one in variables if one not in self.past.source.header.names]
        if lacking or len(self.past.times) < 3:
            reason = f"no {', '.join(lacking)}" if lacking else f"{len(self.past.times)} past times"
            raise DataError(f"there can be no baseline `ridge`: {self.past.origin} has {reason}", fix=ADVICE)
        both = np.intersect1d(self.past.times, verified)
        if len(both):
            raise DataError(
                f"the baseline `ridge` would be fitted on {len(both)} of {len(np.unique(verified))} times that are "
                f"verified, {format_time(both[0])} to {format_time(both[-1])}",
                fix="choose a `verification.climatology.period` that ends before the first valid time",
            )

    def fields(self, truth: Truth, initial_time: np.datetime64, leads: Leads, names: Sequence[str]) -> Array:
        """See `CaseBaseline`; one member."""
        for name in [one for one in self.fitted if one not in names]:
            del self.fitted[name]
        out = np.empty((1, len(leads), len(names), len(truth.source.header.grid)))
        for place, name in enumerate(names):
            if name not in self.fitted or not np.array_equal(self.fitted[name][0], leads):
                self.fitted[name] = leads, Fitting.of(self.past, name, leads, self.options).whole()
            law = self.fitted[name][1]
            states = truth.at(initial_time - law.step * np.arange(2), (name,))[:, 0]
            out[0, :, place] = law.of(states, initial_time)
        return out


@dataclass(frozen=True, slots=True, eq=False)
class _Law:
    """What was fitted for a variable."""

    weights: Array
    """Shape `[lead_time, node, feature]`."""
    offsets: Array
    """Shape `[lead_time, node]`; NaN where too few times have values."""
    near: NDArray[np.intp]
    """The nodes that each node reads, itself first, shape `[node, neighbour]`."""
    step: np.timedelta64
    """The time between the two states."""
    clocks: NDArray[np.int64]
    """The times of day with terms of their own, in seconds."""
    is_yearly: bool
    """Whether each of these has a cycle of the year."""

    def of(self, states: Array, time: np.datetime64) -> Array:
        """The values at each lead time, shape `[lead_time, node]`, from the last state and the one before."""
        cycle = _cycles(np.array([time]), self.clocks, is_yearly=self.is_yearly)
        features = _features(states[:1], states[1:], self.near, cycle)[:, 0]
        return np.asarray(states[0] + np.einsum("lnf,nf->ln", self.weights, features) + self.offsets)


@dataclass(frozen=True, slots=True, eq=False)
class Fitting:
    """The fit of a variable, for some nodes after the others."""

    past: Past
    name: str
    """Of the variable."""
    leads: Leads
    times: Times
    """The past times, rising."""
    starts: Times
    """Those that count as initial times."""
    cycle: Array
    """The terms of their calendar, shape `[start, term]`."""
    strength: float
    law: _Law
    """It has room for the weights and the offsets of all nodes."""

    @classmethod
    def of(cls, past: Past, name: str, leads: Leads, options: RidgeOptions) -> Self:
        """Make ready to fit; no value is read.

        Args:
            past: the past; the mean over its members counts.
            name: the variable.
            leads: the lead times.
            options: of the user.

        Raises:
            DataError: the past times have no two states in a row with a value at all lead times.
        """
        grid, times = past.source.header.grid, np.unique(past.times)
        places = unit_vectors(grid.latitudes, grid.longitudes)
        near = _nearest(places, min(options.nodes, len(places)))
        step = np.min(np.diff(times))
        starts = _starts(times, step, leads)
        if not len(starts):
            raise DataError(
                f"the past of the baseline `ridge` has no two states {format_duration(step)} apart with values at all "
                f"lead times up to {format_duration(leads.max())}",
                fix="leave it out of `verification.baselines`, or name a longer past",
            )
        clocks = np.unique(calendar(starts)[1])
        is_yearly = len(np.unique(calendar(starts)[0])) >= WHOLE_YEAR
        cycle = _cycles(starts, clocks, is_yearly=is_yearly)
        weights = zeros((len(leads), len(places), 2 * near.shape[1] + cycle.shape[1]))
        offsets = np.full((len(leads), len(places)), np.nan)
        law = _Law(weights, offsets, near, step, clocks, is_yearly)
        return cls(past, name, leads, times, starts, cycle, options.strength, law)

    def blocks(self) -> list[tuple[int, int]]:
        """The nodes that are fitted together: the first, and the one behind the last."""
        features, count = self.law.weights.shape[2] + 2 * self.law.near.shape[1], len(self.law.near)
        block = max(1, BLOCK_BYTES // (8 * len(self.starts) * features))
        return [(first, min(first + block, count)) for first in range(0, count, block)]

    def whole(self) -> _Law:
        """Fit all nodes."""
        for first, last in self.blocks():
            self.law.weights[:, first:last], self.law.offsets[:, first:last] = self.at((first, last))
        return self.law

    def at(self, block: tuple[int, int]) -> tuple[Array, Array]:
        """The weights `[lead_time, node, feature]` and the offsets `[lead_time, node]` of some nodes in a row."""
        own = np.arange(*block)
        around = np.unique(self.law.near[own])
        values = self.past.source.read(self.times, (self.name,), nodes=around)[:, :, 0].mean(axis=1, dtype=np.float64)
        last, before = (values[self._places(wanted)] for wanted in (self.starts, self.starts - self.law.step))
        here = np.searchsorted(around, own)
        x = _features(last, before, np.searchsorted(around, self.law.near[own]), self.cycle)
        later = [values[self._places(self.starts + lead)][:, here] for lead in self.leads]
        y = (np.stack(later, axis=2) - last[:, here, None]).swapaxes(0, 1)
        beta, offset = solve(x, y, self.strength)
        return np.moveaxis(beta, 2, 0), np.moveaxis(offset, 1, 0)

    def _places(self, times: Times) -> NDArray[np.intp]:
        return np.searchsorted(self.times, times)


def solve(x: Array, y: Array, strength: float) -> tuple[Array, Array]:
    """The ridge regressions of some series, by the normal equations; see `RidgeBaseline`.

    Args:
        x: the features, shape `[series, time, feature]`.
        y: what they explain, shape `[series, time, target]`.
        strength: λ.

    Returns:
        The weights of the features as they are, shape `[series, feature, target]`, and the offsets
        `[series, target]`; NaN for a series of which less than three times have all values.
    """
    there = np.asarray(np.isfinite(x).all(axis=2) & np.isfinite(y).all(axis=2))[:, :, None]
    count = there.sum(axis=1, keepdims=True)
    x, y = (np.where(there, one, 0.0) for one in (x, y))
    n = np.maximum(count, 1)
    mean_x, mean_y = x.sum(axis=1, keepdims=True) / n, y.sum(axis=1, keepdims=True) / n
    x, y = ((one - mean) * there for one, mean in ((x, mean_x), (y, mean_y)))
    deviation = np.sqrt((x**2).sum(axis=1, keepdims=True) / n)
    scale = np.where(deviation > 0, deviation, 1.0)
    x /= scale
    gram, moment = x.swapaxes(1, 2) @ x / n, x.swapaxes(1, 2) @ y / n
    beta = np.linalg.solve(gram + strength * np.eye(x.shape[2]), moment) / scale.swapaxes(1, 2)
    offset = (mean_y - mean_x @ beta)[:, 0]
    return beta, np.where(count[:, 0] >= 3, offset, np.nan)


def _features(last: Array, before: Array, near: NDArray[np.intp], cycle: Array) -> Array:
    """Shape `[node, time, feature]`, from states `[time, node]` and the terms of the calendar `[time, term]`."""
    around = np.concatenate([last[:, near], before[:, near]], axis=2).swapaxes(0, 1)
    return np.concatenate([around, np.broadcast_to(cycle, (len(near), *cycle.shape))], axis=2)


def _cycles(times: Times, clocks: NDArray[np.int64], *, is_yearly: bool) -> Array:
    """For each time of day 1, and cos and sin of the angle of the year, and 0 at others; shape `[time, term]`."""
    dates, seconds = calendar(times)
    angle = 2 * np.pi * (dates + seconds / 86400) / DATES
    terms = (np.ones(len(times)), np.cos(angle), np.sin(angle))[: 3 if is_yearly else 1]
    return np.stack([(seconds == clock) * term for clock in clocks for term in terms], axis=1)


def _starts(times: Times, step: np.timedelta64, leads: Leads) -> Times:
    """The times with a state before them and with values at all lead times."""
    wanted = np.stack([times - step, *(times + lead for lead in leads)])
    return np.asarray(times[np.isin(wanted, times).all(axis=0)])


def _nearest(places: Array, count: int) -> NDArray[np.intp]:
    """Each node and the nearest others, shape `[node, count]`."""
    from scipy.spatial import KDTree  # every `wxml train` imports this module to check the section `verification`

    _, found = KDTree(places).query(places, count)
    return np.asarray(found, np.intp).reshape(len(places), count)
