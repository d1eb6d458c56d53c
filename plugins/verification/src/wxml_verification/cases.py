"""The cases: a forecast from one initial time, its baselines, and the truth they are held against."""

__all__ = ["FORECASTS", "Case", "Cases"]

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from wxml_verification.climatology import Climatology
from wxml_verification.metrics import Array
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

FORECASTS = ("forecast", "persistence", "climatology")


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One initial time."""

    forecasts: Array
    """The `FORECASTS`, shape `[forecast, lead_time, variable, node]`."""
    truth: Array
    """Shape `[lead_time, variable, node]`; NaN where the truth or the forecast lacks a value."""

    @property
    def climatology(self) -> Array:
        """The climatology of each valid time, shape `[lead_time, variable, node]`."""
        return np.asarray(self.forecasts[FORECASTS.index("climatology")])


@dataclass(frozen=True, slots=True, eq=False)
class Cases:
    """Every case of some variables, read when it is asked for."""

    forecast: ForecastFile
    truth: Truth
    variables: tuple[str, ...]
    climatology: Climatology | None
    """The climatology of these variables; None where there are no training times."""

    def __iter__(self) -> Iterator[Case]:
        """One after the other, so that one is in memory at a time."""
        return (self.read(case) for case in range(len(self.forecast.initial_times)))

    def read(self, case: int) -> Case:
        """One case. Its baselines are scored just where the forecast has a value, so that all see the same points."""
        initial_time = self.forecast.initial_times[case]
        valid_times = initial_time + self.forecast.lead_times
        values = self.forecast.read(case, self.variables)
        truth = self.truth.at(valid_times, self.variables)
        start = self.truth.at(initial_time.reshape(1), self.variables)
        climatology = self.climatology.at(valid_times) if self.climatology else np.full(truth.shape, np.nan)
        forecasts = np.stack([values, np.broadcast_to(start, truth.shape), climatology])
        return Case(forecasts, np.where(np.isfinite(values), truth, np.nan))
