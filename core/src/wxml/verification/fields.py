"""VerifiedFields: one forecast and its truth, as a verification metric sees them."""

__all__ = ["VerifiedFields"]

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class VerifiedFields:
    """One forecast from one initial time, beside the truth, at some lead times and nodes, in physical units.

    What several metrics need (means, errors, anomalies, members in order) is computed once and kept: change no array.
    """

    forecasts: Mapping[str, NDArray[np.floating[Any]]]
    """Variable → its values, shape `[member, lead_time, node]`; NaN where one is missing."""
    truths: Mapping[str, NDArray[np.floating[Any]]]
    """Variable → its values, shape `[lead_time, node]`; NaN where one is missing or does not count."""
    climatologies: Mapping[str, NDArray[np.floating[Any]]]
    """Variable → the climatology of the valid time, shape `[lead_time, node]`; without an entry there is none."""
    weights: Array
    """The share of the area of the grid that each node stands for in each region, shape `[region, node]`."""
    initial_time: np.datetime64
    lead_times: NDArray[np.timedelta64]
    first_node: int = 0
    """The position on the grid of the first node."""
    _kept: dict[tuple[str, str], Array] = field(default_factory=dict, init=False, repr=False)

    def members(self, name: str) -> Array:
        """The forecasts of a variable in double precision, shape `[member, lead_time, node]`."""
        return self._once("members", name, lambda: np.asarray(self.forecasts[name], np.float64))

    def mean(self, name: str) -> Array:
        """The mean over members, shape `[lead_time, node]`; NaN where any member is missing."""
        return self._once("mean", name, lambda: self._mean(name))

    def truth(self, name: str) -> Array:
        """The truth of a variable, shape `[lead_time, node]`."""
        return self._once("truth", name, lambda: np.asarray(self.truths[name], np.float64))

    def climatology(self, name: str) -> Array:
        """The climatology of a variable, shape `[lead_time, node]`; NaN where there is none."""
        return self._once("climatology", name, lambda: self._climatology(name))

    def error(self, name: str) -> Array:
        """The mean over members less the truth, shape `[lead_time, node]`."""
        return self._once("error", name, lambda: self.mean(name) - self.truth(name))

    def anomalies(self, name: str) -> tuple[Array, Array]:
        """The mean over members, and the truth, less the climatology; each of shape `[lead_time, node]`."""
        own = self._once("own anomaly", name, lambda: self.mean(name) - self.climatology(name))
        return own, self._once("anomaly", name, lambda: self.truth(name) - self.climatology(name))

    def variance(self, name: str) -> Array:
        """The unbiased variance over members, shape `[lead_time, node]`; NaN for a single one."""
        return self._once("variance", name, lambda: self._variance(name))

    def ordered(self, name: str) -> Array:
        """The members from the smallest value to the largest, shape `[member, lead_time, node]`; NaN last."""
        return self._once("ordered", name, lambda: np.sort(self.members(name), axis=0))

    def _once(self, what: str, name: str, make: Callable[[], Array]) -> Array:
        if (what, name) not in self._kept:
            self._kept[what, name] = make()
        return self._kept[what, name]

    def _mean(self, name: str) -> Array:
        members = self.members(name)
        return np.asarray(members[0] if len(members) == 1 else members.mean(axis=0))

    def _variance(self, name: str) -> Array:
        members = self.members(name)
        if len(members) == 1:
            return np.full(members.shape[1:], np.nan)
        return np.asarray(np.square(members - self.mean(name)).sum(axis=0) / (len(members) - 1))

    def _climatology(self, name: str) -> Array:
        found = self.climatologies.get(name)
        return np.full(self.truths[name].shape, np.nan) if found is None else np.asarray(found, np.float64)
