"""EdgeBuilder: joins the nodes of two sets."""

__all__ = ["EdgeBuilder"]

from abc import ABC, abstractmethod
from typing import Any, final

import numpy as np
from wxml.errors import ContractError
from wxml.graphs.edge_order import ordered

from wxml_graph_builders.mesh_nodes import MeshNodes, Pairs


class EdgeBuilder(ABC):
    """Joins the nodes of two sets by directed edges. The keyword-only parameters of the constructor are its options."""

    @final
    def edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        """Pairs of a source node and a target node, each once, sorted by target and then by source; `[edge, 2]`.

        Args:
            source: the nodes at which edges start; those that a mask leaves out are not among them.
            target: the nodes at which edges end.

        Raises:
            ContractError: the plugin gave anything but pairs of node numbers.
            DataError: these node sets cannot be joined with these options.
        """
        pairs: Any = self._edges(source, target)
        if not isinstance(pairs, np.ndarray) or pairs.ndim != 2 or pairs.shape[1] != 2 or pairs.dtype.kind not in "iu":
            raise self._fault("returned anything but an array of node numbers [edge, 2]")
        if pairs.size and (pairs.min() < 0 or pairs[:, 0].max() >= len(source) or pairs[:, 1].max() >= len(target)):
            raise self._fault(f"returned numbers of nodes beyond {len(source)} sources and {len(target)} targets")
        return ordered(*pairs.T).T

    @abstractmethod
    def _edges(self, source: MeshNodes, target: MeshNodes) -> Pairs:
        """Pairs of node numbers in any order, doubles allowed; the same nodes give the same pairs."""

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"edge builder {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )
