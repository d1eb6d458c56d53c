"""Temperature: carried by the wind, relaxed to an equilibrium of season, latitude and land, heated by the sun.

∂T/∂t = −∇·(T V) + (T* − T) / τ + S · land · (cos Z − its daily mean)

T is the temperature reduced to sea level; the air over high ground is colder by the lapse rate. Over land the
equilibrium T* is warmer in summer and colder in winter than over the sea, the time scale τ is shorter, and there is a
diurnal cycle that follows the local sun.
"""

__all__ = ["LAPSE_RATE", "Temperature"]

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.sun import DAY, daily_mean_sunshine, season, sunshine

Real = NDArray[np.float64]

LAPSE_RATE = 6.5e-3  # K/m
MEAN, POLE_CONTRAST = 283.0, 52.0  # K: the mean of T*, and how much colder the poles are than the equator
SEASON_SEA, SEASON_LAND = 4.0, 12.0  # K: half the range of T* over the year at a pole
RELAXATION_SEA, RELAXATION_LAND = 10.0, 6.0  # days
SOLAR_HEATING = 40.0 / DAY  # K/s over land, per unit of cos Z


class Temperature:
    """The heating of the air by relaxation and by the sun."""

    def __init__(self, harmonics: SphericalHarmonics, land: Real) -> None:
        self._latitudes, self._longitudes, self._land = harmonics.latitudes, harmonics.longitudes, land
        sine = harmonics.sin_latitude[:, None]
        self._annual = MEAN - POLE_CONTRAST * (sine**2 - 1 / 3) + 0 * land
        self._seasonal = sine * (SEASON_SEA + (SEASON_LAND - SEASON_SEA) * land)
        self._rate = ((1 - land) / RELAXATION_SEA + land / RELAXATION_LAND) / DAY

    def equilibrium(self, time: float) -> Real:
        """T* (K) on the grid."""
        return self._annual + season(time) * self._seasonal

    def heating(self, temperature: Real, time: float) -> Real:
        """The heating (K/s) by relaxation and by the sun, on the grid.

        Args:
            temperature: temperature at sea level (K) on the grid.
            time: seconds since 1970-01-01 UTC.
        """
        sun = sunshine(time, self._latitudes, self._longitudes)
        sun -= daily_mean_sunshine(time, self._latitudes)[:, None]
        return self._rate * (self.equilibrium(time) - temperature) + SOLAR_HEATING * self._land * sun
