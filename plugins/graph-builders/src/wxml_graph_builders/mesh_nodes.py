"""The nodes of a mesh with what is known of how they are joined, and what a builder of them is told."""

__all__ = ["Area", "BuildContext", "Cells", "MeshNodes", "Pairs", "within"]

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from wxml import Grid, NodeSet
from wxml.errors import DataError, nearest

Pairs = NDArray[np.int64]
"""Numbers of a source and of a target node, shape `[edge, 2]`."""
Cells = NDArray[np.int64]
"""Node numbers of the corners of cells, anticlockwise as seen from outside, shape `[cell, corner]`."""
Points = NDArray[np.float64]


class Area(Protocol):
    """A part of the sphere."""

    def holds(self, points: Points, slack: float = 0.0) -> NDArray[np.bool_]:
        """Tell for each point whether it lies in the area, or within `slack` radians of it.

        Points are unit vectors, `[point, 3]`. With a slack, points a little beyond it may be held, too.
        """


@dataclass(frozen=True, slots=True, eq=False)
class MeshNodes:
    """Nodes, and the edges and cells among them that the way they were made gives.

    A mesh that says its `levels` can be joined by the edge builder `multi-scale`, whoever wrote it.
    """

    nodes: NodeSet
    levels: tuple[Pairs, ...] = ()
    """Directed edges between neighbours, for each level from the coarsest to the finest; a level may have none."""
    cells: Cells | None = None
    """The triangles of the finest level, of a mesh that is made of triangles."""

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def points(self) -> Points:
        """Unit vectors, shape `[node, 3]`."""
        return self.nodes.points

    def subset(self, kept: NDArray[np.bool_]) -> "MeshNodes":
        """The nodes that `kept` names, numbered in the same order, with the edges and cells among them."""
        if kept.all():
            return self
        number = np.where(kept, np.cumsum(kept) - 1, -1)
        levels = tuple(within(number, pairs) for pairs in self.levels)
        return MeshNodes(self.nodes.take(kept), levels, None if self.cells is None else within(number, self.cells))


@dataclass(frozen=True, slots=True, eq=False)
class BuildContext:
    """What there is when nodes are built: the grid, the node sets before these, and where nodes are needed."""

    grid: Grid
    nodes: Mapping[str, MeshNodes] = field(default_factory=dict)
    """The node sets that are built already, by name; those of the data are there from the start."""
    area: Area | None = None
    """Nodes outside of it are left out afterwards, so a builder need not make them; None: the whole sphere."""

    def named(self, name: str) -> MeshNodes:
        """The node set of that name.

        Raises:
            DataError: it is not built yet, or never.
        """
        if name not in self.nodes:
            raise DataError(
                f"unknown node set {name!r}: {nearest(name, self.nodes)}",
                fix="name a node set of the data, or one that stands further up in `nodes`",
            )
        return self.nodes[name]


def within(number: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """The groups of nodes (`[group, member]`) with all members kept, in their new numbers; -1 stands for none."""
    renumbered = number[groups]
    return np.asarray(renumbered[np.all(renumbered >= 0, axis=1)])
