"""Edge features that take an attribute of the nodes at their ends."""

__all__ = ["Difference", "FromNode"]

from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from wxml import NodeSet
from wxml.errors import DataError, nearest

from wxml_graph_builders.edge_feature import EdgeFeature
from wxml_graph_builders.mesh_nodes import Pairs

Attribute = Annotated[str, Field(description="the attribute of the nodes")]


class FromNode(EdgeFeature):
    """An attribute of the node at one end of the edge; truth values become 0 and 1."""

    def __init__(
        self,
        *,
        attribute: Attribute,
        end: Annotated[Literal["source", "target"], Field(description="the end whose attribute is taken")] = "source",
    ) -> None:
        self.attribute, self.end = attribute, end

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        nodes, number = (source, edges[:, 0]) if self.end == "source" else (target, edges[:, 1])
        return _attribute(nodes, self.attribute, self.end)[number]


class Difference(EdgeFeature):
    """An attribute at the source less that at the target, such as the height of the ground."""

    def __init__(self, *, attribute: Attribute) -> None:
        self.attribute = attribute

    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        here = _attribute(target, self.attribute, "target")[edges[:, 1]]
        return _attribute(source, self.attribute, "source")[edges[:, 0]] - here


def _attribute(nodes: NodeSet, name: str, end: str) -> NDArray[np.float64]:
    """The attribute as `[node, k]`; raise a DataError if the nodes have none of that name."""
    if name not in nodes.attributes:
        raise DataError(
            f"the {end} nodes of these edges have no attribute {name!r}: {nearest(name, nodes.attributes)}",
            fix=f"give these nodes the attribute, in `nodes.NAME.attributes.{name}`",
        )
    values = nodes.attributes[name].astype(np.float64)
    return values if values.ndim == 2 else values[:, None]
