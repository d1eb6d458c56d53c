"""One pass over forecasts: the statistics of every case, in memory for some variables at a time."""

__all__ = ["Case", "LotStatistics", "subjects_of"]

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Subject, VerificationMetric, VerificationSpace, VerifiedFields

from wxml_verification.arrays import Array
from wxml_verification.kept_statistics import zeros

VALUES_AT_ONCE = 2**18  # of a variable, with its members and lead times: they stay in the cache of the processor
LEAST_NODES = 256
Fields = Mapping[str, NDArray[np.floating[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class Case:
    """One initial time: a forecast and its baselines beside the truth."""

    forecasts: Mapping[str, Fields]
    """Forecast → variable → its values, `[member, lead_time, node]`."""
    truths: Fields
    """Variable → its values, `[lead_time, node]`."""
    climatologies: Fields
    """Variable → the climatology of the valid times, `[lead_time, node]`; empty without any."""
    initial_time: np.datetime64
    lead_times: NDArray[np.timedelta64]


class LotStatistics:
    """The statistics of all cases, for the subjects of some variables."""

    def __init__(
        self, metrics: Mapping[str, VerificationMetric], space: VerificationSpace, variables: Sequence[str], cases: int
    ) -> None:
        self._metrics = metrics
        self._weights = np.stack(list(space.regions.values()))
        self._cases = cases
        self.subjects = {name: subjects_of(metric, variables) for name, metric in metrics.items()}
        """Metric → its subjects among these variables."""
        self.arrays: dict[str, Array] = {}
        """Metric → its statistics, shape `[case, lead_time, forecast, subject, statistic, region]`."""

    def add(self, number: int, case: Case, share: float = 1.0) -> None:
        """Add the statistics of the case of this number, or of a part of it: one of several truths."""
        is_ensemble = [place == 0 or _members(fields) > 1 for place, fields in enumerate(case.forecasts.values())]
        for place, fields in enumerate(case.forecasts.values()):
            if not fields:  # there is no climatology
                continue
            applied = {
                key: metric
                for key, metric in self._metrics.items()
                if (is_ensemble[place] or not metric.takes_members)
                and (case.climatologies or not metric.takes_climatology)
            }
            blocks = {key: metric for key, metric in applied.items() if metric.adds_over_nodes}
            whole = {key: metric for key, metric in applied.items() if not metric.adds_over_nodes}
            sums = self._sums(case, fields, blocks, _block_length(fields)) | self._sums(case, fields, whole, None)
            for (key, subject), found in sums.items():
                last = max(np.flatnonzero(is_ensemble)) if self._metrics[key].takes_members else len(is_ensemble) - 1
                self._put(key, subject, (number, place), share * self._metrics[key].of_case(found), int(last) + 1)

    def _sums(
        self, case: Case, forecast: Fields, metrics: Mapping[str, VerificationMetric], length: int | None
    ) -> dict[tuple[str, int], Array]:
        """The statistics of each metric and subject, added up over ranges of nodes."""
        found: dict[tuple[str, int], Array] = {}
        nodes = self._weights.shape[1]
        for start in range(0, nodes, length or nodes) if metrics else ():
            part = self._part(case, forecast, slice(start, start + (length or nodes)))
            for key, metric in metrics.items():
                for place, subject in enumerate(self.subjects[key]):
                    statistics = metric.statistics(subject, part)
                    found[key, place] = found[key, place] + statistics if (key, place) in found else statistics
        return found

    def _part(self, case: Case, forecast: Fields, nodes: slice) -> VerifiedFields:
        """The fields at some nodes."""
        forecasts, truths, climatologies = (
            {name: values[..., nodes] for name, values in fields.items()}
            for fields in (forecast, case.truths, case.climatologies)
        )
        return VerifiedFields(
            forecasts,
            truths,
            climatologies,
            self._weights[:, nodes],
            case.initial_time,
            case.lead_times,
            first_node=nodes.start,
        )

    def _put(self, key: str, subject: int, at: tuple[int, int], statistics: Array, forecasts: int) -> None:
        """Add the statistics of one case, shape `[statistic, lead_time, region]`."""
        if key not in self.arrays:
            count, leads, regions = statistics.shape
            self.arrays[key] = zeros((self._cases, leads, forecasts, len(self.subjects[key]), count, regions))
        number, place = at
        self.arrays[key][number, :, place, subject] += statistics.swapaxes(0, 1)


def subjects_of(metric: VerificationMetric, variables: Sequence[str]) -> tuple[Subject, ...]:
    """The subjects of a metric whose variables are all among these."""
    return tuple(subject for subject in metric.subjects if set(subject.variables) <= set(variables))


def _members(fields: Fields) -> int:
    """How many members a forecast has; 0 without any variable."""
    return max((len(values) for values in fields.values()), default=0)


def _block_length(fields: Fields) -> int:
    """How many nodes are looked at together."""
    shape = next(iter(fields.values())).shape
    return int(max(LEAST_NODES, VALUES_AT_ONCE // (shape[0] * shape[1])))
