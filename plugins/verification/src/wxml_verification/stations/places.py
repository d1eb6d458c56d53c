"""The stations that a forecast is verified at, for tables and maps."""

__all__ = ["StationPlaces"]

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array
from wxml_verification.placement import Line


@dataclass(frozen=True, slots=True, eq=False)
class StationPlaces:
    """The stations that a forecast is verified at; arrays have the shape `[node]`."""

    names: tuple[str, ...]
    elevations: Array
    """m; NaN where it is not known."""
    model_heights: Array
    """The height of the ground of the model there, m; NaN where it is not known."""
    distances: Array
    """To the nearest node of the forecast that is read, km; NaN outside of its area."""
    corrected: Mapping[str, Line]
    """Variable → the factor and the offset of the forecast for the height of each station."""
    counted: NDArray[np.bool_]
    """Which stations have any value that counts."""
    dropped: Mapping[str, int]
    """Why observations do not count → how many."""
