"""Fractions skill score: whether the right share of a neighbourhood has an event."""

__all__ = ["FractionsSkill"]

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import AfterValidator, Field
from wxml import Better, Further, Subject, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, Fault
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array
from wxml_verification.metrics.events import EventMetric, Thresholds
from wxml_verification.windows.neighbourhoods import RowWindows, Windows, goes_around, windows_of


def _is_odd(number: int) -> int:
    if number % 2 == 0:
        raise ValueError(f"must be odd, got {number}")
    return number


Radii = Annotated[list[Annotated[float, Field(ge=0)]], Field(description="great-circle radii; 0 is the node alone")]
Pixels = Annotated[
    list[Annotated[int, Field(gt=0), AfterValidator(_is_odd)]],
    Field(description="sides, in nodes, of square windows on a regular grid, whose nodes count alike: odd numbers"),
]


@dataclass(frozen=True, slots=True, eq=False)
class _Window:
    """A size of windows on a grid."""

    name: str
    windows: Windows
    areas: Array
    """How much each node counts in a window, shape `[region, node]`; 0 outside of the region."""
    full: Array
    """The sum of `areas` over the window, shape `[region, node]`."""
    is_whole: NDArray[np.bool_]
    """Whether the window lies in the region and in the grid, shape `[region, node]`."""
    drops: bool
    """Whether windows that are not whole count nowhere."""


class FractionsSkill(EventMetric):
    """1 − Σ w (P_f − P_o)² / (Σ w P_f² + Σ w P_o²); P is the share of a window's area with the event.

    The sums are over all nodes and cases (Roberts and Lean 2008, doi:10.1175/2007MWR2123.1; pooled as in Mittermaier
    2021, doi:10.1175/MWR-D-18-0106.1). A window is the nodes within a great-circle radius, on any grid, or a square
    of nodes. `fss-useful` is ½ + f_o/2 with the frequency f_o of the event, above which a scale is useful. The P_f of
    an ensemble is the mean over its members (`probability`), or each member has its own sums (`members`), or its mean
    alone has the event (`mean`; Necker et al. 2024, doi:10.1002/qj.4824). A window that reaches beyond the area, the
    region, or onto missing values has the share of what is left of it (`normalise`), or its node counts nowhere
    (`drop`, as always with squares).
    """

    better: ClassVar[Better] = "larger"
    further: ClassVar[Mapping[str, Further]] = {"useful": Further("neither", has_units=False)}

    def __init__(
        self,
        space: VerificationSpace,
        *,
        thresholds: Thresholds,
        windows_km: Radii = [0.0, 50.0, 100.0, 200.0],  # noqa: B006  # never changed
        windows_pixels: Pixels = [],  # noqa: B006  # never changed
        partial: Annotated[
            Literal["normalise", "drop"], Field(description="what becomes of windows that are not whole")
        ] = "normalise",
        ensemble: Annotated[
            Literal["probability", "members", "mean"],
            Field(description="the shares of an ensemble: their mean, each, or those of its mean"),
        ] = "probability",
    ) -> None:
        super().__init__(space, thresholds=thresholds)
        if not windows_km and not windows_pixels:
            raise ConfigError([Fault(("verification", "metrics", "windows_km"), "needs a window, got none")])
        self._drops, self._ensemble = partial == "drop", ensemble
        made = [self._near(radius) for radius in windows_km] + [self._square(side) for side in windows_pixels]
        self._windows = {f"{event} {one.name}": (event, one) for event in self._events for one in made}

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Each threshold in each window."""
        known = {one.name: one for one in super().subjects}
        return tuple(
            Subject(name, known[event].units, known[event].variables) for name, (event, _) in self._windows.items()
        )

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, Σ w (P_f − P_o)², Σ w (P_f² + P_o²), and Σ w o."""
        event, window = self._windows[subject.name]
        name, limits = self.event(Subject(event, subject.units, subject.variables), fields)
        leads, regions = len(fields.lead_times), len(fields.weights)
        found = np.zeros((4, leads, regions))
        for lead in range(leads):
            members, truth, limit = fields.forecasts[name][:, lead], fields.truths[name][lead], limits[lead]
            known = np.isfinite(truth) & np.isfinite(members.sum(axis=0)) & np.isfinite(limit)
            if not known.any():
                continue
            both = np.concatenate([self._events_of(members, limit), (truth > limit)[None]])
            for region, weights in enumerate(fields.weights):
                found[:, lead, region] = _sums(window, region, both, known, weights)
        return found

    def value(self, sums: Array) -> Array:
        """The score; NaN where neither has the event."""
        return np.asarray(1 - quotient(sums[1], sums[2]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The line above which a scale is useful."""
        return {"useful": 0.5 + mean_statistics(sums)[2] / 2}

    def _events_of(self, members: NDArray[np.floating[Any]], limit: Array) -> Array:
        """1 where the event is, or its share, shape `[field, node]`."""
        if self._ensemble == "mean":
            return np.asarray(members.mean(axis=0, dtype=np.float64) > limit, np.float64)[None]
        events = (members > limit).astype(np.float64)
        return events if self._ensemble == "members" else np.asarray(events.mean(axis=0))[None]

    def _near(self, radius: float) -> _Window:
        regions = np.stack(list(self.space.regions.values()))
        return _window(f"({radius:g} km)", windows_of(self.space.grid, radius), regions, drops=self._drops)

    def _square(self, side: int) -> _Window:
        grid = self.space.grid
        if not grid.is_regular:
            place = ("verification", "metrics", "windows_pixels")
            raise ConfigError(
                [Fault(place, "needs a regular grid of latitudes and longitudes")], fix="write `windows_km` instead"
            )
        windows = RowWindows.of_pixels((grid.shape[0], grid.shape[1]), side, around=goes_around(grid))
        alike = np.stack([(areas > 0).astype(np.float64) for areas in self.space.regions.values()])
        return _window(f"({side} pixels)", windows, alike, drops=True)


def _window(name: str, windows: Windows, areas: Array, *, drops: bool) -> _Window:
    inside = windows.sums((areas > 0).astype(np.float64)) > windows.sums(np.ones((1, areas.shape[1]))) - 0.5
    return _Window(name, windows, areas, windows.sums(areas), inside & windows.is_whole, drops)


def _sums(window: _Window, region: int, both: Array, known: NDArray[np.bool_], weights: Array) -> Array:
    """The statistics of a field in a region.

    Args:
        window: the size.
        region: its number.
        both: 1 where the event is, of each member or their share, and last of the truth; shape `[1 + field, node]`.
        known: where both have values.
        weights: the share of the area of each node in the region.
    """
    areas = np.where(known, window.areas[region], 0.0)
    is_gappy = not known.all()
    full = window.windows.sums(areas[None])[0] if is_gappy else window.full[region]
    counts = known & (weights > 0) & (full > 0)
    if window.drops:
        counts &= window.is_whole[region]
        if is_gappy:
            missing = window.windows.sums((~known).astype(np.float64)[None])[0]
            counts &= missing < 0.5
    shares = window.windows.sums(both * areas) / np.where(full > 0, full, 1.0)
    forecasts, truth, event = shares[:-1, counts], shares[-1, counts], both[-1, counts]
    kept = weights[counts]
    apart = np.square(forecasts - truth).mean(axis=0) @ kept
    together = (np.square(forecasts).mean(axis=0) + np.square(truth)) @ kept
    return np.array([kept.sum(), apart, together, event @ kept])
