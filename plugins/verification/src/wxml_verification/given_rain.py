"""Climatology of precipitation for SEEPS that a given climatology holds, as those of WeatherBench 2 do."""

__all__ = ["GivenRain", "has_rain"]

import numpy as np
from wxml import YearlyFields
from wxml.data.units import conversion, have_same_meaning
from wxml.errors import DataError

from wxml_verification.arrays import Array

THRESHOLD, DRY = "seeps_threshold", "seeps_dry_fraction"
FIELDS = 64
"""That are kept in memory."""
BLOCK = 64 * 2**20
"""Bytes of dry fractions that are read at once."""


class GivenRain:
    """The share of dry times, and what parts light from heavy precipitation."""

    def __init__(self, fields: YearlyFields, name: str, units: str) -> None:
        """Read the dry fractions, and look at the units of the threshold.

        Args:
            fields: the climatology.
            name: of the variable.
            units: of the values that will be compared.

        Raises:
            DataError: the units do not convert.
        """
        self._fields, self._name = fields, f"{name}_{THRESHOLD}"
        self._kept: dict[np.datetime64, Array] = {}
        header = fields.source.header
        found = next(one.units for one in header.variables if one.name == self._name)
        line = None if have_same_meaning(found, units) else conversion(found, units)
        if not have_same_meaning(found, units) and line is None:
            raise DataError(
                f"`{self._name}` of the climatology is in {found!r}, which is not convertible to {units!r}",
                fix="name another climatology in the option `climatology` of `seeps`",
            )
        self._scale = 1.0 if line is None else line.scale
        self.dry_share: Array = self._mean(f"{name}_{DRY}")
        """The mean over days and hours of the share of dry times, p₁, shape `[node]`."""

    def threshold(self, time: np.datetime64) -> Array:
        """The amount from which on precipitation is heavy at a valid time, shape `[node]`; NaN where it is missing."""
        if time not in self._kept:
            if len(self._kept) == FIELDS:
                self._kept.pop(next(iter(self._kept)))
            found = self._fields.at(np.array([time]), (self._name,))[0, 0]
            self._kept[time] = self._scale * found.astype(np.float64)
        return self._kept[time]

    def _mean(self, name: str) -> Array:
        """The mean over all times, of the fields that are known."""
        times, count = self._fields.source.header.times, len(self._fields.source.header.grid)
        total, number = np.zeros(count), np.zeros(count)
        length = max(1, BLOCK // (8 * count))
        for start in range(0, len(times), length):
            fields = self._fields.at(times[start : start + length], (name,))[:, 0].astype(np.float64)
            total += np.nansum(fields, axis=0)
            number += np.isfinite(fields).sum(axis=0)
        return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def has_rain(fields: YearlyFields, name: str) -> bool:
    """Whether a climatology holds what SEEPS asks for."""
    return {f"{name}_{THRESHOLD}", f"{name}_{DRY}"} <= set(fields.source.header.names)
