"""Metrics of an ensemble of M members x_i with the mean x̄, and the truth y."""

__all__ = ["Crps", "Spread", "SpreadSkill"]

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Metric

Array = NDArray[np.float64]


class Crps(Metric):
    """Fair continuous ranked probability score: (1/M) Σ |x_i − y| − Σ_{i<j} |x_i − x_j| / (M (M − 1)).

    Ferro 2014, doi:10.1002/qj.2270: its expectation does not depend on M.
    """

    takes_members: ClassVar[bool] = True

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The score of each value; the sum over pairs comes from the sorted members, Σ_k (2 k − M − 1) x_(k)."""
        members = len(forecast)
        factors = 2.0 * np.arange(1, members + 1) - members - 1
        pairs = np.tensordot(factors, np.sort(forecast, axis=0), axes=1)
        score = np.abs(forecast - truth).mean(axis=0) - pairs / (members * (members - 1))
        return np.asarray(score[None])

    def value(self, means: Array) -> Array:
        """The mean as it is."""
        return np.asarray(means[0])


class Spread(Metric):
    """Spread: √ mean Σ w s², with s² = Σ (x_i − x̄)² / (M − 1)."""

    takes_members: ClassVar[bool] = True
    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "higher"

    def statistics(self, forecast: Array, truth: Array) -> Array:  # the truth says where to look
        """The variance of the members."""
        return np.asarray(forecast.var(axis=0, ddof=1)[None])

    def value(self, means: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(means[0]))


class SpreadSkill(Metric):
    """Spread over error of the mean, √((M + 1)/M) · spread / RMSE(x̄); 1 is right, less is too sure.

    Fortin et al. 2014, doi:10.1175/JHM-D-14-0008.1.
    """

    takes_members: ClassVar[bool] = True
    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "one"
    has_units: ClassVar[bool] = False

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The variance of the members times (M + 1)/M, and the squared error of their mean."""
        members = len(forecast)
        variance = forecast.var(axis=0, ddof=1) * (members + 1) / members
        return np.stack([variance, np.square(forecast.mean(axis=0) - truth)])

    def value(self, means: Array) -> Array:
        """The ratio; NaN where the mean has no error."""
        return np.asarray(np.sqrt(means[0] / np.where(means[1] > 0, means[1], np.nan)))
