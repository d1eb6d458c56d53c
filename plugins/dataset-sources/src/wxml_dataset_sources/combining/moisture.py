"""Humidity of the air in its several measures, as in the IFS of ECMWF.

The pressure of saturation is that of the IFS documentation (CY47R3, part IV, chapter 12): over water
611.21 exp(17.502 (T − 273.16) / (T − 32.19)) Pa, over ice 611.21 exp(22.587 (T − 273.16) / (T + 0.7)) Pa, and between
250.16 and 273.16 K a mixture in which the share of water is ((T − 250.16) / 23)². Temperatures are in K, pressures in
Pa, specific humidity in kg kg⁻¹, relative humidity in %. The dew point is that over water at all temperatures, the
relative humidity that of the mixture.
"""

__all__ = [
    "dewpoint",
    "relative_humidity",
    "saturation_pressure",
    "saturation_pressure_over_water",
    "specific_humidity",
    "vapour_pressure",
]

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
DRY_AIR = 287.0597  # J kg⁻¹ K⁻¹: the gas constants of the IFS
VAPOUR = 461.5250
RATIO = DRY_AIR / VAPOUR
TRIPLE = 273.16  # K
ICE = 250.16  # K: below it there is no water


def saturation_pressure_over_water(temperature: Array) -> Array:
    """In Pa."""
    return np.asarray(611.21 * np.exp(17.502 * (temperature - TRIPLE) / (temperature - 32.19)))


def saturation_pressure(temperature: Array) -> Array:
    """In Pa, over water, ice or the mixture of both."""
    over_ice = 611.21 * np.exp(22.587 * (temperature - TRIPLE) / (temperature + 0.7))
    water = np.clip((temperature - ICE) / (TRIPLE - ICE), 0, 1) ** 2
    return np.asarray(water * saturation_pressure_over_water(temperature) + (1 - water) * over_ice)


def vapour_pressure(specific: Array, pressure: Array) -> Array:
    """In Pa: e = q p / (ε + (1 − ε) q)."""
    return np.asarray(specific * pressure / (RATIO + (1 - RATIO) * specific))


def specific_humidity(vapour: Array, pressure: Array) -> Array:
    """From the pressure of vapour: q = ε e / (p − (1 − ε) e)."""
    return np.asarray(RATIO * vapour / (pressure - (1 - RATIO) * vapour))


def relative_humidity(vapour: Array, temperature: Array) -> Array:
    """In %."""
    return np.asarray(100 * vapour / saturation_pressure(temperature))


def dewpoint(vapour: Array) -> Array:
    """The temperature at which the vapour saturates over water; NaN where there is none."""
    exponent = np.log(np.where(vapour > 0, vapour, np.nan) / 611.21)
    return np.asarray((17.502 * TRIPLE - 32.19 * exponent) / (17.502 - exponent))
