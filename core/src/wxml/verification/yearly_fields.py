"""Fields by day of the year and time of day, that stand for those of every year."""

__all__ = ["YEAR", "YearlyFields", "in_year"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from wxml.data.source import DataSource
from wxml.errors import DataError

YEAR: Final = np.datetime64("2000", "Y")
"""The leap year that stands for every year."""
Times = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True, eq=False)
class YearlyFields:
    """A climatology that was made elsewhere: day d of any year has the fields of day d of the year 2000.

    So 1 March has those of day 61 in leap years and of day 60 in others, and day 366 is of leap years alone, as in
    WeatherBench 2.
    """

    source: DataSource
    """On the nodes of the grid; a variable has the name and the units of the forecast's. Of what there is beside the
    means, `t_850_quantile_0.95` is a quantile, and of precipitation `tp_seeps_threshold` and `tp_seeps_dry_fraction`
    are what SEEPS asks for."""

    def __post_init__(self) -> None:
        times = self.source.header.times
        if not len(times) or np.any(times.astype("datetime64[Y]") != YEAR):
            raise DataError(
                "a climatology must have its times in the year 2000, whose days stand for those of every year",
                fix="read it with the data source `climatology`, or name past data as `climatology.source`",
            )

    def has(self, times: Times) -> NDArray[np.bool_]:
        """Whether there are fields for each instant; same shape as `times`."""
        return np.isin(in_year(times), self.source.header.times)

    def at(self, times: Times, names: Sequence[str]) -> NDArray[np.float32]:
        """The fields of some instants, shape `[time, variable, node]`; the mean over members, NaN where missing.

        Raises:
            DataError: there is no such time or variable.
        """
        found = self.source.read(in_year(times), names)
        return found[:, 0] if found.shape[1] == 1 else np.asarray(found.mean(axis=1), np.float32)


def in_year(times: Times) -> Times:
    """The instants of the year 2000 with the same number of the day and the same time of day.

    >>> in_year(np.array(["2020-12-31T18", "2019-03-01T06"], "datetime64[s]")).astype(str).tolist()
    ['2000-12-31T18:00:00', '2000-02-29T06:00:00']
    """
    since = times.astype("datetime64[s]") - times.astype("datetime64[Y]").astype("datetime64[s]")
    return np.asarray(YEAR.astype("datetime64[s]") + since)
