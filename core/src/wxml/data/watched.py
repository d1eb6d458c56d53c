"""A source whose values are held against those of the training as they are read."""

__all__ = ["Range", "Watched"]

import logging
from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wxml.data.looked_at import LookedAt
from wxml.data.read_request import ReadRequest
from wxml.data.source import DataSource
from wxml.data.times import format_time

logger = logging.getLogger("wxml")

Range = tuple[float, float]
"""The least and the greatest value of the training, in physical units."""
BEYOND: Final = 0.1
"""A value may be beyond the range of the training by this share of it."""


class Watched(LookedAt):
    """A source that tells of values beyond the range of the training: once for each variable, where it is met first."""

    def __init__(self, source: DataSource, ranges: Mapping[str, Range], called: str) -> None:
        """Watch a source.

        Args:
            source: the source, in the units of the training.
            ranges: by name of a variable; others are not watched.
            called: what it is called in messages, as in `the initial states`.
        """
        super().__init__(source, called, ranges)
        self._limits = {name: _limits(ends) for name, ends in ranges.items()}

    def _tell(self, name: str, request: ReadRequest, values: NDArray[np.float32]) -> bool:
        """Tell of values `[time, member, node]` beyond the limits; whether there are any."""
        low, high = self._limits[name]
        beyond = (values < low) | (values > high)
        if not beyond.any():
            return False
        distance = np.where(beyond, np.maximum(low - values, values - high), -np.inf)
        time, member, node = np.unravel_index(np.argmax(distance), values.shape)
        grid, units = self.header.grid, self.header.variables[self.header.names.index(name)].units
        place = np.arange(len(grid))[request.nodes][node]
        logger.warning(
            "variable %r of %s is beyond what the model was trained on, %.6g to %.6g %s with a tenth of it on both "
            "sides: %d of %d nodes at %s, as far as %.6g at %.7g°N %.7g°E; is it in other units, or of another level?",
            name, self._called, low, high, units, int(beyond[time, member].sum()), values.shape[-1],
            format_time(self.header.times[request.times[time]]), float(values[time, member, node]),
            grid.latitudes[place], grid.longitudes[place],
        )  # fmt: skip
        return True


def _limits(ends: Range) -> Range:
    """The range and a tenth of it on both sides; that of a constant is as wide as rounding.

    >>> _limits((200.0, 300.0))
    (190.0, 310.0)
    """
    low, high = ends
    more = BEYOND * (high - low) or 1e-5 * max(abs(low), abs(high), 1e-30)
    return low - more, high + more
