"""Graph: nodes and edges on the sphere. A GraphBuilder makes it; mappers and processors work on it."""

__all__ = ["DATA", "GRID", "MESH", "EdgeSet", "Graph", "Mesh", "Route", "needed_edges"]

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from wxml.errors import ContractError, DataError
from wxml.graphs.edge_geometry import edge_features
from wxml.graphs.edge_order import by_source, is_ordered, ordered
from wxml.graphs.node_set import NodeSet, without_last_bits

EDGE_FEATURES = ("length", "east", "north")
NODE_SET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")
GRID, MESH, DATA = "grid", "mesh", "data:"
"""The node sets of the data and of the mesh, and what the names begin with of the node sets of several grids."""
LEVEL = re.compile(r"mesh:([1-9][0-9]{0,2})")
_AUTHORS = "this is a fault of the graph builder: tell its authors"


def _check_numbers(name: str, index: NDArray[np.generic], count: int) -> None:
    """Raise ContractError unless each value of `index` is a node number, 0 to `count` - 1."""
    if not index.size:
        return
    if index.dtype.kind not in "iu":
        raise ContractError(f"`{name}` of an edge must be an integer node number, got {index.dtype}", fix=_AUTHORS)
    if index.min() < 0 or index.max() >= count:
        raise ContractError(
            f"`{name}` of an edge must be a node number below {count}, got {index.min()} to {index.max()}", fix=_AUTHORS
        )


@dataclass(frozen=True, slots=True, eq=False)
class EdgeSet:
    """Directed edges, sorted by target and then by source, with the indices that the kernels need.

    Build one with `EdgeSet.between`, which sorts and computes the features.
    """

    source: NDArray[np.int64]
    """The number of the node at which each edge starts, shape `[edge]`."""
    target: NDArray[np.int64]
    """The number of the node at which each edge ends, shape `[edge]`; never falls."""
    source_count: int
    target_count: int
    features: NDArray[np.float32]
    """Shape `[edge, feature]`: length and direction (see `EdgeSet.between`)."""
    pointers: NDArray[np.int64] = field(init=False)
    """CSR pointers: the edges into node i are `pointers[i]:pointers[i + 1]`; shape `[target_node + 1]`."""
    source_pointers: NDArray[np.int64] = field(init=False)
    """CSR pointers into `transpose`: the edges out of node j; shape `[source_node + 1]`."""
    _transpose: NDArray[np.int64] | None = field(init=False, repr=False, default=None)

    def __post_init__(self) -> None:
        for name, index, count, pointers in (
            ("source", self.source, self.source_count, "source_pointers"),
            ("target", self.target, self.target_count, "pointers"),
        ):
            _check_numbers(name, index, count)
            ends = np.zeros(count + 1, np.int64)
            np.cumsum(np.bincount(index, minlength=count), out=ends[1:])
            object.__setattr__(self, pointers, ends)
        if not is_ordered(self.source, self.target):
            raise ContractError(
                "edges must be sorted by target and then by source, got others",
                fix="build them with EdgeSet.between, which sorts",
            )

    @classmethod
    def between(cls, source_nodes: NodeSet, target_nodes: NodeSet, source: ArrayLike, target: ArrayLike) -> Self:
        """Make edges from `source` to `target`, node numbers in any order; doubles are dropped.

        Features are the great-circle length (radians) and the direction (east, north) in which the target sees the
        source, each divided by its standard deviation over the set, so that values are of order one. East and north of
        a node at a pole are those of its meridian.

        Raises:
            ContractError: `source` or `target` holds anything but numbers of nodes, or they differ in length.
        """
        source, target = np.asarray(source), np.asarray(target)
        _check_numbers("source", source, len(source_nodes))
        _check_numbers("target", target, len(target_nodes))
        if source.shape != target.shape:
            raise ContractError(
                "`source` and `target` of edges must be as long as each other, "
                f"got shapes {source.shape} and {target.shape}",
                fix=_AUTHORS,
            )
        sources, targets = ordered(source, target)
        features = edge_features(source_nodes, target_nodes, sources, targets)
        return cls(sources, targets, len(source_nodes), len(target_nodes), features)

    @property
    def transpose(self) -> NDArray[np.int64]:
        """The permutation that sorts the edges by source, shape `[edge]`: a backward pass walks edges in this order.

        It is made when it is first asked for: a forecast has no backward pass.
        """
        made = self._transpose
        if made is None:
            made = by_source(self.source, self.source_count)
            object.__setattr__(self, "_transpose", made)
        return made

    def __len__(self) -> int:
        return len(self.source)


@dataclass(frozen=True, slots=True)
class Route:
    """The geometry of a Mapper: two node sets and the edges from one to the other."""

    source: NodeSet
    target: NodeSet
    edges: EdgeSet


@dataclass(frozen=True, slots=True)
class Mesh:
    """The geometry of a Processor: the mesh nodes and the edges among them, and the way to the rest of the graph."""

    nodes: NodeSet
    edges: EdgeSet
    name: str = "mesh"
    """The name of the node set in the graph."""
    graph: "Graph | None" = field(default=None, repr=False, compare=False)
    """The graph that the mesh is a part of; None: it stands alone."""

    def levels(self, coarser: int | None = None) -> tuple["Mesh", ...]:
        """Return this mesh and the coarser ones below it, finest first; `route` leads from one to the next and back.

        Args:
            coarser: how many of the coarser ones; None: all that there are.

        Raises:
            DataError: the graph has fewer.
        """
        names = () if self.graph is None else self.graph.levels
        below = names[names.index(self.name) + 1 :] if self.name in names else ()
        if coarser is not None and coarser > len(below):
            raise DataError(
                f"{coarser} levels coarser than `{self.name}` are needed, and the graph has {len(below)}",
                fix=f"ask for {len(below)}, or choose a graph builder that builds {coarser}, "
                f"such as `graph: {{plugin: icosahedral, hierarchy: {coarser}}}`",
            )
        return (self, *map(self.mesh, below[:coarser]))

    def mesh(self, name: str) -> "Mesh":
        """Return another node set of the graph with the edges among its own nodes.

        Raises:
            DataError: the graph has no such edges.
        """
        return self if name == self.name else self._graph().mesh(name)

    def route(self, source: str, target: str) -> Route:
        """Return the edges between two node sets of the graph, such as `mesh` and `mesh:1`.

        Raises:
            DataError: the graph has no such edges.
        """
        return self._graph().route(source, target)

    def _graph(self) -> "Graph":
        return self.graph or Graph({self.name: self.nodes}, {(self.name, self.name): self.edges})


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Named node sets and the edges between them.

    A model needs the data nodes and `mesh`, and the edges data → mesh, mesh → mesh and mesh → data. The data nodes are
    `grid`, or, for a grid of several parts, a node set `data:<name>` for each of these. Further node sets are for
    processors that ask for them by name. `mesh:1`, `mesh:2` and so on are levels, each coarser than the one before:
    each has edges among its own nodes, and from and to the one before.
    """

    nodes: Mapping[str, NodeSet]
    """Keyed by name: letters, digits, `_`, `.`, `:` and `-`."""
    edges: Mapping[tuple[str, str], EdgeSet]
    """Keyed by (source name, target name), such as `("grid", "mesh")`."""

    def __post_init__(self) -> None:
        wrong = [name for name in self.nodes if not NODE_SET.fullmatch(name)]
        if wrong:
            raise ContractError(
                f"the name of a node set must have letters, digits, `_`, `.`, `:` and `-` alone, got {wrong[0]!r}",
                fix=_AUTHORS,
            )
        for (source, target), edges in self.edges.items():
            found = {name: len(self.nodes[name]) for name in (source, target) if name in self.nodes}
            if found.get(source) != edges.source_count or found.get(target) != edges.target_count:
                raise ContractError(
                    f"edges {source} → {target} join {edges.source_count} to {edges.target_count} nodes, "
                    f"got node sets {found}",
                    fix=_AUTHORS,
                )

        self._check_levels()

    def _check_levels(self) -> None:
        """Check that the numbers of the levels have no gap, and that edges join each with itself and the one before."""
        levels = self.levels
        count = sum(LEVEL.fullmatch(name) is not None for name in self.nodes)
        if count >= len(levels):
            raise ContractError(
                f"levels must be `mesh`, `mesh:1`, `mesh:2` and so on without a gap, got {', '.join(self.nodes)}",
                fix=_AUTHORS,
            )
        for finer, coarser in pairwise(levels):
            for source, target in ((coarser, coarser), (finer, coarser), (coarser, finer)):
                if (source, target) not in self.edges:
                    raise ContractError(f"level `{coarser}` needs edges {source} → {target}, got none", fix=_AUTHORS)

    @property
    def data(self) -> tuple[str, ...]:
        """The names of the node sets at which data are given: `grid`, or all `data:<name>`, sorted."""
        return (GRID,) if GRID in self.nodes else tuple(sorted(name for name in self.nodes if name.startswith(DATA)))

    @property
    def levels(self) -> tuple[str, ...]:
        """The names of the mesh and of its coarser levels, finest first: `mesh`, `mesh:1`, `mesh:2` and so on."""
        names = ["mesh"]
        while f"mesh:{len(names)}" in self.nodes:
            names.append(f"mesh:{len(names)}")
        return tuple(names)

    def route(self, source: str, target: str) -> Route:
        """Return the edges from `source` to `target` with the two node sets.

        Raises:
            DataError: the graph has no such edges.
        """
        if (source, target) not in self.edges:
            raise DataError(
                f"edges {source} → {target} are needed, and the graph has only "
                f"{', '.join(' → '.join(pair) for pair in self.edges)}",
                fix="choose a graph builder that builds these edges, or a model that does not need them",
            )
        return Route(self.nodes[source], self.nodes[target], self.edges[source, target])

    def mesh(self, name: str = "mesh") -> Mesh:
        """Return the node set `name` with the edges among its own nodes.

        Raises:
            DataError: the graph has no such edges.
        """
        route = self.route(name, name)
        return Mesh(route.source, route.edges, name, self)

    def to_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return the arrays from which `from_arrays` makes the graph again; name → array."""
        arrays: dict[str, NDArray[np.generic]] = {}
        for name, nodes in self.nodes.items():
            arrays[f"nodes/{name}/latitudes"] = nodes.latitudes
            arrays[f"nodes/{name}/longitudes"] = nodes.longitudes
            arrays |= {f"nodes/{name}/attributes/{key}": values for key, values in nodes.attributes.items()}
        for (source, target), edges in self.edges.items():
            for part in ("source", "target", "features"):
                arrays[f"edges/{source}/{target}/{part}"] = getattr(edges, part)
        return arrays

    def to_small_arrays(self) -> dict[str, NDArray[np.generic]]:
        """Return smaller arrays of the same graph: pointers in place of targets, and node numbers of four bytes."""
        arrays = self.to_arrays()
        for (source, target), edges in self.edges.items():
            name = f"edges/{source}/{target}"
            del arrays[f"{name}/target"]
            arrays[f"{name}/pointers"] = edges.pointers
            if edges.source_count <= np.iinfo(np.int32).max:
                arrays[f"{name}/source"] = edges.source.astype(np.int32)
        return arrays

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[np.generic]]) -> Self:
        """Make the graph from the arrays of `to_arrays`, or of `to_small_arrays`."""
        names = sorted({key.split("/")[1] for key in arrays if key.startswith("nodes/")})
        nodes = {name: _stored_nodes(arrays, f"nodes/{name}/") for name in names}
        pairs = sorted({(key.split("/")[1], key.split("/")[2]) for key in arrays if key.startswith("edges/")})
        return cls(nodes, {pair: _stored_edges(arrays, nodes, *pair) for pair in pairs})

    @property
    def identity(self) -> str:
        """A hash of places (to 6 m), edges and features (to a millionth): equal for equal graphs, on every machine.

        Sines and cosines have other last bits on other processors, and so have the graphs that are built there.
        """
        digest = hashlib.sha256()
        for name, nodes in sorted(self.nodes.items()):
            digest.update(name.encode() + nodes.digested)
        for pair, edges in sorted(self.edges.items()):
            parts = (edges.source, edges.target, without_last_bits(edges.features))
            digest.update(" ".join(pair).encode() + b"".join(part.tobytes() for part in parts))
        return digest.hexdigest()[:16]


def _stored_edges(
    arrays: Mapping[str, NDArray[Any]], nodes: Mapping[str, NodeSet], source: str, target: str
) -> EdgeSet:
    """Make the edges from one node set to another."""
    name, counts = f"edges/{source}/{target}", (len(nodes[source]), len(nodes[target]))
    if f"{name}/pointers" in arrays:
        into = np.repeat(np.arange(counts[1]), np.diff(arrays[f"{name}/pointers"]))
    else:
        into = arrays[f"{name}/target"]
    return EdgeSet(_widened(arrays[f"{name}/source"]), _widened(into), *counts, arrays[f"{name}/features"])


def _widened(numbers: NDArray[Any]) -> NDArray[np.int64]:
    """Node numbers as `EdgeSet` has them; what is no integer is left for it to refuse."""
    return numbers.astype(np.int64, copy=False) if numbers.dtype.kind in "iu" else numbers


def needed_edges(graph: Graph) -> list[tuple[str, str]]:
    """The pairs of node sets that a model needs edges between: each data node set to the mesh, the mesh, and back."""
    return [*((name, MESH) for name in graph.data), (MESH, MESH), *((MESH, name) for name in graph.data)]


def _stored_nodes(arrays: Mapping[str, NDArray[np.generic]], prefix: str) -> NodeSet:
    """Make the node set whose arrays have names that begin with `prefix`."""
    start = f"{prefix}attributes/"
    attributes = {key.removeprefix(start): values for key, values in sorted(arrays.items()) if key.startswith(start)}
    return NodeSet(arrays[f"{prefix}latitudes"], arrays[f"{prefix}longitudes"], attributes)  # type: ignore[arg-type]
