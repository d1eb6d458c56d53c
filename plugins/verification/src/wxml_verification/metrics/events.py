"""Metrics of the probability of an event: a variable above a threshold. p is the probability, o is 1 or 0."""

__all__ = ["Brier", "CountMetric", "EventMetric", "Reliability", "Roc", "rates"]

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field
from wxml import Better, Curve, Further, PointwiseMetric, Subject, VerificationMetric, VerificationSpace, VerifiedFields
from wxml.errors import ConfigError, Fault, nearest
from wxml.verification.metric import mean_statistics, quotient

from wxml_verification.arrays import Array
from wxml_verification.percentiles import quantiles_of, told_by

Percentile = Annotated[str, Field(pattern=r"^(100|[0-9]{1,2}(\.[0-9]+)?)%$")]
Thresholds = Annotated[
    dict[str, list[float | Percentile]],
    Field(
        description="variable → thresholds in its units, or percentiles of the climatology such as 95%; the event is a "
        "value above",
        examples=[{"t_850": [273.15, "95%"]}],
    ),
]
Probability = Annotated[
    Literal["members", "weibull"],
    Field(description="with k of M members above: `members` is k/M, `weibull` k/(M+1), which is never 1"),
]


class EventMetric(VerificationMetric):
    """A metric of events, whose subjects are the thresholds of some variables.

    A percentile is that of the past values at the node and the time of day, within 15 days of the day of the year; or
    the quantile that a given climatology has.
    """

    has_units = False

    def __init__(self, space: VerificationSpace, *, thresholds: Thresholds) -> None:
        super().__init__(space)
        units = {one.name: one.units for one in space.variables}
        unknown = [
            Fault(("verification", "metrics", "thresholds", name), f"{name!r} is not scored: {nearest(name, units)}")
            for name in thresholds
            if name not in units
        ]
        if unknown:
            raise ConfigError(unknown)
        self._events = {
            _event(name, limit): (name, units[name], limit) for name, limits in thresholds.items() for limit in limits
        }
        self._shares = {
            name: tuple(_share(one) for one in limits if isinstance(one, str)) for name, limits in thresholds.items()
        }

    def check(self) -> None:
        """Refuse a percentile that nothing tells.

        Raises:
            DataError: there is neither a past nor a quantile.
        """
        for name, shares in self._shares.items():
            if shares:
                told_by(self.space, name, shares)

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """Each threshold of each variable."""
        return tuple(Subject(event, units, (name,)) for event, (name, units, _) in self._events.items())

    def event(self, subject: Subject, fields: VerifiedFields) -> tuple[str, Array]:
        """The variable and the threshold of a subject, `[lead_time, node]`; NaN where no past tells it."""
        name, _, limit = self._events[subject.name]
        shape = fields.truths[name].shape
        return name, self._percentile(name, limit, fields) if isinstance(limit, str) else np.broadcast_to(limit, shape)

    def _percentile(self, name: str, text: str, fields: VerifiedFields) -> Array:
        """A percentile of the climatology."""
        known = quantiles_of(self.space, name, self._shares[name])
        nodes = slice(fields.first_node, fields.first_node + fields.weights.shape[1])
        return np.stack([known.at(fields.initial_time + lead, _share(text))[nodes] for lead in fields.lead_times])

    def counts(self, subject: Subject, fields: VerifiedFields) -> tuple[Array, Array]:
        """The number of members above the threshold, and 1 where the truth is; NaN where a value is missing."""
        name, limit = self.event(subject, fields)
        truth = fields.truth(name)
        known = np.isfinite(truth) & np.isfinite(fields.mean(name)) & np.isfinite(limit)
        above = (fields.members(name) > limit).sum(axis=0)
        return np.where(known, above, np.nan), np.where(known, truth > limit, np.nan)


def _event(name: str, limit: float | str) -> str:
    return f"{name} > {limit}" if isinstance(limit, str) else f"{name} > {limit:g}"


def _share(percentile: str) -> float:
    return float(percentile.removesuffix("%")) / 100


class Brier(EventMetric, PointwiseMetric):
    """Brier score: mean w (p − o)² (Brier 1950).

    `brier-skill` is 1 − Brier score / (ō (1 − ō)), the skill over the frequency ō of the event in the same sample.
    """

    further: ClassVar[Mapping[str, Further]] = {"skill": Further("larger", has_units=False)}

    def __init__(
        self, space: VerificationSpace, *, thresholds: Thresholds, probability: Probability = "members"
    ) -> None:
        super().__init__(space, thresholds=thresholds)
        self._extra = int(probability == "weibull")

    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """(p − o)² and o."""
        above, event = self.counts(subject, fields)
        return np.stack([np.square(above / (len(fields.forecasts[subject.variables[0]]) + self._extra) - event), event])

    def value(self, sums: Array) -> Array:
        """The score."""
        return np.asarray(mean_statistics(sums)[0])

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """The skill; NaN where the event was always or never."""
        score, frequency = mean_statistics(sums)
        return {"skill": 1 - quotient(score, frequency * (1 - frequency))}


class CountMetric(EventMetric):
    """A metric of how often each number of members is above a threshold, with the event and without."""

    takes_members = True
    adds_over_nodes = True

    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, the area of each count k = 0 … M with the event, and without; shape `[1 + 2 (M + 1), …]`."""
        above, event = self.counts(subject, fields)
        above = above * (self.space.members // len(fields.forecasts[subject.variables[0]]))  # a baseline has one
        sizes, leads = 2 * (self.space.members + 1), len(above)
        known = np.isfinite(above)
        place = np.nan_to_num(above + (self.space.members + 1) * (1 - event)).astype(np.int64)
        bins = np.where(known, place + sizes * np.arange(leads)[:, None], sizes * leads)  # the last one is thrown away
        areas = [
            np.bincount(bins.ravel(), np.broadcast_to(weights, bins.shape).ravel(), sizes * leads + 1)[:-1]
            for weights in fields.weights
        ]
        counted = np.stack(areas, axis=-1).reshape(leads, sizes, -1).swapaxes(0, 1)
        return np.concatenate([counted.sum(axis=0, keepdims=True), counted])

    @abstractmethod
    def value(self, sums: Array) -> Array:
        """The value."""

    def with_and_without(self, sums: Array) -> tuple[Array, Array]:
        """The share of the cases of each count with the event, and without; each of shape `[M + 1, ...]`."""
        first, second = np.split(mean_statistics(sums), 2)
        return first, second


class Reliability(CountMetric):
    """How far the frequency of an event lies from its probability: Σₖ nₖ (pₖ − ōₖ)² over k = 0 … M members.

    nₖ is the share of the cases with pₖ = k/M, ōₖ the frequency of the event in them. With `reliability-resolution`
    Σₖ nₖ (ōₖ − ō)² and `reliability-uncertainty` ō (1 − ō), the Brier score is reliability − resolution + uncertainty
    (Murphy 1973, doi:10.1175/1520-0450(1973)012<0595:ANVPOT>2.0.CO;2). The curves are those of the diagram.
    """

    further: ClassVar[Mapping[str, Further]] = {
        "resolution": Further("larger", has_units=False),
        "uncertainty": Further("neither", has_units=False),
    }

    def value(self, sums: Array) -> Array:
        """The reliability."""
        cases, events = self._cases_and_events(sums)
        expected = np.linspace(0, 1, len(cases)).reshape(-1, *[1] * (cases.ndim - 1))
        return np.asarray(_over_known(np.square(expected * cases - events), cases))

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """Resolution and uncertainty."""
        cases, events = self._cases_and_events(sums)
        frequency = events.sum(axis=0)
        return {
            "resolution": _over_known(np.square(events - frequency * cases), cases),
            "uncertainty": frequency * (1 - frequency),
        }

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """The frequency of the event, and the share of the cases, for each probability."""
        cases, events = self._cases_and_events(sums)
        probability = np.linspace(0, 1, len(cases))
        return {
            "frequency": Curve("probability", probability, quotient(events, cases)),
            "share": Curve("probability", probability, cases),
        }

    def _cases_and_events(self, sums: Array) -> tuple[Array, Array]:
        """nₖ and nₖ ōₖ."""
        events, others = self.with_and_without(sums)
        return events + others, events


class Roc(CountMetric):
    """Area under the relative operating characteristic of the members, by straight lines (Mason 1982).

    A warning is given if more than k members are above the threshold, k = M, M − 1 … −1; the curve is the share of the
    events that were warned of over the share of the other cases that were. 0.5 is no skill, and 1 is perfect.
    """

    better: ClassVar[Better] = "larger"

    def value(self, sums: Array) -> Array:
        """The area; NaN where the event was always or never."""
        hits, false_alarms = rates(self.with_and_without(sums))
        return np.asarray((np.diff(false_alarms, axis=0) * (hits[1:] + hits[:-1]) / 2).sum(axis=0))

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """Hit rate and false alarm rate, from no warnings to those always given."""
        hits, false_alarms = rates(self.with_and_without(sums))
        needed = np.arange(len(hits), dtype=np.float64)[::-1]
        return {
            "hits": Curve("members", needed, hits),
            "false-alarms": Curve("members", needed, false_alarms),
        }


def rates(parts: tuple[Array, Array]) -> tuple[Array, Array]:
    """Hit rate and false alarm rate of warnings from M + 1 members on (none), M members on, … 0 members on (always).

    Args:
        parts: the shares of each count of members with the event and without, each of shape `[M + 1, ...]`.
    """
    found = []
    for part in parts:
        total = np.cumsum(part[::-1], axis=0)
        found.append(np.concatenate([np.zeros_like(total[:1]), quotient(total, total[-1:])]))
    return found[0], found[1]


def _over_known(squares: Array, cases: Array) -> Array:
    """Σ squares / cases over the counts that there are; NaN where there is no case at all."""
    found = np.where(cases > 0, quotient(squares, cases), np.where(np.isnan(cases), np.nan, 0.0))
    return np.asarray(found.sum(axis=0))
