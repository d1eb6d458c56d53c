"""Other names for variables."""

__all__ = ["Rename"]

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import Moments, ReadRequest, Variable
from wxml.errors import DataError

from wxml_dataset_sources.combining.combination import Combination, Source, opened
from wxml_dataset_sources.combining.variable_choice import meant


class Rename(Combination):
    """A source with other names for its variables; values stay as they are."""

    name = "rename"

    def __init__(
        self,
        *,
        source: Source,
        names: Annotated[
            dict[str, str], Field(description="old name → new name; a parameter (t) stands for all its levels (t_850)")
        ],
    ) -> None:
        part = opened(source)
        super().__init__((part,), {"names": names})
        variables = _renamed(part.header.variables, names)
        after = {old.name: new.name for old, new in zip(part.header.variables, variables, strict=True)}
        grid = part.header.grid
        parts = tuple(replace(one, lacks=tuple(after.get(name, name) for name in one.lacks)) for one in grid.parts)
        self.header = replace(part.header, variables=variables, grid=replace(grid, parts=parts) if parts else grid)

    def moments(
        self, times: NDArray[np.datetime64], variables: Sequence[str], timestep: np.timedelta64 | None = None
    ) -> Moments | None:
        """Those of the source."""
        own = self._sources[0].header.names
        old = [own[place] for place in self.header.variable_indices(variables)]
        return self._sources[0].moments(times, old, timestep)

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        self._sources[0].fill(request, out)


def _renamed(variables: Sequence[Variable], names: Mapping[str, str]) -> tuple[Variable, ...]:
    """The variables with the new names; a name of a variable goes before that of a parameter.

    Raises:
        DataError: a name is neither, or two variables have one name then.
    """
    new: dict[Variable, Variable] = {}
    for old, name in sorted(names.items(), key=lambda pair: any(pair[0] == variable.name for variable in variables)):
        for variable in meant(old, variables, "names"):
            new[variable] = _with_name(variable, old, name)
    renamed: dict[str, Variable] = {}
    for variable in variables:
        after = new.get(variable, variable)
        if after.name in renamed:
            raise DataError(
                f"{renamed[after.name].name!r} and {variable.name!r} are both called {after.name!r} then (`names`)",
                fix="give one of them a name that no other variable has",
            )
        renamed[after.name] = variable
    return tuple(new.get(variable, variable) for variable in variables)


def _with_name(variable: Variable, old: str, name: str) -> Variable:
    """The variable with a new name, or with a new parameter if `old` is that."""
    if variable.name == old:
        return replace(variable, name=name, param=name if variable.param == old else variable.param)
    return replace(variable, name=name + variable.name.removeprefix(old), param=name)
