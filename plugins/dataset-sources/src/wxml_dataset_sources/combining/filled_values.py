"""Single values that are missing, filled from other nodes or times."""

__all__ = ["FilledValues", "ValuePolicy"]

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from wxml import ReadRequest
from wxml.data.sphere import unit_vectors
from wxml.data.times import format_time
from wxml.errors import DataError
from wxml.extras import libraries_of_extra

from wxml_dataset_sources.combining.combination import Combination, Part, values_of
from wxml_dataset_sources.combining.neighbours import Way, between
from wxml_dataset_sources.combining.variable_choice import meant

LOG = logging.getLogger("wxml")
Array = NDArray[np.float32]
ValuePolicy = Literal["keep", "error", "nearest-node", "interpolate", "closest", "mean", "min", "max"]
"""keep: NaN stays; error: it is refused; nearest-node: the nearest node with a value at that time; the others: from the
times before and after, as for whole times."""


class FilledValues(Combination):
    """A source in which the missing values of some variables are filled; those that nothing is near to stay missing."""

    name: ClassVar[str] = "missing"

    def __init__(self, part: Part, policy: ValuePolicy, variables: Sequence[str] | None) -> None:
        super().__init__((part,), {"values": policy} | ({} if variables is None else {"variables": list(variables)}))
        self.header = part.header
        self._called, self._policy = part.called, policy
        own = part.header.variables
        chosen = own if variables is None else [each for name in variables for each in meant(name, own, "variables")]
        self._is_chosen = np.array([variable in chosen for variable in own])
        self._told: set[str] = set()

    def chunk_groups(self) -> NDArray[np.intp]:
        """Those of the source, which has the same variables."""
        return self._sources[0].chunk_groups()

    def _read_part(self, request: ReadRequest, out: Array) -> None:
        self._sources[0].fill(request, out)
        for column, variable in enumerate(request.variables):
            is_missing = np.isnan(out[:, :, column])
            if not self._is_chosen[variable] or not is_missing.any():
                continue
            name = self.header.names[variable]
            row = int(np.argmax(is_missing.any(axis=(1, 2))))
            says = (
                f"{name!r} of {self._called} lacks {np.count_nonzero(is_missing)} of {is_missing.size} values, the "
                f"first at {format_time(self.header.times[request.times[row]])}"
            )
            if self._policy == "error":
                raise DataError(
                    says, fix="fill them, for example with `values: nearest-node`, or keep them with `keep`"
                )
            part = replace(request, variables=request.variables[[column]])
            found = self._from_nodes(part) if self._policy == "nearest-node" else self._from_times(part)
            out[:, :, column] = np.where(is_missing, found, out[:, :, column])
            self._tell(name, says, int(np.count_nonzero(np.isnan(out[:, :, column]))))

    def _from_nodes(self, request: ReadRequest) -> Array:
        """The value of the nearest node that has one, for each field of one variable, `[time, member, node]`."""
        with libraries_of_extra("scipy", "wxml-dataset-sources", what="`values: nearest-node`"):
            from scipy.spatial import KDTree

        grid = self.header.grid
        places = unit_vectors(grid.latitudes, grid.longitudes)
        whole = values_of(self._sources[0], replace(request, nodes=slice(0, len(grid))))[:, :, 0]
        tree, known = None, np.zeros(len(grid), bool)
        for field in whole.reshape(-1, len(grid)):
            is_there = ~np.isnan(field)
            if is_there.all() or not is_there.any():
                continue
            if tree is None or not np.array_equal(is_there, known):
                tree, known = KDTree(places[is_there]), is_there
            field[~is_there] = field[is_there][tree.query(places[~is_there])[1]]
        return np.asarray(whole[..., request.nodes])

    def _from_times(self, request: ReadRequest) -> Array:
        """The value from the times before and after, or from the one of both that has it, for one variable."""
        times, last = self.header.times, len(self.header.times) - 1
        rows = [np.clip(request.times + away, 0, last) for away in (-1, 1)]
        early, late = (values_of(self._sources[0], replace(request, times=each))[:, :, 0] for each in rows)
        step = np.maximum((times[rows[1]] - times[rows[0]]).astype(np.float64), 1)
        share = ((times[request.times] - times[rows[0]]).astype(np.float64) / step)[:, None, None]
        policy = self._policy
        way: Way = "nan" if policy == "keep" or policy == "error" or policy == "nearest-node" else policy  # for mypy
        made = between(early, late, share, way)
        return np.where(np.isnan(early), late, np.where(np.isnan(late), early, made))

    def _tell(self, name: str, says: str, left: int) -> None:
        """Tell once of each variable what is filled, and what stays missing."""
        if name not in self._told:
            self._told.add(name)
            LOG.warning("%s (values: %s); %d stay missing", says, self._policy, left)
