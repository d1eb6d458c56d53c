"""EdgeFeature: what a model reads of each edge."""

__all__ = ["EdgeFeature"]

from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from wxml import NodeSet
from wxml.errors import ContractError

from wxml_graph_builders.mesh_nodes import Pairs


class EdgeFeature(ABC):
    """Gives one or several numbers for each edge. The keyword-only parameters of the constructor are its options."""

    @final
    def values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[np.float64]:
        """The numbers, shape `[edge, k]`, finite.

        Args:
            source: the nodes at which edges start.
            target: the nodes at which edges end.
            edges: numbers of a source and of a target node, sorted by target and then by source; `[edge, 2]`.

        Raises:
            ContractError: the plugin gave something else.
            DataError: these edges have no such feature.
        """
        values: Any = self._values(source, target, edges)
        if not isinstance(values, np.ndarray) or values.ndim != 2 or len(values) != len(edges):
            got = f"shape {values.shape}" if isinstance(values, np.ndarray) else type(values).__name__
            raise self._fault(f"returned {got}, not [{len(edges)}, k]")
        if values.dtype.kind not in "fiub" or not np.isfinite(values).all():
            raise self._fault("returned values that are not finite numbers")
        return np.asarray(values, np.float64)

    @abstractmethod
    def _values(self, source: NodeSet, target: NodeSet, edges: Pairs) -> NDArray[Any]:
        """One row of numbers for each edge."""

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"edge feature {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )
