"""VerificationMetric: a score of stored forecasts, as statistics that add up over cases."""

__all__ = [
    "Curve",
    "Further",
    "PastFields",
    "PointwiseMetric",
    "Subject",
    "VerificationMetric",
    "VerificationSpace",
    "mean_statistics",
    "quotient",
    "weighted_sums",
]

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.source import DataSource
from wxml.data.variables import Variable
from wxml.verification.fields import VerifiedFields
from wxml.verification.verifier import Better
from wxml.verification.yearly_fields import YearlyFields

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Subject:
    """What gets a number of its own: a variable, a pair of components, a threshold of a variable."""

    name: str
    """As tables show it, such as `t_850`, `wind_850`, `tp > 1`."""
    units: str
    variables: tuple[str, ...]
    """The variables that its statistics read."""


@dataclass(frozen=True, slots=True, eq=False)
class PastFields:
    """What a climatology is made of."""

    source: DataSource
    """On the nodes of the grid, in the units of the variables; it may lack some of these."""
    times: NDArray[np.datetime64]
    """The times that count, shape `[time]`; the source has all of them."""


@dataclass(frozen=True, slots=True, eq=False)
class VerificationSpace:
    """What is compared, and where."""

    variables: tuple[Variable, ...]
    """The variables that are scored, with their units."""
    grid: Grid
    regions: Mapping[str, Array]
    """Region → the share of the area of the grid that each node stands for, 0 outside; the first one is `all`."""
    members: int
    """The number of members of the forecast; a baseline has one."""
    past: PastFields | None = None
    """What a climatology is made of; None where nothing is known of the past, and where scores are made of kept
    statistics."""
    yearly: YearlyFields | None = None
    """A climatology that was made elsewhere; None where none is given."""


@dataclass(frozen=True, slots=True)
class Further:
    """A further number that a metric gives beside its value."""

    better: Better
    has_units: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Numbers along an axis, such as the counts of a histogram."""

    axis: str
    """What the positions are, such as `rank`."""
    positions: Array
    """Shape `[position]`."""
    values: Array
    """Shape `[position, ...]`."""


class VerificationMetric(ABC):
    """A score of forecasts in a file, of which core knows how to add up cases. All options are keyword-only.

    The numbers of a case, an initial time at a lead time in a region, are kept in a file and added up afterwards, over
    all cases or those of a month, so that a metric sees each field once:

        value = value(sum over cases of of_case(statistics))

    A metric that needs more than sums over nodes subclasses this class, any other a `PointwiseMetric`.

    Attributes:
        better: the direction in which its value is better.
        has_units: whether its value has the units of its subject; else it is a number.
        takes_members: whether it needs two members or more; it is left out for forecasts with one, and for baselines.
        takes_climatology: whether it needs a climatology.
        adds_over_nodes: whether the statistics of some nodes and those of the others add up to those of all; it may
            then be given some of the nodes at a time.
        needs_whole_fields: whether a case in which a node is missing, or a region, may have no number, as with spectra.
        further: the names of what `further_values` gives, each with its direction.
    """

    better: ClassVar[Better] = "smaller"
    has_units: ClassVar[bool] = True
    takes_members: ClassVar[bool] = False
    takes_climatology: ClassVar[bool] = False
    adds_over_nodes: ClassVar[bool] = False
    needs_whole_fields: ClassVar[bool] = False
    further: ClassVar[Mapping[str, Further]] = {}

    def __init__(self, space: VerificationSpace) -> None:
        self.space = space

    @property
    def subjects(self) -> tuple[Subject, ...]:
        """What it gives a value for: each variable, unless a metric says else."""
        return tuple(Subject(one.name, one.units, (one.name,)) for one in self.space.variables)

    def check(self) -> None:  # noqa: B027  # most need nothing but the fields
        """Look for what `statistics` need beside the fields; called before the first case, and not for kept statistics.

        Raises:
            DataError: the space lacks it; the error says what to do.
        """

    @abstractmethod
    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """Return the statistics of one case, shape `[statistic, lead_time, region]`.

        The first one is the weight: how much of the case counts, such as the share of the area that has values, and 0
        if nothing does. All are finite. Weight and other statistics add up over cases.

        Args:
            subject: one of `subjects`.
            fields: at all nodes; at some of them, whose statistics are added up, if the metric `adds_over_nodes`.
        """

    def of_case(self, sums: Array) -> Array:
        """Return what is kept of a case, shape `[any, lead_time, region]`, the weight first.

        Args:
            sums: the statistics of all its nodes, shape `[statistic, lead_time, region]`.
        """
        return sums

    @abstractmethod
    def value(self, sums: Array) -> Array:
        """Return the value, NaN where nothing counts.

        Args:
            sums: the sums over cases of what `of_case` gives, shape `[any, ...]`; the value has the shape `[...]`.
        """

    def further_values(self, sums: Array) -> Mapping[str, Array]:
        """Return each number that `further` names, in the shape of the value."""
        return {}

    def curves(self, sums: Array) -> Mapping[str, Curve]:
        """Return numbers along axes of their own, by name."""
        return {}


class PointwiseMetric(VerificationMetric):
    """A metric whose statistics are sums over nodes of what single nodes give, each times its share of the area.

    A node counts where all its statistics are finite, and the weight is the area of those that do.
    """

    adds_over_nodes: ClassVar[bool] = True

    @abstractmethod
    def values(self, subject: Subject, fields: VerifiedFields) -> Array:
        """Return the statistics of each node, shape `[statistic, lead_time, node]`; NaN where it does not count."""

    @final
    def statistics(self, subject: Subject, fields: VerifiedFields) -> Array:
        """The weight, and the weighted sums of the values."""
        return weighted_sums(self.values(subject, fields), fields.weights)


def weighted_sums(values: Array, weights: Array) -> Array:
    """Σ w over the nodes where all values are finite, then Σ w x of each of them.

    Args:
        values: shape `[statistic, lead_time, node]`.
        weights: shape `[region, node]`.

    Returns:
        Shape `[1 + statistic, lead_time, region]`.
    """
    total = values.sum(axis=0)
    present = np.isfinite(total)
    sums = np.empty((1 + len(values), values.shape[1], len(weights)))
    if present.all():
        sums[0] = weights.sum(axis=1)
    else:
        sums[0] = present @ weights.T
        values = np.where(present, values, 0.0)
    np.matmul(values, weights.T, out=sums[1:])
    return sums


def mean_statistics(sums: Array) -> Array:
    """The statistics over the weight, shape `[statistic, ...]`; NaN where the weight is 0.

    >>> mean_statistics(np.array([[2.0, 0.0], [3.0, 0.0]])).tolist()
    [[1.5, nan]]
    """
    return quotient(sums[1:], sums[:1])


def quotient(above: Array, below: Array) -> Array:
    """`above` over `below`; NaN where `below` is not greater than 0."""
    above, below = np.broadcast_arrays(above, below)
    return np.asarray(np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0))
