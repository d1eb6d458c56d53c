"""Values on other nodes: what brings those of a forecast, of a truth or of past data to the nodes that are scored."""

__all__ = ["Line", "PlacedSource", "Placement", "placement"]

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import DataSource, Grid, ReadRequest, SelectiveSource
from wxml.data.fingerprint import fingerprint_of
from wxml.data.grid_weights import SparseWeights
from wxml.data.sphere import angular_distance, unit_vectors
from wxml.verification.regridding import weights_between

from wxml_verification.arrays import Array

Line = tuple[Array, Array]
"""A factor and an offset at each node."""
REGRID = "regrid"
"""The data source whose weights are taken."""
ROUNDING = 1e-6
EARTH_RADIUS = 6371.0  # km


@dataclass(frozen=True, slots=True, eq=False)
class Placement:
    """Sparse weights from the nodes of one grid to those of another."""

    weights: SparseWeights
    """Shape `[target node, source node]`."""
    target: Grid
    share: float
    """The share of a node's weights at which values must be known; the others then count for those that are not."""
    name: str
    """How values are brought, such as `bilinear`."""
    nodes: NDArray[np.intp] | None = None
    """The nodes of the source that the weights are of; None: all of them."""

    def of(self, values: NDArray[np.floating[Any]]) -> Array:
        """Bring values `[..., source node]` to `[..., target node]`; NaN where too little is known."""
        read = values if self.nodes is None else values[..., self.nodes]
        columns = np.asarray(read, np.float64).reshape(-1, read.shape[-1]).T
        there = np.isfinite(columns)
        whole = bool(there.all())
        sums = np.asarray(self.weights @ (columns if whole else np.where(there, columns, 0.0)))
        known = np.asarray(self.weights @ (np.ones((len(there), 1)) if whole else there.astype(np.float64)))
        enough = (known >= self.share - ROUNDING) & (known > ROUNDING)
        found = np.divide(sums, known, out=np.full(sums.shape, np.nan), where=enough)
        return np.ascontiguousarray(found.T).reshape(*values.shape[:-1], len(self.target))

    def reads(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether each node of the target reads a node of the mask `[source node]`."""
        read = mask if self.nodes is None else mask[self.nodes]
        return np.asarray(self.weights @ read.astype(np.float64)) > ROUNDING

    def distances(self, source: Grid) -> Array:
        """From each node of the target to the nearest one that it reads, km, shape `[target node]`; NaN for none.

        Args:
            source: the grid with the nodes that are read.
        """
        rows = np.repeat(np.arange(len(self.target)), np.diff(self.weights.indptr))
        nodes = self.weights.indices if self.nodes is None else self.nodes[self.weights.indices]
        here, there = (unit_vectors(one.latitudes, one.longitudes) for one in (self.target, source))
        found = np.full(len(self.target), np.nan)
        np.fmin.at(found, rows, EARTH_RADIUS * angular_distance(here[rows], there[nodes]))
        return found

    @property
    def outside(self) -> NDArray[np.bool_]:
        """Which nodes of the target can have no value, shape `[target node]`."""
        known = np.asarray(self.weights @ np.ones(self.weights.shape[1]))
        return (known < self.share - ROUNDING) | (known <= ROUNDING)


def placement(source: Grid, target: Grid, method: str, share: float | None, where: str) -> Placement:
    """Make a placement.

    Args:
        source: the nodes that have values.
        target: the nodes that get them.
        method: of `DataSource.grid_weights` of the data source `regrid`.
        share: see `Placement`; None: all, or half of the cell if `conservative`.
        where: the place in the config, for messages.

    Raises:
        WxmlError: the weights cannot be made, or `regrid` is not installed.
    """
    least = share if share is not None else 0.5 if method == "conservative" else 1.0
    weights = weights_between(source, target, method, plugin=REGRID, where=where)
    read = np.unique(weights.indices)
    if 2 * len(read) > len(source):
        return Placement(weights, target, least, method)
    return Placement(weights[:, read], target, least, method, np.asarray(read, np.intp))


class PlacedSource(SelectiveSource):
    """A source on other nodes."""

    def __init__(self, source: DataSource, placed: Placement, corrected: Mapping[str, Line] | None = None) -> None:
        """Bring a source there.

        Args:
            source: on its own nodes.
            placed: what brings its values to others.
            corrected: variable → the factor and the offset of its values there.
        """
        self._source, self._placed, self._corrected = source, placed, corrected or {}
        self.header = replace(source.header, grid=placed.target)

    def forget(self) -> None:
        """See `DataSource.forget`."""
        self._source.forget()

    def _read_part(self, request: ReadRequest, out: NDArray[np.float32]) -> None:
        every = slice(0, len(self._source.header.grid))
        own = replace(request, nodes=every)
        values = np.empty(own.shape, np.float32)
        self._source.fill(own, values)
        there = self._placed.of(values)
        for place, number in enumerate(request.variables):
            factor, offset = self._corrected.get(self.header.names[number], (1.0, 0.0))
            there[:, :, place] = there[:, :, place] * factor + offset
        out[...] = there[..., request.nodes]

    def provenance(self) -> dict[str, Any]:
        """What the source says of itself, and how its values are brought."""
        return self._source.provenance() | {"placed": [self._placed.name, self._placed.target.identity]}

    def fingerprint(self) -> str | None:
        """That of the source, and how its values are brought."""
        own = self._source.fingerprint()
        lines = {name: [values.tolist() for values in line] for name, line in self._corrected.items()}
        return None if own is None else fingerprint_of(own, self._placed.name, self._placed.target.identity, lines)
