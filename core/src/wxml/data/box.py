"""Boxes of latitudes and longitudes, and the nodes that lie in them."""

__all__ = ["EDGE", "FULL_CIRCLE", "LatLonBox"]

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FULL_CIRCLE: Final = 360.0
EDGE: Final = 1e-3
"""Degrees: a node so near to an edge lies on it, since files round their coordinates to single precision and less."""


@dataclass(frozen=True, slots=True)
class LatLonBox:
    """What lies from `south` to `north` and, eastwards, from `west` to `east`, in degrees; its edges belong to it.

    `west` may be greater than `east`, across Greenwich or the date line. Where they are a full circle apart, or more,
    the box goes around the globe.
    """

    north: float = 90.0
    south: float = -90.0
    west: float = -180.0
    east: float = 180.0

    @property
    def width(self) -> float:
        """The degrees from its western edge to its eastern one, in [0, 360].

        >>> LatLonBox(west=350, east=10).width, LatLonBox(west=-360, east=360).width, LatLonBox(west=7, east=7).width
        (20.0, 360.0, 0.0)
        """
        apart = float(self.east - self.west)
        return FULL_CIRCLE if apart >= FULL_CIRCLE else apart % FULL_CIRCLE

    def eastward(self, longitudes: NDArray[np.float64]) -> NDArray[np.float64]:
        """The degrees from the western edge eastwards to each longitude, in [−`EDGE`, 360 − `EDGE`)."""
        return np.asarray(np.mod(longitudes - self.west + EDGE, FULL_CIRCLE) - EDGE)

    def holds(self, latitudes: NDArray[np.float64], longitudes: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether each place lies in the box."""
        is_between = (latitudes >= self.south - EDGE) & (latitudes <= self.north + EDGE)
        return np.asarray(is_between & (self.eastward(longitudes) <= self.width + EDGE))
