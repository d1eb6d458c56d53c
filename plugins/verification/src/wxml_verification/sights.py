"""What a reader looks at: maps of bias and RMSE over all cases, and the fields of one case."""

__all__ = ["Example", "Seen", "Shown", "Sights"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

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


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What there are maps of."""

    case: int
    """The number of the initial time of the example."""
    leads: NDArray[np.intp]
    """The positions of the lead times of the example."""
    variables: tuple[str, ...]
    """The variables that there are maps of all cases of: all, or those that the report shows."""
    lead_times: NDArray[np.intp]
    """The positions of the lead times that there are such maps of: all, or those that the report shows."""
    drawn: tuple[str, ...]
    """The variables that the report shows."""

    @classmethod
    def of(cls, forecast: ForecastFile, truth: Truth, variables: Sequence[str], most: int) -> Self:
        """Choose.

        Args:
            forecast: the file.
            truth: the truth.
            variables: those that are scored.
            most: how many of them, the first ones, the report has maps of.
        """
        case, leads = _example(forecast, truth)
        nodes, every = len(truth.source.header.grid), np.arange(len(forecast.lead_times))
        is_small = MapSums.size(len(variables), len(every), nodes) <= ALL_MAPS
        drawn = tuple(variables[:most])
        return cls(case, leads, tuple(variables) if is_small else drawn, every if is_small else leads, drawn)


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What maps show of some cases."""

    shown: Shown
    variables: tuple[str, ...]
    """Those of the sums."""
    sums: MapSums
    examples: dict[str, NDArray[np.float32]]
    """Variable → forecast and truth of the example, shape `[2, lead_time, node]`, if it is among the cases."""

    @classmethod
    def none(cls, shown: Shown, lot: Sequence[str], nodes: int) -> Self:
        """Nothing yet, of some variables."""
        variables = tuple(name for name in shown.variables if name in lot)
        return cls(shown, variables, MapSums(len(variables), len(shown.lead_times), nodes), {})

    def add(self, number: int, case: Case) -> None:
        """Take what is needed of the case of this number."""
        for row, name in enumerate(self.variables):
            members, truth = case.forecasts["forecast"][name], case.truths[name]
            for place, lead in enumerate(self.shown.lead_times):
                self.sums.add((row, place), _mean(members, lead) - truth[lead])
            if number == self.shown.case and name in self.shown.drawn:
                fields = [(_mean(members, lead), truth[lead]) for lead in self.shown.leads]
                self.examples[name] = np.array(fields, np.float32).swapaxes(0, 1)


class Sights:
    """Takes what maps show from the cases that go by."""

    def __init__(self, shown: Shown, forecast: ForecastFile, nodes: int) -> None:
        self.variables, self.lead_times, self._drawn = shown.variables, shown.lead_times, shown.drawn
        self._sums = MapSums(len(self.variables), len(self.lead_times), nodes)
        fields = np.full((2, len(shown.leads), len(self._drawn), nodes), np.nan, np.float32)
        self.example = Example(forecast.initial_times[shown.case], shown.leads, fields[0], fields[1])

    def take(self, seen: Seen) -> None:
        """Take what was seen of the next cases."""
        for row, name in enumerate(seen.variables):
            self._sums.take(self.variables.index(name), seen.sums, row)
        for name, (forecast, truth) in seen.examples.items():
            place = self._drawn.index(name)
            self.example.forecast[:, place], self.example.truth[:, place] = forecast, truth

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
