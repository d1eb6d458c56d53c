"""The metrics of a validation: sums over its samples, beside those of a baseline, as one table."""

__all__ = ["Score", "Scoring"]

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from wxml import Baseline, Metric, MetricSpace
from wxml.data.times import format_offset

from wxml_trainer_lightning.metrics.regions import EVERYWHERE
from wxml_trainer_lightning.metrics.sums import MetricSums

Array = NDArray[np.float64]
Physical = Callable[[NDArray[np.float32]], NDArray[np.float32]]
Reduce = Callable[[Array], Array]
MEANING: dict[Baseline, str] = {
    "persistence": "the forecast of no change",
    "interpolation": "the straight line in time between the known states",
    "climatology": "the mean of the training period at each place",
}


@dataclass(frozen=True, slots=True)
class Score:
    """One number of a validation."""

    metric: str
    variable: str
    level: float | None
    lead: str
    """The lead time, such as `6h`."""
    region: str
    value: float
    baseline: float
    """The same metric of what needs no model, for the same samples; NaN where there is none."""
    better: str
    """As in `wxml.Metric`."""
    units: str
    beside: Baseline = "persistence"
    """What that is."""

    @property
    def name(self) -> str:
        """The name for trackers: `validation/rmse/t2m/6h`, and the region behind it unless that is everywhere."""
        where = "" if self.region == EVERYWHERE else f"/{self.region}"
        return f"validation/{self.metric}/{self.variable}/{self.lead}{where}"

    @property
    def beats_baseline(self) -> bool | None:
        """Whether the forecast is better than the baseline; None where that says nothing."""
        if not (np.isfinite(self.value) and np.isfinite(self.baseline)) or self.better in ("zero", "one"):
            return None
        return self.value < self.baseline if self.better == "lower" else self.value > self.baseline


class Scoring:
    """Adds up the metrics of a validation.

    Attributes:
        metrics: name → metric.
        scores: those of the latest validation; empty before the first.
    """

    def __init__(
        self,
        metrics: Mapping[str, Metric],
        space: MetricSpace,
        physical: Physical,
        prognostic: int,
        steps: int,
        beside: Baseline = "persistence",
    ) -> None:
        """Add nothing up yet.

        Args:
            metrics: by name.
            space: that of the metrics.
            physical: maps model to physical values, shape `[..., variable, node]`.
            prognostic: how many of the variables have a last known state; they come first.
            steps: the number of forecast steps.
            beside: what the forecasts are compared with.
        """
        self.beside = beside
        self.metrics = dict(metrics)
        self.scores: tuple[Score, ...] = ()
        self._space, self._physical, self._prognostic, self._steps = space, physical, prognostic, steps
        self._sums: dict[str, list[MetricSums]] = {name: [] for name in self.metrics}
        self._baseline: dict[str, MetricSums] | None = None
        self._of_baseline: dict[str, list[MetricSums]] = {}

    @property
    def names(self) -> list[str]:
        """The names of all scores, as in `Score.name`."""
        places = np.ndindex(self._steps, len(self._space.weights), len(self._space.variables))
        return [self._score(name, *place).name for place in places for name in self.metrics]

    def add(self, forecast: NDArray[np.float32], truth: NDArray[np.float32], last: NDArray[np.float32]) -> None:
        """Add a batch, in model values.

        Args:
            forecast: shape `[batch, member, step, node, variable]`; a spread follows on the last axis.
            truth: shape `[batch, step, node, variable]`; NaN where missing.
            last: the last known state, shape `[batch, node, prognostic]`, or another baseline of each step, `[batch,
                step or 1, node, prognostic]`; NaN where missing. The climatology is made without.
        """
        if not self.metrics:
            return
        physical, true = self._in_units(forecast[..., : truth.shape[-1]]), self._in_units(truth)
        normal = (
            self._normal(forecast, physical) if any(one.takes_spread for one in self.metrics.values()) else physical
        )
        for case, is_so in enumerate(true):
            for name, metric in self.metrics.items():
                made = normal[case] if metric.takes_spread else physical[case]
                self._sums[name].append(MetricSums.of(metric, made, is_so, self._space.weights))
            if self._baseline is None:
                baseline = self._without_model(last[case], is_so)
                for name, metric in self.metrics.items():
                    if not (metric.takes_members or metric.takes_spread):
                        sums = MetricSums.of(metric, baseline, is_so, self._space.weights)
                        self._of_baseline.setdefault(name, []).append(sums)

    def end(self, reduced: Reduce = lambda sums: sums) -> tuple[Score, ...]:
        """The scores of all samples that were added; the next validation begins with none.

        Args:
            reduced: adds an array up over all devices.
        """
        if self._baseline is None:
            alone = [name for name, one in self.metrics.items() if not (one.takes_members or one.takes_spread)]
            self._baseline = {name: self._total(name, self._of_baseline.get(name, []), reduced) for name in alone}
        totals = {name: self._total(name, sums, reduced) for name, sums in self._sums.items()}
        self.scores = tuple(score for name, sums in totals.items() for score in self._scores(name, sums))
        self._sums = {name: [] for name in self.metrics}
        return self.scores

    def _total(self, name: str, sums: Sequence[MetricSums], reduced: Reduce) -> MetricSums:
        """The sums of all cases of all devices; this one may have none."""
        metric, space = self.metrics[name], self._space
        kinds = 2 if metric.takes_spread else space.members
        nothing = np.full((kinds, self._steps, len(space.grid), len(space.variables)), np.nan)
        total = MetricSums.of(metric, nothing, nothing[0], space.weights)
        for one in sums:
            total += one
        return MetricSums(reduced(total.total), reduced(total.cases))

    def _scores(self, name: str, sums: MetricSums) -> Iterator[Score]:
        metric, baseline = self.metrics[name], (self._baseline or {}).get(name)
        values = sums.value(metric)
        beside = np.full_like(values, np.nan) if baseline is None else baseline.value(metric)
        for place in np.ndindex(values.shape):
            yield replace(self._score(name, *place), value=float(values[place]), baseline=float(beside[place]))

    def _score(self, name: str, step: int, region: int, place: int) -> Score:
        """A score without its values."""
        metric, variable = self.metrics[name], self._space.variables[place]
        return Score(
            metric=name,
            variable=variable.name,
            level=variable.level,
            lead=format_offset(self._space.lead_time(step + 1)),
            region=list(self._space.weights)[region],
            value=np.nan,
            baseline=np.nan,
            better=metric.better,
            units=variable.units if metric.has_units else "",
            beside=self.beside,
        )

    def _without_model(self, last: NDArray[np.float32], truth: Array) -> Array:
        """The baseline as a forecast, shape `[1, step, node, variable]`; NaN where it is not known."""
        if self.beside == "climatology":
            return np.broadcast_to(self._climate, (1, *truth.shape))
        model = np.full((*last.shape[:-1], truth.shape[-1]), np.nan, np.float32)
        model[..., : self._prognostic] = last
        return np.broadcast_to(self._in_units(model), (1, *truth.shape))

    @cached_property
    def _climate(self) -> Array:
        return self._space.climate()

    def _normal(self, forecast: NDArray[np.float32], physical: Array) -> Array:
        """The normal distributions of a batch, shape `[batch, mean and deviation, step, node, variable]`, physical.

        Of several members the mean and the deviation of what they make together. A deviation is half the distance
        between the values one deviation above and below the mean.
        """
        mean, deviation = np.split(forecast, 2, axis=-1)
        apart = (self._in_units(mean + deviation) - self._in_units(mean - deviation)) / 2
        variance = np.square(apart).mean(axis=1) + physical.var(axis=1)
        return np.stack((physical.mean(axis=1), np.sqrt(variance)), axis=1)

    def _in_units(self, values: NDArray[Any]) -> Array:
        """Physical values in the same shape, `[..., node, variable]`."""
        physical = self._physical(np.ascontiguousarray(np.swapaxes(values, -1, -2), np.float32))
        return np.swapaxes(physical, -1, -2).astype(np.float64)
