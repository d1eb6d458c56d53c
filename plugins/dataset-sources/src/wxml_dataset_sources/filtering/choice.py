"""Which variables of a state a filter changes."""

__all__ = ["Names", "columns"]

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from wxml import FilterSpace

from wxml_dataset_sources.combining.variable_choice import meant

Names = Annotated[
    list[str],
    Field(min_length=1, description="names (t_850) or parameters (t, all levels)", examples=[["t_850"]]),
]


def columns(space: FilterSpace, names: Sequence[str], option: str = "variables") -> list[int]:
    """The positions of the variables that an option names, by name or parameter, each once.

    Raises:
        DataError: there is no such variable.
    """
    found = dict.fromkeys(one for name in names for one in meant(name, space.variables, option))
    return [space.variables.index(one) for one in found]
