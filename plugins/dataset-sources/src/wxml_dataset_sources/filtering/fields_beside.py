"""Fields of other sources that a filter needs, on the nodes and in the units of the states."""

__all__ = ["Beside", "beside"]

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field
from wxml import DataSource, FilterSpace, Kind, PluginChoice, Variable, create
from wxml.data.source_fit import Sides, check_variables, in_units_of, on_grid

Beside = Annotated[
    PluginChoice,
    Kind("data-source"),
    Field(examples=[{"plugin": "xarray", "path": "fields.nc"}]),
]
SIDES = Sides("the forecast", "the forecast has", "the source of the filter", fix="bring it there with `regrid`")


def beside(choice: PluginChoice, space: FilterSpace, wanted: Sequence[Variable], where: str) -> DataSource:
    """Open a source on the nodes of the states, with variables in the units of those that are wanted.

    Raises:
        WxmlError: it cannot be opened, or has other nodes or units of another quantity.
    """
    source: DataSource = create("data-source", choice.plugin, choice.options, where=where)
    source = in_units_of(on_grid(source, space.grid, SIDES), wanted, SIDES)
    check_variables(source.header, [one for one in wanted if one.name in source.header.names], SIDES)
    return source
