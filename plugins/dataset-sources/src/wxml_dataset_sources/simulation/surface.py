"""The ground: smooth continents and mountains, drawn at random from a seed."""

__all__ = ["Surface"]

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from wxml_dataset_sources.simulation.spherical_harmonics import SphericalHarmonics

Real = NDArray[np.float64]

LAND_SHARE = 0.32  # of the sphere
COAST = 0.2  # half the width of a coast, in standard deviations of the field that continents are cut from
MOUNTAIN_SHARE = 0.22  # of the sphere, before the sea covers its part
PEAK = 3500.0  # m: the height of the highest mountain
DRAWN_DEGREES = 22  # for which random numbers are drawn, at every truncation


@dataclass(frozen=True, slots=True)
class Surface:
    """Orography and land share, which do not change with time; shape `[latitude, longitude]`."""

    orography: Real
    """Height of the ground (m), not negative."""
    land: Real
    """The share of land, 0 to 1; coasts are a few grid cells wide."""

    @classmethod
    def from_seed(cls, harmonics: SphericalHarmonics, seed: int) -> Self:
        """Draw two random fields: land lies where the first is high, mountains on land where the second is high."""
        random = np.random.default_rng(seed)
        continents = _random_field(harmonics, random, scale=4.0)
        land = 1.0 / (1.0 + np.exp(-(continents - _upper(harmonics, continents, LAND_SHARE)) / COAST))
        ridges = _random_field(harmonics, random, scale=7.0)
        height = land * np.maximum(ridges - _upper(harmonics, ridges, MOUNTAIN_SHARE), 0.0)
        return cls(orography=PEAK * height / max(float(height.max()), 1e-9), land=land)


def _random_field(harmonics: SphericalHarmonics, random: np.random.Generator, scale: float) -> Real:
    """A smooth field of unit variance whose spectrum falls off beyond the degree `scale`.

    Numbers are drawn for a fixed set of degrees, so the same seed gives the same continents at every truncation.
    """
    size = harmonics.truncation + 1
    drawn = random.normal(size=(2, DRAWN_DEGREES, DRAWN_DEGREES))
    kept = min(size, DRAWN_DEGREES)
    coefficients = np.zeros((size, size), np.complex128)
    coefficients[:kept, :kept] = drawn[0, :kept, :kept] + 1j * drawn[1, :kept, :kept]
    coefficients[0] = coefficients[0].real
    envelope = np.exp(-((harmonics.degrees / scale) ** 2)) * (harmonics.degrees >= np.maximum(harmonics.orders, 1))
    values = harmonics.to_grid(coefficients * envelope)
    return np.asarray(values / np.sqrt(harmonics.mean(values**2)))


def _upper(harmonics: SphericalHarmonics, values: Real, share: float) -> float:
    """The value that `values` exceed on `share` of the sphere's area."""
    order = np.argsort(values, axis=None)
    areas = np.repeat(harmonics.weights, len(harmonics.longitudes))[order]
    return float(values.ravel()[order][np.searchsorted(np.cumsum(areas) / areas.sum(), 1.0 - share)])
