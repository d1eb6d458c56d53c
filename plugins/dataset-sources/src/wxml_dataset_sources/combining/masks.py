"""Masks: 1 where something is, 0 where it is not, missing where nobody knows."""

__all__ = ["glacier_mask", "land_mask", "mask", "sea_ice_mask"]

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
HALF_OF_THE_CELL = 0.5
PERMANENT_SNOW = 9_990.0
"""kg m⁻². The IFS gives glaciers 10 m of water; packed values are rounded, and no other snow comes near."""
EDGE_OF_ICE = 0.15
"""The share of ice from which on sea counts as covered, as in maps of its extent."""
ROUNDED = 3
"""Decimals that count of a class: files pack them."""


def mask(values: Array, *, least: float = -np.inf, most: float = np.inf, classes: Sequence[int] | None = None) -> Array:
    """Where values are one of the classes, or between `least` and `most`, which count as inside."""
    is_inside = (values >= least) & (values <= most) if classes is None else np.isin(values.round(ROUNDED), classes)
    return np.where(np.isnan(values), np.nan, is_inside)


def land_mask(share: Array, *, least: float = HALF_OF_THE_CELL) -> Array:
    """Where the share of land is large enough."""
    return mask(share, least=least)


def glacier_mask(snow: Array, *, least: float = PERMANENT_SNOW) -> Array:
    """Where the mass of snow (kg m⁻²) is that of glaciers."""
    return mask(snow, least=least)


def sea_ice_mask(share: Array, *, least: float = EDGE_OF_ICE) -> Array:
    """Where the share of sea ice is large enough."""
    return mask(share, least=least)
