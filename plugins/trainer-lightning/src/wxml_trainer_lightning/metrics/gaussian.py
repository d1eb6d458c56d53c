"""Metrics of the normal distributions of a model with `model.spread`: mean μ, deviation σ, truth y, z = (y − μ) / σ."""

__all__ = ["GaussianCrps", "GaussianSpread", "GaussianSpreadSkill"]

from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from wxml import Metric

Array = NDArray[np.float64]


class GaussianCrps(Metric):
    """Continuous ranked probability score: σ (z (2Φ(z) − 1) + 2φ(z) − 1/√π).

    Gneiting and Raftery 2007, doi:10.1198/016214506000001437; the absolute error is that of a forecast without spread.
    """

    takes_spread: ClassVar[bool] = True

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The score of each value."""
        import torch  # NumPy has no error function

        mean, deviation = forecast
        error = truth - mean
        z = error / deviation
        beyond = torch.erf(torch.from_numpy(z / np.sqrt(2))).numpy()  # 2Φ(z) − 1
        density = np.exp(-np.square(z) / 2) * np.sqrt(2 / np.pi)
        return np.asarray((error * beyond + deviation * (density - 1 / np.sqrt(np.pi)))[None])

    def value(self, means: Array) -> Array:
        """The mean as it is."""
        return np.asarray(means[0])


class GaussianSpread(Metric):
    """Spread: √ mean Σ w σ²."""

    takes_spread: ClassVar[bool] = True
    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "higher"

    def statistics(self, forecast: Array, truth: Array) -> Array:  # the truth says where to look
        """The variance."""
        return np.asarray(np.square(forecast[1])[None])

    def value(self, means: Array) -> Array:
        """The root."""
        return np.asarray(np.sqrt(means[0]))


class GaussianSpreadSkill(Metric):
    """Spread over error, √ mean Σ w σ² / RMSE(μ); 1 is right, less is too sure."""

    takes_spread: ClassVar[bool] = True
    better: ClassVar[Literal["lower", "higher", "zero", "one"]] = "one"
    has_units: ClassVar[bool] = False

    def statistics(self, forecast: Array, truth: Array) -> Array:
        """The variance, and the squared error of the mean."""
        return np.stack([np.square(forecast[1]), np.square(forecast[0] - truth)])

    def value(self, means: Array) -> Array:
        """The ratio; NaN where the mean has no error."""
        return np.asarray(np.sqrt(means[0] / np.where(means[1] > 0, means[1], np.nan)))
