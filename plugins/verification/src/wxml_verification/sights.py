"""What a reader looks at: maps of bias and RMSE over all cases, and the fields of one case."""

__all__ = ["Example", "Sights"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from wxml_verification.arrays import Array
from wxml_verification.map_sums import MapSums
from wxml_verification.one_pass import Case
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

ALL_MAPS = 256 * 2**20  # bytes of sums: above it there are maps of what the report shows alone
SHOWN_UNTIL = (0, 24, 72)  # hours: maps show the last lead time up to each (else the first), and the very last


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """One case, for the maps of the report."""

    initial_time: np.datetime64
    lead_times: NDArray[np.intp]
    """Positions among the forecast's lead times."""
    forecast: NDArray[np.float32]
    """Shape `[lead_time, variable, node]`."""
    truth: NDArray[np.float32]


class Sights:
    """Takes what maps show from the cases that go by."""

    def __init__(self, forecast: ForecastFile, truth: Truth, variables: Sequence[str], most: int) -> None:
        """Begin with nothing.

        Args:
            forecast: the file.
            truth: the truth.
            variables: those that are scored.
            most: how many of them, the first ones, the report has maps of.
        """
        self._shown, leads = _example(forecast, truth)
        nodes, every = len(truth.source.header.grid), np.arange(len(forecast.lead_times))
        is_small = MapSums.size(len(variables), len(every), nodes) <= ALL_MAPS
        self.variables = tuple(variables) if is_small else tuple(variables[:most])
        """The variables that there are maps of: all, or those that the report shows."""
        self.lead_times = every if is_small else leads
        """The positions of the lead times that there are maps of: all, or those that the report shows."""
        self._drawn = tuple(variables[:most])
        self._sums = MapSums(len(self.variables), len(self.lead_times), nodes)
        fields = np.full((2, len(leads), len(self._drawn), nodes), np.nan, np.float32)
        self.example = Example(forecast.initial_times[self._shown], leads, fields[0], fields[1])

    def add(self, number: int, case: Case) -> None:
        """Take what is needed of the case of this number."""
        for name in self.variables:
            if name not in case.truths:
                continue
            members, truth = case.forecasts["forecast"][name], case.truths[name]
            for place, lead in enumerate(self.lead_times):
                self._sums.add((self.variables.index(name), place), _mean(members, lead) - truth[lead])
            if number == self._shown and name in self._drawn:
                for place, lead in enumerate(self.example.lead_times):
                    at = place, self._drawn.index(name)
                    self.example.forecast[at], self.example.truth[at] = _mean(members, lead), truth[lead]

    def maps(self) -> NDArray[np.float32]:
        """Bias and RMSE at each node, shape `[2, variable, lead_time, node]`."""
        return self._sums.maps()

    def map_cases(self) -> NDArray[np.int32]:
        """The number of cases behind these, shape `[variable, lead_time, node]`."""
        return self._sums.cases


def _mean(members: NDArray[np.floating[Any]], lead: int) -> Array:
    """The mean over members at one lead time, shape `[node]`."""
    found: Array = members[:, lead].mean(axis=0, dtype=np.float64)
    return found


def _example(forecast: ForecastFile, truth: Truth) -> tuple[int, NDArray[np.intp]]:
    """The first case with a truth, and the positions of its lead times to show: the first, the last, some between."""
    there = truth.has(forecast.initial_times[:, None] + forecast.lead_times)
    case = int(np.argmax(there.any(axis=1)))
    candidates = np.flatnonzero(there[case])
    hours = forecast.lead_times[candidates] / np.timedelta64(1, "h")
    chosen = [max(int(np.sum(hours <= until)) - 1, 0) for until in SHOWN_UNTIL]
    return case, candidates[np.unique([*chosen, len(candidates) - 1])]
