"""MeshBuilder: makes the nodes of a mesh."""

__all__ = ["MeshBuilder", "no_node_there"]

from abc import ABC, abstractmethod
from typing import final

import numpy as np
from wxml.errors import ContractError, DataError

from wxml_graph_builders.mesh_nodes import BuildContext, MeshNodes


class MeshBuilder(ABC):
    """Makes a node set of a graph. The keyword-only parameters of the constructor are its options."""

    @final
    def build(self, context: BuildContext) -> MeshNodes:
        """Make the nodes, and check them.

        Args:
            context: the grid, the node sets that are there already, and the area where nodes are needed.

        Raises:
            ContractError: the plugin made something else than nodes with numbers of nodes.
            DataError: nodes cannot be made with these options on this grid.
        """
        made = self._build(context)
        if not isinstance(made, MeshNodes):
            raise self._fault(f"returned {type(made).__name__}, not MeshNodes")
        places = (made.nodes.latitudes, made.nodes.longitudes)
        if places[0].shape != places[1].shape or not all(np.isfinite(values).all() for values in places):
            raise self._fault("returned nodes without a latitude and a longitude each")
        if not len(made):
            raise self._fault("returned no node") if context.area is None else no_node_there()
        for what, groups in (*(("level", pairs) for pairs in made.levels), ("cells", made.cells)):
            if groups is not None and groups.size and not 0 <= groups.min() <= groups.max() < len(made):
                raise self._fault(f"returned a {what} with numbers of nodes that are not there")
        return made

    @abstractmethod
    def _build(self, context: BuildContext) -> MeshNodes:
        """Make the nodes; the same context and options give the same ones, bit for bit.

        Nodes outside of `context.area`, if there is one, may be left out: all of them are, in the end.
        """

    def _fault(self, what: str) -> ContractError:
        return ContractError(
            f"mesh builder {type(self).__name__} {what}", fix="this is a fault of the plugin: tell its authors"
        )


def no_node_there() -> DataError:
    """The error about an area in which a mesh has no node."""
    return DataError(
        "no node of the mesh lies in the area", fix="choose a finer mesh, or a wider area by its `margin_km`"
    )
