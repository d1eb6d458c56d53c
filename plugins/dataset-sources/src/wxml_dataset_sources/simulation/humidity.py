"""Humidity: evaporates from the sea, is carried by the wind, and rains out where the air is saturated.

∂q/∂t = −∇·(q V) + wetness · max(r q_s(T) − q, 0) / τ_e − max(q − q_s(T − lift), 0) / τ_c

Ascending air cools by `lift`. Air ascends in cyclones, as friction turns the wind inwards (Ekman pumping is
proportional to the vorticity, and upward if vorticity and Coriolis parameter have the same sign), and in deep
convection, which begins above about 22 °C. So it rains in cyclones, in the warm tropics, and where the wind carries
moist air to colder places or up mountains.
"""

__all__ = ["Humidity", "saturation_humidity"]

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics
from wxml_dataset_sources.simulation.sun import DAY

Real = NDArray[np.float64]

PRESSURE = 95000.0  # Pa
EVAPORATION_DAYS = 2.0
CONDENSATION_HOURS = 4.0
SEA_RELATIVE_HUMIDITY = 0.9  # r: the relative humidity at which evaporation ends
LAND_WETNESS = 0.4  # evaporation over land, relative to that over the sea
CYCLONE_LIFT = 1e5  # K s: cooling by ascent, per unit of cyclonic vorticity
CONVECTIVE_LIFT, CONVECTION_ONSET = 1.5, 295.0  # K of cooling per K of temperature above the onset (K)
TROPICS = 0.15  # the sine of the latitude within which the cyclonic direction of rotation changes
COLUMN_MASS = 3000.0  # kg m⁻²: the mass of air that the humidity stands for; 1 kg m⁻² of water is 1 mm


class Humidity:
    """Evaporation and condensation."""

    def __init__(self, harmonics: SphericalHarmonics, land: Real) -> None:
        sine = harmonics.sin_latitude[:, None]
        self._cyclone_lift = CYCLONE_LIFT * sine / np.hypot(sine, TROPICS)
        self._evaporation_rate = (1 - (1 - LAND_WETNESS) * land) / (EVAPORATION_DAYS * DAY)

    def evaporation(self, humidity: Real, temperature: Real) -> Real:
        """The tendency of humidity by evaporation (s⁻¹) on the grid.

        Args:
            humidity: kg/kg.
            temperature: at the ground, K.
        """
        deficit = SEA_RELATIVE_HUMIDITY * saturation_humidity(temperature) - humidity
        return self._evaporation_rate * np.maximum(deficit, 0.0)

    def condensation(self, humidity: Real, temperature: Real, vorticity: Real) -> Real:
        """The loss of humidity by rain (s⁻¹) on the grid; multiplied by `COLUMN_MASS` it is the rain rate (mm/s).

        Args:
            humidity: kg/kg.
            temperature: at the ground, K.
            vorticity: relative, s⁻¹.
        """
        convection = CONVECTIVE_LIFT * np.maximum(temperature - CONVECTION_ONSET, 0.0)
        lifted = temperature - self._cyclone_lift * vorticity - convection
        return np.maximum(humidity - saturation_humidity(lifted), 0.0) / (CONDENSATION_HOURS * 3600.0)


def saturation_humidity(temperature: Real) -> Real:
    """The specific humidity (kg/kg) of saturated air: 0.622 e_s / p, e_s = 611.2 Pa exp(17.67 t / (t + 243.5)).

    t is in °C. Bolton (1980), doi:10.1175/1520-0493(1980)108<1046:TCOEPT>2.0.CO;2, equation 10.
    """
    celsius = temperature - 273.15
    return 0.622 * 611.2 / PRESSURE * np.exp(17.67 * celsius / (celsius + 243.5))
