"""Metrics of one forecast, or of the mean of an ensemble; the formulas are those of WeatherBench 2.

Rasp et al. 2024, doi:10.1029/2023MS004019; f is the forecast, o the truth, w the share of the area.
"""

__all__ = ["Acc", "Activity", "Bias", "Mae", "Rmse"]

from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Metric

Array = NDArray[np.float64]


class Rmse(Metric):
    """Root mean square error: √ mean Σ w (f − o)²."""

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The squared error."""
        return np.asarray(np.square(forecast - truth))

    def value(self, means: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(means[0]))


class Mae(Metric):
    """Mean absolute error: mean Σ w |f − o|."""

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The absolute error."""
        return np.asarray(np.abs(forecast - truth))

    def value(self, means: Array) -> Array:
        """The mean as it is."""
        return np.asarray(means[0])


class Bias(Metric):
    """Mean error: mean Σ w (f − o)."""

    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "zero"

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The error."""
        return np.asarray(forecast - truth)

    def value(self, means: Array) -> Array:
        """The mean as it is."""
        return np.asarray(means[0])


class Acc(Metric):
    """Anomaly correlation: mean over cases of Σ w f′ o′ / √(Σ w f′² · Σ w o′²).

    The anomalies f′ and o′ are the differences to the mean over the training period at each node; so those of a season
    are in them.
    """

    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "higher"
    has_units: ClassVar[bool] = False

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The products of the anomalies: f′ o′, f′², o′²."""
        of_forecast, of_truth = forecast[0] - self._climate, truth - self._climate
        return np.stack([of_forecast * of_truth, np.square(of_forecast), np.square(of_truth)])

    def of_case(self, means: Array) -> Array:
        """The correlation of a case; NaN where there is no anomaly."""
        scale = np.sqrt(means[1] * means[2])
        return np.asarray(np.where(scale > 0, means[0] / np.where(scale > 0, scale, 1.0), np.nan)[None])

    def value(self, means: Array) -> Array:
        """The mean as it is."""
        return np.asarray(means[0])

    @cached_property
    def _climate(self) -> Array:
        return self.space.climate()


class Activity(Metric):
    """How lively a forecast is: √ mean Σ w f′² over √ mean Σ w o′², with the anomalies of `acc`; 1 is right."""

    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "one"
    has_units: ClassVar[bool] = False

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The squares of the anomalies: f′², o′²."""
        return np.stack([np.square(forecast[0] - self._climate), np.square(truth - self._climate)])

    def value(self, means: Array) -> Array:
        """The ratio; NaN where the truth has no anomaly."""
        return np.asarray(np.sqrt(means[0] / np.where(means[1] > 0, means[1], np.nan)))

    @cached_property
    def _climate(self) -> Array:
        return self.space.climate()
