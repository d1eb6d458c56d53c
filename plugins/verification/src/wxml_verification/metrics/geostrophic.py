"""The balance between wind and pressure: how far the wind is from the geostrophic one."""

__all__ = ["Geostrophic"]

from collections.abc import Mapping
from functools import cached_property
from typing import Annotated, ClassVar

import numpy as np
from pydantic import Field
from wxml import Better, Further, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.verification.metric import mean_statistics, quotient, weighted_sums

from wxml_verification.arrays import Array
from wxml_verification.metrics.gradients import Gradient, gradient
from wxml_verification.metrics.physics import Columns, Known

ROTATION = 7.292115e-5  # rad s-1, of the Earth


class Geostrophic(VerificationMetric):
    """√ mean |V − V_g|² of the forecast over that of the truth, with V_g = (−∂Φ/∂y, ∂Φ/∂x) / f at a level.

    f = 2 Ω sin φ; nodes nearer to the equator than `poleward_of` do not count, as f goes to 0 there. Winds are those to
    the east and to the north. What a model that keeps the balance has is that of the truth, whose wind is not quite
    geostrophic; too smooth fields have less, noisy ones more (Holton and Hakim 2013, An Introduction to Dynamic
    Meteorology, section 2.4; Bonavita 2024, doi:10.1029/2023GL107377, looks at forecasts in this way).
    `geostrophic-forecast` and `-truth` are the roots, `-share` that of the forecast over √ mean |V_g|². Derivatives are
    differences of second order between neighbours, so fields on a coarser grid have other numbers.
    """

    better: ClassVar[Better] = "nearer to one"
    has_units = False
    needs_whole_fields = True
    further: ClassVar[Mapping[str, Further]] = {
        "forecast": Further("neither"),
        "truth": Further("neither"),
        "share": Further("neither", has_units=False),
    }

    def __init__(
        self,
        space: VerificationSpace,
        *,
        poleward_of: Annotated[
            float, Field(gt=0, lt=90, description="degrees; nodes nearer to the equator do not count")
        ] = 20.0,
    ) -> None:
        super().__init__(space)
        self._known = Known(space)
        with np.errstate(divide="ignore"):
            per_coriolis = 1 / (2 * ROTATION * np.sin(np.radians(space.grid.latitudes)))
        self._per_coriolis = np.where(np.abs(space.grid.latitudes) >= poleward_of, per_coriolis, np.nan)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Each level with geopotential and wind; none of stations, and none of several grids."""
        known = self._known
        levels = [] if self.space.grid.names or self.space.grid.parts else known.common("z", "u", "v")
        return tuple(Subject(f"{level} hPa", "m s-1", known.names(("z", "u", "v"), [level])) for level in levels)

    @cached_property
    def _gradient(self) -> Gradient:
        return gradient(self.space.grid)  # not before it is needed: kept statistics need none

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, and weighted sums of |V − V_g|² of forecast and truth, and of |V_g|² of the forecast."""
        count = len(fields.forecasts[subject.variables[0]])
        squares = [self._squares(subject, self._known.columns(subject, fields, member)) for member in range(count)]
        off, wind = np.mean(squares, axis=0)
        truth, _ = self._squares(subject, self._known.columns(subject, fields, None))
        return weighted_sums(np.stack([off, truth, wind]), fields.weights)

    def value(self, sums: Array) -> Array:
        """The ratio."""
        return np.sqrt(quotient(sums[1], sums[2]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """Both roots, and the share."""
        forecast, truth, _ = np.sqrt(mean_statistics(sums))
        return {"forecast": forecast, "truth": truth, "share": np.sqrt(quotient(sums[1], sums[3]))}

    def _squares(self, subject: Subject, columns: Columns) -> tuple[Array, Array]:
        """|V − V_g|² and |V_g|², shape `[lead_time, node]` each."""
        phi, *wind = (columns[name] for name in subject.variables)
        off, own = np.empty(phi.shape), np.empty(phi.shape)
        for lead, field in enumerate(phi):
            u, v = self._geostrophic(field)
            off[lead] = np.square(wind[0][lead] - u) + np.square(wind[1][lead] - v)
            own[lead] = np.square(u) + np.square(v)
        return off, own

    def _geostrophic(self, field: Array) -> tuple[Array, Array]:
        """The geostrophic wind to the east and to the north; NaN where there is none."""
        east, north = self._gradient.of(field)
        return -north * self._per_coriolis, east * self._per_coriolis
