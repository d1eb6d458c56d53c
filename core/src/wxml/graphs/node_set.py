"""NodeSet: points on the sphere, and what is known of each."""

__all__ = ["NodeSet", "without_last_bits"]

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self
from weakref import WeakKeyDictionary, ref

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.sphere import unit_vectors
from wxml.errors import ContractError

ATTRIBUTE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
AUTHORS = "this is a fault of the graph builder: tell its authors"


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class NodeSet:
    """Points on the sphere; the graph gives them their name."""

    latitudes: NDArray[np.float64]
    """Degrees north, shape `[node]`."""
    longitudes: NDArray[np.float64]
    """Degrees east, shape `[node]`."""
    attributes: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    """What else is known of each node: numbers or truth values of shape `[node]` or `[node, k]`, keyed by name.

    `boundary` (truth values) marks nodes that are given and not forecast; `area` is the area that a node stands for.
    """

    def __post_init__(self) -> None:
        for name, values in self.attributes.items():
            _check_attribute(name, values, len(self))

    @classmethod
    def of_grid(cls, grid: Grid) -> Self:
        """Take the nodes of `grid`."""
        return cls(grid.latitudes, grid.longitudes)

    def with_attributes(self, **attributes: NDArray[Any]) -> Self:
        """Return the same nodes with further attributes, which replace those of the same name.

        Raises:
            ContractError: values are not finite, have another length, or are no numbers.
        """
        return replace(self, attributes={**self.attributes, **attributes})

    def take(self, nodes: NDArray[np.integer[Any]] | NDArray[np.bool_]) -> Self:
        """Return the nodes of these numbers, or those where a mask is true, with their attributes."""
        taken = {name: values[nodes] for name, values in self.attributes.items()}
        return replace(self, latitudes=self.latitudes[nodes], longitudes=self.longitudes[nodes], attributes=taken)

    @property
    def boundary(self) -> NDArray[np.bool_]:
        """Which nodes are given and not forecast, shape `[node]`: the attribute `boundary`, or none of them."""
        values: NDArray[np.bool_] = self.attributes.get("boundary", np.zeros(len(self), bool))
        return values

    def __len__(self) -> int:
        return len(self.latitudes)

    @property
    def points(self) -> NDArray[np.float64]:
        """Unit vectors, shape `[node, 3]`, not to be written to: all who hold them at a time hold the same array."""
        held = _HELD.get(self, _nothing)()
        if held is not None:
            return held
        points = unit_vectors(self.latitudes, self.longitudes)
        points.flags.writeable = False
        _HELD[self] = ref(points)
        return points

    @property
    def axes(self) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
        """The latitudes and the longitudes (degrees) whose pairs the nodes are, row by row; None: there are none.

        Of a mesh that has them a processor may take the state as maps, `[batch, latitude, longitude, channel]`.
        """
        columns = int(np.argmax(self.latitudes != self.latitudes[:1])) if len(self) else 0
        if columns < 2 or len(self) % columns:
            return None
        rows, lines = (values.reshape(-1, columns) for values in (self.latitudes, self.longitudes))
        if np.any(rows != rows[:, :1]) or np.any(lines != lines[:1]):
            return None
        return rows[:, 0], lines[0]

    @property
    def features(self) -> NDArray[np.float32]:
        """The geometry that a model reads: sin φ, cos φ, sin λ, cos λ; shape `[node, 4]`."""
        lat, lon = np.radians(self.latitudes), np.radians(self.longitudes)
        return np.stack([np.sin(lat), np.cos(lat), np.sin(lon), np.cos(lon)], axis=-1).astype(np.float32)

    @property
    def digested(self) -> bytes:
        """The bytes of which `Graph.identity` takes the hash: the places, and the attributes where there are any."""
        parts = [without_last_bits(self.points).tobytes()]
        for name, values in sorted(self.attributes.items()):
            kind = f" {name} {'f' if values.dtype.kind == 'f' else 'i'} {list(values.shape)} ".encode()
            parts += [kind, _relative(values).tobytes() if values.dtype.kind == "f" else values.astype("<i8").tobytes()]
        return b"".join(parts)


_HELD: WeakKeyDictionary[NodeSet, Callable[[], NDArray[np.float64] | None]] = WeakKeyDictionary()
"""The unit vectors that somebody holds."""


def _nothing() -> None:
    return None


def without_last_bits(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The values as multiples of 2⁻²⁰; few numbers that a formula gives lie halfway between two of these."""
    return np.rint(values.astype(np.float64) * 2**20) + 0.0  # -0 becomes 0


def _relative(values: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    """The values to a millionth of the largest, so that areas in m² and shares of the sphere count alike."""
    largest = float(np.abs(values).max(initial=0.0))
    # the exponent jumps at √2 · 2ⁿ, which no normed array has as its maximum
    exponent = int(np.rint(np.log2(largest))) if largest else 0
    return np.append(without_last_bits(np.ldexp(values.astype(np.float64), -exponent)).ravel(), exponent)


def _check_attribute(name: str, values: NDArray[Any], count: int) -> None:
    """Raise ContractError unless `values` are finite numbers or truth values, one or a row of them for each node."""
    found = f"attribute `{name}` of a node set of {count} nodes"
    if not ATTRIBUTE.fullmatch(name):
        raise ContractError(
            f"the name of a node attribute must have letters, digits, `_`, `.` and `-` alone, got {name!r}", fix=AUTHORS
        )
    if values.dtype.kind not in "fiub" or values.ndim not in (1, 2) or len(values) != count:
        raise ContractError(
            f"{found} must be numbers or truth values of shape [{count}] or [{count}, k], "
            f"got {values.dtype} of shape {list(values.shape)}",
            fix=AUTHORS,
        )
    if name == "boundary" and (values.dtype != bool or values.ndim != 1):
        raise ContractError(f"{found} must be truth values of shape [{count}], got {values.dtype}", fix=AUTHORS)
    if not np.isfinite(values).all():
        raise ContractError(
            f"{found} must be finite, got {int((~np.isfinite(values)).sum())} values that are not", fix=AUTHORS
        )
