"""A small world for tests: waves in closed form that travel east on a coarse grid."""

__all__ = ["TravellingWaves", "tiny_graph", "tiny_grid"]

from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from wxml.data.grid import Grid
from wxml.data.source import DataSource, SourceHeader
from wxml.data.sphere import angular_distance
from wxml.data.variables import Variable
from wxml.graphs.graph import EdgeSet, Graph
from wxml.graphs.node_set import NodeSet

HOURS_PER_TURN = {"t": 48.0, "q": 96.0}


def tiny_grid(latitudes: int = 6, longitudes: int = 8) -> Grid:
    """Make a coarse global regular grid, without the poles."""
    step = 180 / latitudes
    return Grid.regular(90 - step / 2 - step * np.arange(latitudes), 360 / longitudes * np.arange(longitudes))


def tiny_graph(grid: Grid, mesh_nodes: int = 12, neighbours: int = 3, levels: int = 0) -> Graph:
    """Make a graph for `grid`: the mesh nodes lie on a spiral, and every node is joined to its nearest ones.

    Each of the `levels` below the mesh has half as many nodes as the one before, and edges up and down.
    """
    nodes = {"grid": NodeSet.of_grid(grid), "mesh": _spiral(mesh_nodes)}
    pairs = {("mesh", "grid"): neighbours, ("mesh", "mesh"): neighbours + 1}
    finer = "mesh"
    for level in range(1, levels + 1):
        coarser = f"mesh:{level}"
        nodes[coarser] = _spiral(mesh_nodes >> level)
        pairs |= {(coarser, coarser): neighbours + 1, (finer, coarser): neighbours, (coarser, finer): neighbours}
        finer = coarser
    edges = {pair: _nearest_edges(nodes[pair[0]], nodes[pair[1]], count) for pair, count in pairs.items()}
    back = edges["mesh", "grid"]
    edges["grid", "mesh"] = EdgeSet.between(nodes["grid"], nodes["mesh"], back.target, back.source)
    return Graph(nodes, edges)


def _spiral(count: int) -> NodeSet:
    steps = np.arange(count) + 0.5
    return NodeSet(np.degrees(np.arcsin(1 - 2 * steps / count)), np.mod(steps * 222.49, 360))


def _nearest_edges(source: NodeSet, target: NodeSet, count: int) -> EdgeSet:
    """Edges from the `count` nearest source nodes into each target node."""
    distance = angular_distance(target.points[:, None], source.points[None])
    nearest = np.argsort(distance, axis=1, kind="stable")[:, :count]
    index = np.repeat(np.arange(len(target)), nearest.shape[1])
    return EdgeSet.between(source, target, nearest.ravel(), index)


class TravellingWaves(DataSource):
    """Waves that travel east at constant speed: t once around in two days, q in four; units K and g/kg.

    t(φ, λ, h) = 280 + 10 cos φ cos(λ − 2π h / 48 + m), and likewise q around 5 with amplitude 2, where h counts hours
    since the first time and m the members.
    """

    def __init__(
        self,
        *,
        days: Annotated[int, Field(gt=0, description="how long the data are, from 2000-01-01 on")] = 20,
        members: Annotated[int, Field(gt=0, description="ensemble members, each shifted in phase")] = 1,
    ) -> None:
        times = np.datetime64("2000-01-01T00", "s") + np.arange(4 * days) * np.timedelta64(6 * 3600, "s")
        variables = (Variable("t", units="K"), Variable("q", units="g kg-1"))
        self.header = SourceHeader(tiny_grid(), variables, times, members)

    def wave(self, variable: str, hours: float, member: int) -> NDArray[np.float64]:
        """Evaluate the closed form of `variable` at `hours` since the first time, shape `[node]`."""
        grid = self.header.grid
        phase = np.radians(grid.longitudes) - 2 * np.pi * hours / HOURS_PER_TURN[variable] + member
        mean, amplitude = {"t": (280.0, 10.0), "q": (5.0, 2.0)}[variable]
        return np.asarray(mean + amplitude * np.cos(np.radians(grid.latitudes)) * np.cos(phase))

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        for i, time in enumerate(time_indices):
            for j, variable in enumerate(variable_indices):
                for member in range(self.header.members):
                    out[i, member, j] = self.wave(self.header.names[variable], 6.0 * time, member)

    def provenance(self) -> dict[str, Any]:
        """Return the numbers of times and members; the waves depend on nothing else."""
        return {"kind": "travelling waves", "times": len(self.header.times), "members": self.header.members}
