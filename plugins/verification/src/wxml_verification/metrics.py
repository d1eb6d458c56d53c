"""Scores of one field against another, in NumPy: area-weighted, missing points left out.

Every function takes arrays `[..., node]` in physical units and weights `[node]`, and gives `[...]`. A node counts where
every field has a value; the weights are renormalised over the nodes that count, and where there is none the score is
NaN. The definitions are those of WeatherBench 2 (Rasp et al. 2024, doi:10.1029/2023MS004019).
"""

__all__ = ["anomaly_correlation", "error", "mean_absolute_error", "mean_squared_error", "weighted_mean"]

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def weighted_mean(values: Array, weights: Array) -> Array:
    """Σ w x / Σ w over the nodes where x is not NaN; NaN where there is none.

    >>> float(weighted_mean(np.array([1.0, 4.0, np.nan]), np.array([0.5, 0.25, 0.25])))
    2.0
    """
    present = np.isfinite(values)
    total = present @ weights
    mean = np.full(total.shape, np.nan)
    np.divide(np.where(present, values, 0.0) @ weights, total, out=mean, where=total > 0)
    return mean


def error(forecast: Array, truth: Array, weights: Array) -> Array:
    """The mean error: Σ w (f − o). Its mean over cases is the bias."""
    return weighted_mean(forecast - truth, weights)


def mean_absolute_error(forecast: Array, truth: Array, weights: Array) -> Array:
    """Σ w |f − o|."""
    return weighted_mean(np.abs(forecast - truth), weights)


def mean_squared_error(forecast: Array, truth: Array, weights: Array) -> Array:
    """Σ w (f − o)². The root of its mean over cases is the RMSE of WeatherBench 2."""
    return weighted_mean((forecast - truth) ** 2, weights)


def anomaly_correlation(forecast: Array, truth: Array, climatology: Array, weights: Array) -> Array:
    """The anomaly correlation coefficient (ACC) of one case: Σ w f′o′ / √(Σ w f′² · Σ w o′²).

    f′ = f − c and o′ = o − c are anomalies from the climatology c of the valid time (day of the year × time of day), as
    in WeatherBench 2; the mean of an anomaly over the area is not taken off. Undefined, NaN, where f′ or o′ is zero
    everywhere, as the climatology's own is.
    """
    forecast_anomaly, truth_anomaly = forecast - climatology, truth - climatology
    product = forecast_anomaly * truth_anomaly
    present = np.isfinite(product)
    forecast_square = weighted_mean(np.where(present, forecast_anomaly**2, np.nan), weights)
    truth_square = weighted_mean(np.where(present, truth_anomaly**2, np.nan), weights)
    norm = np.sqrt(forecast_square * truth_square)
    correlation = np.full(norm.shape, np.nan)
    np.divide(weighted_mean(product, weights), norm, out=correlation, where=norm > 0)
    return correlation
