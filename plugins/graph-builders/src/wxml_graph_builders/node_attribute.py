"""NodeAttribute: something that is known of each node."""

__all__ = ["NodeAttribute"]

from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from wxml.errors import ContractError

from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes

Values = NDArray[np.generic]


class NodeAttribute(ABC):
    """Gives a value for each node of a set, such as its area, or whether it lies in a region.

    The keyword-only parameters of the constructor are its options.
    """

    @final
    def values(self, nodes: MeshNodes, context: BuildContext) -> NDArray[Any]:
        """The values, shape `[node]` or `[node, k]`: finite floats, integers or booleans.

        Args:
            nodes: the nodes; `nodes.nodes.attributes` has the attributes that are there already.
            context: the grid and all node sets of the graph.

        Raises:
            ContractError: the plugin gave something else.
            DataError: there are no values for these nodes with these options.
        """
        values: Any = self._values(nodes, context)
        fits = isinstance(values, np.ndarray) and values.ndim in (1, 2) and len(values) == len(nodes)
        if not fits or values.dtype.kind not in "fiub":
            got = f"{values.dtype} {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise self._fault(f"returned {got}, not a number for each of {len(nodes)} nodes")
        if not np.isfinite(values).all():
            raise self._fault("returned values that are not finite")
        checked: NDArray[Any] = values
        return checked

    @abstractmethod
    def _values(self, nodes: MeshNodes, context: BuildContext) -> NDArray[Any]:
        """One value, or one row of them, for each node."""

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"node attribute {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )
