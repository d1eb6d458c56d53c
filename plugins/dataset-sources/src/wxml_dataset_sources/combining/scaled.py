"""Sources whose values are those of another source times a number, plus another number."""

__all__ = ["Scaled"]

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from wxml import ReadRequest, Variable

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

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._sources[0].fill(request, out)
        for column, index in enumerate(request.variables):
            scale, offset = self._scales[index], self._offsets[index]
            if (scale, offset) != (1.0, 0.0):
                out[:, :, column] = out[:, :, column].astype(np.float64) * scale + offset
