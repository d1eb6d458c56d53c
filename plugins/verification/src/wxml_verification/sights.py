"""What a reader looks at: maps of bias and RMSE over all cases, and the fields of one case."""

__all__ = ["Example", "Sights"]

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from wxml_verification.map_sums import MapSums
from wxml_verification.one_pass import Case
from wxml_verification.reading import ForecastFile
from wxml_verification.truth import Truth

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

    def __init__(self, forecast: ForecastFile, truth: Truth, variables: Sequence[str]) -> None:
        self._shown, leads = _example(forecast, truth)
        nodes, self._variables = len(truth.source.header.grid), list(variables)
        self._sums = MapSums(len(variables), len(forecast.lead_times), nodes)
        fields = np.full((2, len(leads), len(variables), nodes), np.nan, np.float32)
        self.example = Example(forecast.initial_times[self._shown], leads, fields[0], fields[1])

    def add(self, number: int, case: Case) -> None:
        """Take what is needed of the case of this number."""
        for name, truth in case.truths.items():
            place, mean = self._variables.index(name), case.forecasts["forecast"][name].mean(axis=0, dtype=np.float64)
            self._sums.add(place, mean - truth)
            if number == self._shown:
                self.example.forecast[:, place] = mean[self.example.lead_times]
                self.example.truth[:, place] = truth[self.example.lead_times]

    def maps(self) -> NDArray[np.float32]:
        """Bias and RMSE at each node, shape `[2, variable, lead_time, node]`."""
        return self._sums.maps()


def _example(forecast: ForecastFile, truth: Truth) -> tuple[int, NDArray[np.intp]]:
    """The first case with a truth, and the positions of its lead times to show: the first, the last, some between."""
    there = truth.has(forecast.initial_times[:, None] + forecast.lead_times)
    case = int(np.argmax(there.any(axis=1)))
    candidates = np.flatnonzero(there[case])
    hours = forecast.lead_times[candidates] / np.timedelta64(1, "h")
    chosen = [max(int(np.sum(hours <= until)) - 1, 0) for until in SHOWN_UNTIL]
    return case, candidates[np.unique([*chosen, len(candidates) - 1])]
