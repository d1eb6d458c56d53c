"""Metrics of anomalies, the differences to the climatology c of the valid time: f′ = f − c and o′ = o − c."""

__all__ = ["Acc", "AccCentred", "AccPooled", "Activity"]

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
from wxml import Better, Further, PointwiseMetric, Subject, VerifiedFields
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array


class AccPooled(PointwiseMetric):
    """Anomaly correlation of all cases together: Σ w f′ o′ / √(Σ w f′² · Σ w o′²), each sum over nodes and cases.

    That of WeatherBench-X. A case with large anomalies counts more than one with small ones.
    """

    better: ClassVar[Better] = "larger"
    has_units = False
    takes_climatology = True

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The products f′ o′, f′² and o′²."""
        forecast, truth = fields.anomalies(subject.name)
        return np.stack([forecast * truth, np.square(forecast), np.square(truth)])

    def value(self, sums: Array) -> Array:
        """The correlation."""
        _, product, forecast, truth = sums
        return quotient(product, np.sqrt(forecast * truth))


class Acc(AccPooled):
    """Anomaly correlation: mean over cases of Σ w f′ o′ / √(Σ w f′² · Σ w o′²).

    That of WeatherBench 2 (Rasp et al. 2024, doi:10.1029/2023MS004019): the mean of an anomaly over the area is not
    taken off, and each case counts the same.
    """

    def of_case(self, sums: Array) -> Array:
        """Whether the case has a correlation, and it; there is none where an anomaly is zero everywhere."""
        return _counted(super().value(sums))

    def value(self, sums: Array) -> Array:
        """The mean over cases."""
        return np.asarray(mean_statistics(sums)[0])


class AccCentred(PointwiseMetric):
    """Centred anomaly correlation: mean over cases of the correlation of f′ and o′ about their means over the area.

    With m = Σ w f′ and n = Σ w o′: Σ w (f′ − m)(o′ − n) / √(Σ w (f′ − m)² · Σ w (o′ − n)²) (Wilks 2011, Statistical
    Methods in the Atmospheric Sciences, section 8.6.4), the form that weather services exchange.
    """

    better: ClassVar[Better] = "larger"
    has_units = False
    takes_climatology = True

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """f′, o′, and the products f′ o′, f′² and o′²."""
        forecast, truth = fields.anomalies(subject.name)
        return np.stack([forecast, truth, forecast * truth, np.square(forecast), np.square(truth)])

    def of_case(self, sums: Array) -> Array:
        """Whether the case has a correlation, and it."""
        forecast, truth, product, forecast_square, truth_square = np.nan_to_num(mean_statistics(sums))
        above = product - forecast * truth
        variances = (forecast_square - forecast**2) * (truth_square - truth**2)
        floor = (np.finfo(np.float64).eps ** 2) * forecast_square * truth_square  # below it only rounding is left
        return _counted(quotient(above, np.where(variances > floor, np.sqrt(np.abs(variances)), 0.0)))

    def value(self, sums: Array) -> Array:
        """The mean over cases."""
        return np.asarray(mean_statistics(sums)[0])


class Activity(PointwiseMetric):
    """How lively a forecast is: √ mean w f′² over √ mean w o′²; 1 is right, less is smooth.

    The root of the forecast alone (`activity-forecast`) is the activity of WeatherBench-X.
    """

    better: ClassVar[Better] = "nearer to one"
    has_units = False
    takes_climatology = True
    further: ClassVar[Mapping[str, Further]] = {"forecast": Further("neither"), "truth": Further("neither")}

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The squares f′² and o′²."""
        forecast, truth = fields.anomalies(subject.name)
        return np.stack([np.square(forecast), np.square(truth)])

    def value(self, sums: Array) -> Array:
        """The ratio; NaN where the truth has no anomaly."""
        return np.sqrt(quotient(sums[1], sums[2]))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The activity of each of the two."""
        forecast, truth = np.sqrt(mean_statistics(sums))
        return {"forecast": forecast, "truth": truth}


def _counted(values: Array) -> Array:
    """1 where a value is known and 0 elsewhere, and the value, 0 where it is not known; shape `[2, ...]`."""
    known = np.isfinite(values)
    return np.stack([known.astype(np.float64), np.where(known, values, 0.0)])
