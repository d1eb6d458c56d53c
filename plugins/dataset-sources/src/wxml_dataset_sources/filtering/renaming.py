"""Other names, other units."""

__all__ = ["RenameFilter", "UnitsFilter"]

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import FilterSpace, StateFilter
from wxml.errors import DataError

from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant

Values = NDArray[np.float32]


class RenameFilter(StateFilter):
    """Gives variables other names; values stay as they are."""

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        names: Annotated[
            dict[str, str],
            Field(
                min_length=1,
                description="old name → new name; a parameter (t) stands for all its levels (t_850)",
                examples=[{"t_850": "temperature_850"}],
            ),
        ],
    ) -> None:
        super().__init__(space)
        new = {}
        for name, other in names.items():
            for one in meant(name, space.variables, "names"):
                suffix = "" if one.name == name else one.name.removeprefix(one.param)
                new[one.name] = replace(one, name=other + suffix, param=other if one.param == name else one.param)
        self.variables = tuple(new.get(one.name, one) for one in space.variables)
        self._before = tuple(one.name for one in space.variables)
        after = [one.name for one in self.variables]
        twice = sorted({name for name in after if after.count(name) > 1})
        if twice:
            raise DataError(f"`names` gives {twice[0]!r} to several variables", fix="give each a name of its own")

    @property
    def deviations(self) -> dict[str, str]:
        """Each goes with its variable."""
        return dict(zip((one.name for one in self.variables), self._before, strict=True))

    def _apply(self, values: Values, valid_time: np.datetime64, lead_time: np.timedelta64) -> Values:
        return values


class UnitsFilter(StateFilter):
    """Gives variables in other units."""

    places = ("input", "output")

    def __init__(
        self,
        space: FilterSpace,
        *,
        units: Annotated[
            dict[str, str],
            Field(
                min_length=1,
                description="name (t_850) or parameter (t, all levels) → units, such as degC",
                examples=[{"t_850": "degC"}],
            ),
        ],
    ) -> None:
        super().__init__(space)
        scale, offset = np.ones(len(space.variables)), np.zeros(len(space.variables))
        after = list(space.variables)
        for name, wanted in units.items():
            for one in meant(name, space.variables, "units"):
                at = space.variables.index(one)
                scale[at], offset[at] = line_to(one, wanted)
                after[at] = replace(one, units=wanted)
        self.variables = tuple(after)
        self._scale, self._offset = scale[:, None], offset[:, None]

    def _apply(self, values: Values, valid_time: np.datetime64, lead_time: np.timedelta64) -> NDArray[np.float64]:
        return np.asarray(values * self._scale + self._offset)
