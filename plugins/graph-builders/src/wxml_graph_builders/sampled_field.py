"""A variable of a data source at the nodes of a graph."""

__all__ = ["FieldTime", "FieldVariable", "OfSource", "SampledField", "sampled"]

from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import DataSource, Kind, PluginChoice, create
from wxml.data.sphere import unit_vectors
from wxml.data.times import parse_time
from wxml.errors import DataError

from wxml_graph_builders.edges import nearest_nodes

OfSource = Annotated[
    PluginChoice,
    Kind("data-source"),
    Field(
        description="where it is from, such as `${data.source}`; a node of the graph takes the nearest value",
        examples=[{"plugin": "simulated-atmosphere"}],
    ),
]
FieldVariable = Annotated[str, Field(min_length=1, description="the variable of `source`", examples=["z"])]
FieldTime = Annotated[str | None, Field(description="when; null: at the first time that the source has")]


@dataclass(frozen=True, slots=True)
class SampledField:
    """The values of a variable at some nodes."""

    values: NDArray[np.float64]
    """Shape `[node]`; NaN where the source has none."""
    units: str | None


def sampled(points: NDArray[np.float64], source: PluginChoice, variable: str, time: str | None) -> SampledField:
    """The values at the nodes of the source that are nearest to some points, of its first member.

    Args:
        points: unit vectors, `[node, 3]`.
        source: the data.
        variable: one of its variables.
        time: when; None: at its first time.

    Raises:
        DataError: the source has no such variable, or not at this time.
    """
    made: DataSource = create("data-source", source.plugin, source.options)
    header = made.header
    place = int(header.variable_indices([variable])[0])
    if not len(header.times):
        raise DataError(f"the source of `{variable}` has no times at all", fix="choose other data")
    moment = header.times[:1] if time is None else np.array([parse_time(time)])
    values = made.read(moment, [variable], members=slice(0, 1))[0, 0, 0]
    _, nearest = nearest_nodes(unit_vectors(header.grid.latitudes, header.grid.longitudes), points, 1)
    return SampledField(values[nearest].astype(np.float64), header.variables[place].units)
