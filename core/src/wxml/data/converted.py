"""A source with variables in other units."""

__all__ = ["Converted"]

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from wxml.data.moments import Moments
from wxml.data.read_request import ReadRequest
from wxml.data.source import DataSource
from wxml.data.units import Line
from wxml.data.wrapped import Wrapped


class Converted(Wrapped):
    """A source with some variables in other units."""

    def __init__(self, source: DataSource, lines: Mapping[str, tuple[str, Line]]) -> None:
        """Give a source other units.

        Args:
            source: the source as it is.
            lines: by name of a variable its new units, and what makes values in them.
        """
        super().__init__(source, lines)
        self._lines = dict(lines)
        variables = [
            replace(one, units=lines[one.name][0]) if one.name in lines else one for one in source.header.variables
        ]
        self.header = replace(source.header, variables=tuple(variables))

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source as it is, if no variable is in other units: rounding makes those of others different."""
        if not self._lines.keys().isdisjoint(variables):
            return None
        return self._source.moments(times, variables, timestep)

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._source.fill(request, out)
        names = self.header.names
        for column, index in enumerate(np.arange(len(names))[request.variables]):
            if names[index] in self._lines:
                scale, offset = self._lines[names[index]][1]
                out[:, :, column] = out[:, :, column].astype(np.float64) * scale + offset
