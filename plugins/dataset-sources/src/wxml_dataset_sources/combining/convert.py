"""Other units."""

__all__ = ["Convert"]

from typing import Annotated

from pydantic import Field

from wxml_dataset_sources.combining.combination import Source, opened
from wxml_dataset_sources.combining.scaled import Line, Scaled
from wxml_dataset_sources.combining.units import line_to
from wxml_dataset_sources.combining.variable_choice import meant


class Convert(Scaled):
    """A source with some variables in other units."""

    name = "convert"

    def __init__(
        self,
        *,
        source: Source,
        units: Annotated[
            dict[str, str],
            Field(description="name (t_850) or parameter (t, all levels) → units, such as degC"),
        ],
    ) -> None:
        part = opened(source)
        lines = {
            variable: Line(*line_to(variable, wanted), wanted)
            for name, wanted in units.items()
            for variable in meant(name, part.header.variables, "units")
        }
        super().__init__(part, {"units": units}, lines)
