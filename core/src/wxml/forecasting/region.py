"""One of several grids alone, of a forecast on all of them."""

__all__ = ["Region"]

from dataclasses import dataclass, replace

import numpy as np

from wxml.data.fields import Fields
from wxml.errors import ConfigError, Fault, nearest
from wxml.forecasting.layout import SPREAD, ForecastHeader


@dataclass(frozen=True, slots=True)
class Region:
    """The nodes and the variables of a forecast that are written."""

    name: str
    nodes: slice
    lacks: tuple[str, ...]
    """The variables that are not given there."""

    @classmethod
    def of(cls, name: str, header: ForecastHeader) -> "Region":
        """The one of the grids of a forecast that has a name.

        Raises:
            ConfigError: none has it.
        """
        parts = {part.name: part for part in header.grid.parts}
        if name not in parts:
            fix = nearest(name, list(parts)) if parts else "leave `forecast.region` out: the model has one grid"
            raise ConfigError([Fault("forecast.region", f"there is no grid {name!r}")], fix=fix)
        return cls(name, header.grid.ranges[name], parts[name].lacks)

    def header(self, whole: ForecastHeader) -> ForecastHeader:
        """The header of what is written."""
        boundary = None if whole.boundary is None else whole.boundary[self.nodes]
        variables = tuple(one for one in whole.variables if self._has(one.name))
        return replace(whole, grid=whole.grid.part(self.name), variables=variables, boundary=boundary)

    def fields(self, whole: Fields) -> Fields:
        """What is written of a step."""
        columns = [place for place, name in enumerate(whole.variables) if self._has(name)]
        values = np.ascontiguousarray(whole.values[:, columns, self.nodes])
        return Fields(whole.valid_time, tuple(whole.variables[column] for column in columns), values)

    def _has(self, name: str) -> bool:
        return name.removesuffix(SPREAD) not in self.lacks
