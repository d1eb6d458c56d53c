"""Tests of a mean over cases that follow each other in time: the error of the mean, and Student's distribution."""

__all__ = ["geer_error", "hac_error", "t_interval"]

import numpy as np
from scipy.fft import dct
from scipy.stats import t as student

from wxml_verification.arrays import Array
from wxml_verification.spacing import Spacing

FREQUENCIES = 0.4  # v = 0.4 n^⅔, which Lazarus et al. recommend for tests at 5 %


def geer_error(apart: Array, spacing: Spacing) -> tuple[Array, int]:
    """The standard error of the mean of a series that is AR(2), and the degrees of freedom.

    √(s²/n) · k with k² = (1 − r₁φ₁ − r₂φ₂) / (1 − φ₁ − φ₂)², φ₁ = r₁(1 − r₂)/(1 − r₁²) and φ₂ = (r₂ − r₁²)/(1 − r₁²) of
    the autocorrelations r₁ and r₂ (Geer 2016, doi:10.3402/tellusa.v68.30229), those of the pairs of cases that are one
    or two steps apart.

    Args:
        apart: what each case adds, with the mean 0, shape `[case, series]`.
        spacing: the steps of the cases.

    Returns:
        Shape `[series]`, NaN where no stationary AR(2) has these autocorrelations; and n − 1.
    """
    cases = len(apart)
    variance = np.square(apart).sum(axis=0) / (cases - 1)
    first, second = (_correlation(apart, variance, spacing, lag) for lag in (1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        one, two = first * (1 - second) / (1 - first**2), (second - first**2) / (1 - first**2)
        inflation = np.sqrt(1 - first * one - second * two) / (1 - one - two)
    stationary = (np.abs(two) < 1) & (one + two < 1) & (two - one < 1)
    return np.where(stationary, np.sqrt(variance / cases) * inflation, np.nan), cases - 1


def _correlation(apart: Array, variance: Array, spacing: Spacing, lag: int) -> Array:
    """The autocorrelation of pairs of cases; 0 of a series that never changes."""
    steps = spacing.spread_out(apart)
    there = spacing.spread_out(np.ones(len(apart)))
    pairs = float((there[:-lag] * there[lag:]).sum())
    product: Array = (steps[:-lag] * steps[lag:]).sum(axis=0) / max(pairs, 1.0)
    return np.divide(product, variance, out=np.zeros_like(variance), where=variance > 0)


def hac_error(apart: Array, spacing: Spacing) -> tuple[Array, int]:
    """The standard error of the mean of a series of any correlation in time, and the degrees of freedom.

    Equal-weighted cosines: the variance of √n · mean is the mean square of the cosine coefficients 1 … v of the series,
    v = ⌊0.4 n^⅔⌋ (Lazarus, Lewis, Stock and Watson 2018, doi:10.1080/07350015.2018.1506926). With gaps the series is 0
    there (Datta and Du 2012, International Finance Discussion Papers 1060, the estimator "amplitude modulated").

    Args:
        apart: what each case adds, with the mean 0, shape `[case, series]`.
        spacing: the steps of the cases.

    Returns:
        Shape `[series]`, and v.
    """
    steps = spacing.spread_out(apart)
    count = min(max(1, int(FREQUENCIES * len(steps) ** (2 / 3))), len(steps) - 1)
    waves = dct(steps, type=2, axis=0, norm="ortho")[1 : count + 1]
    return np.sqrt(np.square(waves).mean(axis=0) * len(steps)) / len(apart), count


def t_interval(mean: Array, error: Array, freedom: int, confidence: float) -> tuple[Array, Array, Array]:
    """Lower and upper end of the interval of a mean, and how probable one so far from 0 is.

    Where nothing varies the interval is a point, and p is 0, or 1 of the mean 0.

    Args:
        mean: shape `[series]`.
        error: its standard error.
        freedom: the degrees of freedom of Student's distribution.
        confidence: of the interval.
    """
    width = student.ppf(0.5 + confidence / 2, freedom) * error
    away = np.divide(np.abs(mean), error, out=np.where(mean == 0, 0.0, np.inf), where=error != 0)
    p = np.where(np.isfinite(error), 2 * student.sf(away, freedom), np.nan)
    return mean - width, mean + width, p
