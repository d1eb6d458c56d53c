"""Sources whose values are those of another source times a number, plus another number."""

__all__ = ["Scaled"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import Moments, ReadRequest, Variable

from wxml_dataset_sources.combining.combination import Combination, Part


class Line(NamedTuple):
    """What becomes of a variable: `scale` times its values, plus `offset`, in `units`."""

    scale: float
    offset: float
    units: str


class Scaled(Combination):
    """Some variables of a source, each on a line of its own; the others stay as they are."""

    def __init__(self, part: Part, options: Mapping[str, Any], lines: Mapping[Variable, Line]) -> None:
        super().__init__((part,), options)
        own = part.header.variables
        every = [lines.get(variable, Line(1.0, 0.0, variable.units)) for variable in own]
        self._scales = np.array([line.scale for line in every])
        self._offsets = np.array([line.offset for line in every])
        changed = tuple(replace(variable, units=line.units) for variable, line in zip(own, every, strict=True))
        self.header = replace(part.header, variables=changed)

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source, if no variable is changed: rounding makes those of others different."""
        wanted = self.header.variable_indices(variables)
        is_same = (self._scales[wanted] == 1.0) & (self._offsets[wanted] == 0.0)
        return self._sources[0].moments(times, variables, timestep) if is_same.all() else None

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._sources[0].fill(request, out)
        for column, index in enumerate(request.variables):
            scale, offset = self._scales[index], self._offsets[index]
            if (scale, offset) != (1.0, 0.0):
                out[:, :, column] = out[:, :, column].astype(np.float64) * scale + offset
