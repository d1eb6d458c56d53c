"""Percentiles of the climatology at each node: those that a given climatology has, else those of past values."""

__all__ = ["GivenQuantiles", "Quantiles", "quantiles_of", "told_by"]

from collections.abc import Sequence
from functools import lru_cache
from typing import Protocol

import numpy as np
from wxml import VerificationSpace, YearlyFields
from wxml.errors import DataError
from wxml.verification.metric import PastFields

from wxml_verification.arrays import Array

FIELDS = 32
"""That are kept in memory."""


class Quantiles(Protocol):
    """Quantiles of a variable."""

    def at(self, time: np.datetime64, share: float) -> Array:
        """A quantile at a valid time, shape `[node]`; NaN where nothing is known."""


class GivenQuantiles:
    """Quantiles that a given climatology has as variables."""

    def __init__(self, fields: YearlyFields, name: str) -> None:
        """Take those of a variable."""
        self._fields, self._name = fields, name
        self._kept: dict[tuple[np.datetime64, float], Array] = {}

    def at(self, time: np.datetime64, share: float) -> Array:
        """See `Quantiles`."""
        key = time, share
        if key not in self._kept:
            if len(self._kept) == FIELDS:
                self._kept.pop(next(iter(self._kept)))
            found = self._fields.at(np.array([time]), (_named(self._name, share),))[0, 0]
            self._kept[key] = np.asarray(found, np.float64)
        return self._kept[key]


def told_by(space: VerificationSpace, name: str, shares: Sequence[float]) -> YearlyFields | PastFields:
    """What tells the quantiles of a variable: a given climatology that has all of them, else the past.

    Args:
        space: what is known of the climatology.
        name: of the variable.
        shares: of the values that are below the quantiles, 0 to 1.

    Raises:
        DataError: neither does.
    """
    if space.yearly is not None and {_named(name, one) for one in shares} <= set(space.yearly.source.header.names):
        return space.yearly
    if space.past is not None and name in space.past.source.header.names:
        return space.past
    listed = ", ".join(f"{100 * one:g}%" for one in shares)
    also = f", and the climatology lacks `{_named(name, shares[0])}`" if space.yearly else ""
    raise DataError(
        f"there are no past data to take {listed} of {name} from{also}",
        fix="name past data in `verification.climatology.source`, or write the threshold as a number",
    )


def quantiles_of(space: VerificationSpace, name: str, shares: Sequence[float]) -> Quantiles:
    """The quantiles of a variable; see `told_by`."""
    found = told_by(space, name, shares)
    if isinstance(found, YearlyFields):
        return _given(found, name)
    from wxml_verification.past_quantiles import past_quantiles  # zarr

    return past_quantiles(found, name, tuple(shares))


@lru_cache(maxsize=8)
def _given(fields: YearlyFields, name: str) -> GivenQuantiles:
    return GivenQuantiles(fields, name)


def _named(name: str, share: float) -> str:
    return f"{name}_quantile_{share:g}"
