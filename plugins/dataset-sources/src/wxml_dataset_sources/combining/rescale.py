"""Values times a number, plus another number."""

__all__ = ["Rescale", "Scaling"]

from typing import Annotated

from pydantic import Field
from wxml import Options

from wxml_dataset_sources.combining.combination import Source, opened
from wxml_dataset_sources.combining.scaled import Line, Scaled
from wxml_dataset_sources.combining.variable_choice import meant


class Scaling(Options):
    """What becomes of a variable."""

    units: Annotated[str, Field(description="the units of the new values")]
    scale: Annotated[float, Field(allow_inf_nan=False, description="the values are multiplied by it")] = 1.0
    offset: Annotated[float, Field(allow_inf_nan=False, description="it is added then")] = 0.0


class Rescale(Scaled):
    """A source with some variables times `scale`, plus `offset`, such as where files state wrong units or none."""

    name = "rescale"

    def __init__(
        self,
        *,
        source: Source,
        variables: Annotated[
            dict[str, Scaling], Field(description="name (t_850) or parameter (t, all levels) → {scale, offset, units}")
        ],
    ) -> None:
        part = opened(source)
        lines = {
            variable: Line(how.scale, how.offset, how.units)
            for name, how in variables.items()
            for variable in meant(name, part.header.variables, "variables")
        }
        super().__init__(part, {"variables": {name: how.model_dump() for name, how in variables.items()}}, lines)
