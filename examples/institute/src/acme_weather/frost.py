"""The verification metric `acme-frost`: how much of the frost was forecast."""

from typing import Annotated, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Better, PointwiseMetric, Subject, VerificationSpace, VerifiedFields
from wxml.verification.metric import mean_statistics, quotient

Array = NDArray[np.float64]


class Frost(PointwiseMetric):
    """The hit rate of frost, H / (H + M): of the area and cases with frost, the share for which it was forecast.

    Frost is a temperature below `limit`, in kelvin; every variable in kelvin has a hit rate. Where there was none, it is
    missing. Jolliffe and Stephenson, Forecast Verification (2012), section 3.2.
    """

    better: ClassVar[Better] = "larger"
    has_units = False

    def __init__(
        self,
        space: VerificationSpace,
        *,
        limit: Annotated[float, Field(gt=0, description="below this temperature in kelvin it is frost")] = 273.15,
    ) -> None:
        super().__init__(space)
        self.limit = limit

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """The variables in kelvin."""
        return tuple(one for one in super().subjects if one.units == "K")

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """Hits and events, shape `[2, lead_time, node]`; NaN where forecast or truth is missing."""
        forecast, truth = fields.mean(subject.name), fields.truth(subject.name)
        known = np.isfinite(forecast) & np.isfinite(truth)
        event = truth < self.limit
        return np.where(known, np.stack([event & (forecast < self.limit), np.broadcast_to(event, known.shape)]), np.nan)

    def value(self, sums: Array) -> Array:
        """Hits over events."""
        hits, events = mean_statistics(sums)
        return quotient(hits, events)
