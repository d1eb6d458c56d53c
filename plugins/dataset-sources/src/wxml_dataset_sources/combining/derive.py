"""Variables that are computed from others."""

__all__ = ["Derivation", "Derive"]

from dataclasses import replace
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import ReadRequest
from wxml.data.read_request import run

from wxml_dataset_sources.combining.combination import Combination, Source, fill_there, opened, values_of
from wxml_dataset_sources.combining.derivation import Derivation
from wxml_dataset_sources.combining.derivations import Derived, derived


class Derive(Combination):
    """A source with further variables, which are computed from those that it has.

    A value is NaN if one of those that it is made of is.
    """

    name = "derive"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[
            dict[str, Derivation], Field(description="new name, or new parameter of several levels → {formula, of}")
        ],
    ) -> None:
        part = opened(source)
        said = {name: how.model_dump(exclude_none=True) for name, how in variables.items()}
        super().__init__((part,), {"variables": said})
        own = part.header.variables
        new: list[Derived] = []
        for name, how in variables.items():
            new += derived(name, how, own)
        for each in new:
            if each.formula.prepare is not None:
                each.formula.prepare(part.header.grid)
        self._derived = tuple(new)
        self.header = replace(part.header, variables=own + tuple(each.variable for each in new))

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source; derived variables are apart, since what they need is read for each of them."""
        own = self._sources[0].chunk_groups()
        return np.append(own, own.max(initial=0) + 1 + np.arange(len(self._derived)))

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        source, own = self._sources[0], len(self._sources[0].header.variables)
        kept, made = np.flatnonzero(request.variables < own), np.flatnonzero(request.variables >= own)
        if len(kept):
            part = replace(request, variables=request.variables[kept])
            fill_there(source, part, out, (slice(None), slice(None), run(kept)))
        for column in made:
            how = self._derived[request.variables[column] - own]
            needed = source.header.variable_indices([operand.name for operand in how.operands])
            is_whole = how.formula.prepare is not None
            nodes = slice(0, len(self.header.grid)) if is_whole else request.nodes
            values = values_of(source, replace(request, variables=needed, nodes=nodes))
            found = how.computed([values[:, :, number] for number in range(len(needed))], self.header.grid)
            out[:, :, column] = found[..., request.nodes] if is_whole else found
