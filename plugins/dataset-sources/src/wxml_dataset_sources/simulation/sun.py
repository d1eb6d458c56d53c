"""The position of the sun: a circular orbit of 365.2425 days, with the winter solstice on 21 December."""

__all__ = ["daily_mean_sunshine", "season", "sunshine"]

import numpy as np
from numpy.typing import NDArray
from wxml.data.sphere import zenith_cosine

Real = NDArray[np.float64]

OBLIQUITY = np.radians(23.44)
DAY = 86400.0  # s
YEAR = 365.2425 * DAY
SOLSTICE = 10.0 * DAY  # from the winter solstice to 2000-01-01
EPOCH_OFFSET = 10957.0 * DAY  # from 1970-01-01 to 2000-01-01


def season(time: float) -> float:
    """The sun's declination over its maximum: 1 at the northern summer solstice, −1 at the winter solstice.

    Args:
        time: seconds since 1970-01-01 UTC.
    """
    return float(-np.cos(2 * np.pi * (time - EPOCH_OFFSET + SOLSTICE) / YEAR))


def sunshine(time: float, latitudes: Real, longitudes: Real) -> Real:
    """The cosine of the sun's zenith angle, zero at night, shape `[latitude, longitude]`.

    The hour angle is h = 2π · UTC / day + λ − π.

    Args:
        time: seconds since 1970-01-01 UTC.
        latitudes: degrees, shape `[latitude]`.
        longitudes: degrees, shape `[longitude]`.
    """
    declination, latitude = OBLIQUITY * season(time), np.radians(latitudes)[:, None]
    hour_angle = 2 * np.pi * (time / DAY % 1.0) + np.radians(longitudes) - np.pi
    return np.asarray(np.maximum(zenith_cosine(latitude, declination, hour_angle), 0.0))


def daily_mean_sunshine(time: float, latitudes: Real) -> Real:
    """The mean of `sunshine` over the day, shape `[latitude]`.

    With the hour angle h₀ of sunset, cos h₀ = −tan φ tan δ, it is (h₀ sin φ sin δ + cos φ cos δ sin h₀) / π.
    """
    declination, latitude = OBLIQUITY * season(time), np.radians(latitudes)
    sunset = np.arccos(np.clip(-np.tan(latitude) * np.tan(declination), -1.0, 1.0))
    static = sunset * np.sin(latitude) * np.sin(declination)
    return np.asarray((static + np.cos(latitude) * np.cos(declination) * np.sin(sunset)) / np.pi)
