"""Node attributes that a variable of the data gives: its values, and where there are some."""

__all__ = ["NonMissing", "NonZero", "OfVariable"]

from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml.errors import DataError

from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes
from wxml_graph_builders.node_attribute import NodeAttribute
from wxml_graph_builders.sampled_field import FieldTime, FieldVariable, OfSource, sampled

Mask = NDArray[np.bool_]


class OfVariable(NodeAttribute):
    """The values of a variable, such as the height of the ground, at the nearest node of a source."""

    def __init__(
        self,
        *,
        variable: FieldVariable,
        source: OfSource,
        time: FieldTime = None,
        fill: Annotated[
            float | None, Field(allow_inf_nan=False, description="what stands for missing values; null: none may be")
        ] = None,
    ) -> None:
        self.variable, self.source, self.time, self.fill = variable, source, time, fill

    def _values(self, nodes: MeshNodes, context: BuildContext) -> NDArray[np.float64]:
        values = sampled(nodes.points, self.source, self.variable, self.time).values
        missing = np.isnan(values)
        if missing.any() and self.fill is None:
            raise DataError(
                f"`{self.variable}` is missing at {missing.sum()} of {len(nodes)} nodes, the first is node "
                f"{int(np.argmax(missing))}",
                fix="give a `fill` for them, or choose another variable",
            )
        return np.where(missing, self.fill or 0.0, values)


class NonMissing(NodeAttribute):
    """Whether a variable has a value, such as the temperature of the sea surface, at the nearest node of a source."""

    def __init__(self, *, variable: FieldVariable, source: OfSource, time: FieldTime = None) -> None:
        self.variable, self.source, self.time = variable, source, time

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return ~np.isnan(sampled(nodes.points, self.source, self.variable, self.time).values)


class NonZero(NodeAttribute):
    """Whether a variable has a value other than 0, such as a land mask, at the nearest node of a source."""

    def __init__(self, *, variable: FieldVariable, source: OfSource, time: FieldTime = None) -> None:
        self.variable, self.source, self.time = variable, source, time

    def _values(self, nodes: MeshNodes, context: BuildContext) -> Mask:
        return np.asarray(np.nan_to_num(sampled(nodes.points, self.source, self.variable, self.time).values) != 0)
