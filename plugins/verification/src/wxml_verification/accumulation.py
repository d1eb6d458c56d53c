"""Running sums of the scores over cases: start with one case, add the next with `+`, read the means at the end."""

__all__ = ["METRICS", "Accumulation"]

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from wxml import Better

from wxml_verification.metrics import (
    Array,
    anomaly_correlation,
    error,
    mean_absolute_error,
    mean_squared_error,
)

ALL = slice(None)
METRICS: dict[str, Better] = {"rmse": "smaller", "bias": "nearer to zero", "mae": "smaller", "acc": "larger"}


@dataclass(frozen=True, slots=True, eq=False)
class Accumulation:
    """Sums over cases, and the number of cases in each; a case without any value counts nowhere."""

    totals: Array
    """Sums of the squared error, the error, its size, and the ACC.

    Shape `[1 + part, metric, forecast, lead_time, variable]`: over all nodes, then over those of each part.
    """
    counts: NDArray[np.int64]
    """The number of cases in each of the `totals`."""
    node_totals: Array
    """Sums of the error of the first forecast and of its square, shape `[2, lead_time, variable, node]`."""
    node_counts: NDArray[np.int64]
    """The number of cases in them, shape `[lead_time, variable, node]`."""
    cases: int
    """The number of cases with any value of the first forecast."""

    @classmethod
    def of_case(
        cls, forecasts: Array, truth: Array, climatology: Array, weights: Array, parts: Sequence[slice] = ()
    ) -> Self:
        """The sums of a single case.

        Args:
            forecasts: shape `[forecast, lead_time, variable, node]`.
            truth: shape `[lead_time, variable, node]`.
            climatology: of each valid time, for the anomalies; shape as `truth`.
            weights: area weights `[node]`.
            parts: nodes that are scored alone, too.
        """
        fields = forecasts, truth, climatology, weights
        statistics = np.stack([_statistics(*(field[..., nodes] for field in fields)) for nodes in (ALL, *parts)])
        difference = forecasts[0] - truth
        return cls(
            np.nan_to_num(statistics),
            np.isfinite(statistics).astype(np.int64),
            np.nan_to_num(np.stack([difference, difference**2])),
            np.isfinite(difference).astype(np.int64),
            int(np.isfinite(difference).any()),
        )

    def __add__(self, other: "Accumulation") -> "Accumulation":
        return Accumulation(
            self.totals + other.totals,
            self.counts + other.counts,
            self.node_totals + other.node_totals,
            self.node_counts + other.node_counts,
            self.cases + other.cases,
        )

    def results(self) -> tuple[Array, NDArray[np.int64], NDArray[np.float32]]:
        """The scores, the counts, and the maps; NaN where there was no case.

        RMSE is √(mean over cases of Σ w (f − o)²): the mean over cases is inside the root, as in WeatherBench 2.

        Returns:
            The `METRICS`, shape `[metric, forecast, variable, lead_time]`; the number of cases behind RMSE, bias and
            MAE, shape `[forecast, variable, lead_time]`; bias and RMSE of the first forecast at each node, shape
            `[2, variable, lead_time, node]`.
        """
        values, counts = self._scores()
        maps = _ratio(self.node_totals, np.stack([self.node_counts] * 2))
        maps[1] = np.sqrt(maps[1])
        return values[0], counts[0], np.swapaxes(maps, 1, 2).astype(np.float32)

    def part_results(self) -> tuple[Array, NDArray[np.int64]]:
        """The scores on the nodes of each part, and the counts.

        Returns:
            As the first two of `results`, with the part as the first axis.
        """
        values, counts = self._scores()
        return values[1:], counts[1:]

    def _scores(self) -> tuple[Array, NDArray[np.int64]]:
        """As `results` and `part_results`, those of all nodes first."""
        means = _ratio(self.totals, self.counts)
        means[:, 0] = np.sqrt(means[:, 0])
        return np.swapaxes(means, -1, -2), np.swapaxes(self.counts[:, 0], -1, -2)


def _statistics(forecasts: Array, truth: Array, climatology: Array, weights: Array) -> Array:
    """The `METRICS` of a single case, before the root of the first, shape `[metric, forecast, lead_time, variable]`."""
    return np.stack(
        [
            mean_squared_error(forecasts, truth, weights),
            error(forecasts, truth, weights),
            mean_absolute_error(forecasts, truth, weights),
            anomaly_correlation(forecasts, truth, climatology, weights),
        ]
    )


def _ratio(totals: Array, counts: NDArray[np.int64]) -> Array:
    """The means: totals over counts, NaN where the count is zero."""
    return np.asarray(np.divide(totals, counts, out=np.full(totals.shape, np.nan), where=counts > 0))
