"""The places of nodes that no grid type describes, as two messages before all others."""

__all__ = ["place_messages"]

from collections.abc import Iterator

import eccodes
import numpy as np
from wxml import Grid

from wxml_grib_writer.handles import copied, set_keys


def place_messages(base: int, grid: Grid, initial: np.datetime64) -> Iterator[bytes]:
    """Make a message of the latitudes and one of the longitudes of all nodes, in degrees, with 64 bits each.

    Args:
        base: a message with the grid and the identity.
        grid: the nodes.
        initial: the first initial time of the forecast.
    """
    for number, values in enumerate((grid.latitudes, grid.longitudes), start=1):
        with copied(base) as handle:
            set_keys(handle, {"discipline": 0, "parameterCategory": 191, "parameterNumber": number})
            set_keys(handle, {"typeOfFirstFixedSurface": 1, "dataDate": int(str(initial)[:10].replace("-", ""))})
            set_keys(handle, {"packingType": "grid_ieee", "precision": 2})
            eccodes.codes_set_values(handle, values)
            yield bytes(eccodes.codes_get_message(handle))
