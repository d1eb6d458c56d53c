"""Bands of height, as regions of stations."""

__all__ = ["elevation_regions"]

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from wxml_verification.regions import Region
from wxml_verification.stations.places import StationPlaces

ELEVATION = "elevation"


def elevation_regions(edges: Sequence[float], places: StationPlaces | None) -> dict[str, Region]:
    """A region for each band between two edges, m, below the lowest and above the highest, if a station is in it.

    A station on an edge is in the lower band.
    """
    if places is None:
        return {}
    bounds = [None, *sorted(edges), None] if edges else []
    bands = {_called(low, high): (low, high) for low, high in pairwise(bounds)}
    return {
        name: Region(mask=ELEVATION, above=-np.inf if low is None else low, below=high)
        for name, (low, high) in bands.items()
        if _holds(places, low, high)
    }


def _called(low: float | None, high: float | None) -> str:
    if low is None:
        return f"up to {high:g} m"
    return f"above {low:g} m" if high is None else f"{low:g} to {high:g} m"


def _holds(places: StationPlaces, low: float | None, high: float | None) -> bool:
    inside = places.counted & np.isfinite(places.elevations)
    inside &= (places.elevations > (-np.inf if low is None else low)) & (
        places.elevations <= (np.inf if high is None else high)
    )
    return bool(inside.any())
