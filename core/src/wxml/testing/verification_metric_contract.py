"""The contract of verification metrics, as tests."""

__all__ = ["VerificationMetricContract"]

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from wxml.data.grid import Grid
from wxml.data.source import DataSource, SourceHeader
from wxml.data.variables import Variable
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import tiny_grid
from wxml.verification.fields import VerifiedFields
from wxml.verification.metric import PastFields, Subject, VerificationMetric, VerificationSpace
from wxml.verification.verifier import Better

Array = NDArray[np.float64]
LEAD_TIMES = np.array([6, 12], "timedelta64[h]").astype("timedelta64[s]")
START = np.datetime64("2001-01-01", "s")
MEMBERS, CASES = 5, 4
PAST = np.arange(START - np.timedelta64(40, "D"), START, np.timedelta64(6, "h"))


class VerificationMetricContract(Contract):
    """Checks of a VerificationMetric, on forecasts of t, q, u_850 and v_850 at 48 nodes and two lead times."""

    interface: ClassVar[type[Any]] = VerificationMetric
    variables: ClassVar[Mapping[str, tuple[str, float]]] = {
        "t": ("K", 280.0),
        "q": ("g kg-1", 6.0),
        "u_850": ("m s-1", 1.0),
        "v_850": ("m s-1", -1.0),
    }
    """Variable → its units, and the value that it has in the mean; another test may name what its metric needs."""

    def sample(self) -> Any:
        """Make a metric of the variables, everywhere and in the north."""
        return self.make(self._space(tiny_grid(), np.arange(len(tiny_grid()))))

    def rehearse(self) -> None:
        """Compute it once."""
        self._values(self._cases())

    def test_it_says_what_is_better(self) -> None:
        """`better`, and that of each of `further`, is a direction that scores may have."""
        named = {"better": self.plugin.better, **{name: one.better for name, one in self.plugin.further.items()}}
        for name, better in named.items():
            require(
                better in get_args(Better), f"`{name}` must be one of {', '.join(get_args(Better))}, got {better!r}"
            )

    def test_there_is_a_number_for_each_lead_time_and_region(self) -> None:
        """The values have the shape `[lead_time, region]`, and are finite where there are forecast and truth.

        One that `needs_whole_fields` may have none of a region.
        """
        metric, cases = self.sample(), self._cases()
        metric.check()
        for subject in self._subjects(metric):
            sums = _summed(metric, subject, cases)
            numbers = {"value": metric.value(sums), **metric.further_values(sums)}
            told = ["value", *metric.further]
            require(list(numbers) == told, f"`further_values` must give {told[1:]}, got {list(numbers)[1:]}")
            for name, found in numbers.items():
                require(found.shape == (2, 2), f"`{name}` must have shape [lead_time, region], got {found.shape}")
                known = found[:, :1] if self.plugin.needs_whole_fields else found
                require(np.isfinite(known).all(), f"`{name}` of {subject.name} is not finite: {found.tolist()}")
            for name, curve in metric.curves(sums).items():
                shape = (len(curve.positions), 2, 2)
                require(
                    curve.values.shape == shape, f"curve {name!r} must have shape {shape}, got {curve.values.shape}"
                )

    def test_the_arrays_are_not_modified(self) -> None:
        """Neither forecast nor truth nor climatology is changed."""
        cases = self._cases()
        before = [_copied(case) for case in cases]
        self._values(cases)
        for was, case in zip(before, cases, strict=True):
            for name in self.variables:
                require(np.array_equal(was.forecasts[name], case.forecasts[name]), "`statistics` changed the forecast")
                require(np.array_equal(was.truths[name], case.truths[name]), "`statistics` changed the truth")
                same = np.array_equal(was.climatologies[name], case.climatologies[name])
                require(same, "`statistics` changed the climatology")

    def test_a_node_counts_by_its_place_alone(self) -> None:
        """In another order of the nodes, their weights with them, the values are the same."""
        order = np.random.default_rng(1).permutation(len(tiny_grid()))
        grid = tiny_grid()
        turned = Grid.unstructured(grid.latitudes[order], grid.longitudes[order], grid.area_weights[order])
        shuffled = self._values([_at(case, order) for case in self._cases()], self.make(self._space(turned, order)))
        close = np.allclose(self._values(self._cases()), shuffled, rtol=1e-9, atol=1e-12, equal_nan=True)
        require(close, "the value depends on the order of the nodes")

    def test_nodes_without_truth_count_nowhere(self) -> None:
        """Where the truth is missing, the forecast does not matter."""
        cases = [_with(case, truth=np.nan, nodes=slice(10, 20)) for case in self._cases()]
        other = [_with(case, forecast=1e3, nodes=slice(10, 20)) for case in cases]
        found = self._values(cases)
        known = np.isfinite(found).all() or self.plugin.needs_whole_fields
        require(known, f"the value is not finite where some nodes have no truth: {found.tolist()}")
        same = np.array_equal(found, self._values(other), equal_nan=True)
        require(same, "nodes without truth change the value")

    def test_without_any_truth_there_is_no_value(self) -> None:
        """Where nothing counts the weight is 0 and the value NaN, never 0."""
        metric = self.sample()
        for subject in self._subjects(metric):
            sums = _summed(metric, subject, [_with(case, truth=np.nan) for case in self._cases()])
            require(not sums[0].any(), f"the first statistic is the weight: it must be 0 without truth, got {sums[0]}")
            require(np.isnan(metric.value(sums)).all(), "the value must be NaN where nothing counts")

    def test_a_case_without_truth_changes_nothing(self) -> None:
        """A case in which nothing counts leaves the value as it is."""
        cases = self._cases()
        more = [*cases, _with(cases[0], truth=np.nan)]
        same = np.array_equal(self._values(cases), self._values(more), equal_nan=True)
        require(same, "a case without truth changes the value")

    def test_a_region_is_made_of_its_nodes_alone(self) -> None:
        """Another forecast outside of a region leaves its value as it is."""
        south = np.flatnonzero(tiny_grid().latitudes < 0)
        changed = [_with(case, forecast=1e3, nodes=south) for case in self._cases()]
        before, after = self._values(self._cases())[..., 1], self._values(changed)[..., 1]
        same = np.allclose(before, after, rtol=1e-12, equal_nan=True)
        require(same, "the value of a region depends on nodes outside of it")

    def test_some_nodes_and_the_others_add_up(self) -> None:
        """If `adds_over_nodes`, the statistics of two halves of the nodes sum to those of all."""
        if not self.plugin.adds_over_nodes:
            return
        metric, (case, *_) = self.sample(), self._cases()
        for subject in self._subjects(metric):
            halves = [_at(case, np.arange(first, first + 24), first) for first in (0, 24)]
            parts = sum(metric.statistics(subject, half) for half in halves)
            whole = metric.statistics(subject, case)
            require(np.allclose(parts, whole, rtol=1e-9), "it `adds_over_nodes`, but halves of the nodes do not add up")

    def test_a_forecast_nearer_to_the_truth_is_better(self) -> None:
        """Half the distance to the truth is better, or as good, for metrics of one forecast with a direction."""
        far, near = self._values(self._cases()), self._values([_nearer(case) for case in self._cases()])
        if self.plugin.takes_members:
            return
        known = np.isfinite(far)
        near, far = near[known], far[known]
        if self.plugin.better == "smaller":
            require((near <= far + 1e-12).all(), f"nearer forecasts have larger values: {near} > {far}")
        elif self.plugin.better == "larger":
            require((near >= far - 1e-12).all(), f"nearer forecasts have smaller values: {near} < {far}")

    @property
    def _members(self) -> int:
        return MEMBERS if self.plugin.takes_members else 1

    def _cases(self) -> list[VerifiedFields]:
        return [_case(number, self._members, self._centres) for number in range(CASES)]

    def _values(self, cases: list[VerifiedFields], metric: VerificationMetric | None = None) -> Array:
        """The value of each subject, shape `[subject, lead_time, region]`."""
        metric = self.sample() if metric is None else metric
        return np.stack([metric.value(_summed(metric, subject, cases)) for subject in self._subjects(metric)])

    def _subjects(self, metric: VerificationMetric) -> tuple[Subject, ...]:
        found = metric.subjects
        require(found, "`subjects` must not be empty")
        for subject in found:
            unknown = set(subject.variables) - set(self.variables)
            require(not unknown, f"`subjects` has variables that are not there: {', '.join(sorted(unknown))}")
        return found

    def _space(self, grid: Grid, order: NDArray[np.int64]) -> VerificationSpace:
        """The space of nodes in an order."""
        regions = dict(zip(("all", "north"), _weights(grid), strict=True))
        known = tuple(Variable(name, units=units) for name, (units, _) in self.variables.items())
        past = PastFields(_Past(grid, known, self._centres, order), PAST)
        return VerificationSpace(known, grid, regions, self._members, past)

    @property
    def _centres(self) -> dict[str, float]:
        return {name: centre for name, (_, centre) in self.variables.items()}


class _Past(DataSource):
    """Values around those of the cases, at the nodes in an order."""

    def __init__(
        self, grid: Grid, variables: tuple[Variable, ...], centres: dict[str, float], order: NDArray[np.int64]
    ) -> None:
        self.header = SourceHeader(grid, variables, PAST)
        draw = np.random.default_rng(5)
        shape = (len(PAST), len(grid))
        self._values = np.stack([centre + 4 * draw.normal(size=shape) for centre in centres.values()], 1)[..., order]

    def _read(
        self, time_indices: NDArray[np.intp], variable_indices: NDArray[np.intp], out: NDArray[np.float32]
    ) -> None:
        out[...] = self._values[time_indices][:, None, variable_indices]

    def provenance(self) -> dict[str, Any]:
        """Nothing that lasts."""
        return {"source": "contract of verification metrics"}


def _summed(metric: VerificationMetric, subject: Subject, cases: list[VerifiedFields]) -> Array:
    """What a verifier adds up."""
    kept = []
    for case in cases:
        found = metric.statistics(subject, case)
        fits = found.ndim == 3 and found.shape[1:] == (2, 2)
        require(fits, f"`statistics` must have shape [any, lead_time, region], got {found.shape}")
        require(np.isfinite(found).all(), "`statistics` must be finite")
        kept.append(metric.of_case(found))
    total: Array = np.sum(kept, axis=0)
    return total


def _case(number: int, members: int, centres: Mapping[str, float]) -> VerifiedFields:
    random, shape = np.random.default_rng(number), (len(LEAD_TIMES), len(tiny_grid()))
    truths, forecasts, usual = {}, {}, {}
    for name, centre in centres.items():
        usual[name] = centre + np.random.default_rng(9).normal(size=shape)
        truths[name] = usual[name] + 4 * random.normal(size=shape)
        forecasts[name] = truths[name] + 2 * random.normal(size=(members, *shape)) + 1
    start = START + number * np.timedelta64(1, "D")
    return VerifiedFields(forecasts, truths, usual, _weights(tiny_grid()), start, LEAD_TIMES)


def _nearer(case: VerifiedFields) -> VerifiedFields:
    halves = {name: (values + case.truths[name]) / 2 for name, values in case.forecasts.items()}
    return replace(case, forecasts=halves)


def _copied(case: VerifiedFields) -> VerifiedFields:
    forecasts, truths, usual = (
        {name: values.copy() for name, values in fields.items()}
        for fields in (case.forecasts, case.truths, case.climatologies)
    )
    return replace(case, forecasts=forecasts, truths=truths, climatologies=usual)


def _with(
    case: VerifiedFields,
    truth: float | None = None,
    forecast: float = 0.0,
    nodes: slice | NDArray[np.int64] = slice(None),
) -> VerifiedFields:
    """The case with another truth, or with something added to the forecast, at some nodes."""
    changed = _copied(case)
    for name in changed.truths:
        changed.forecasts[name][..., nodes] += forecast
        if truth is not None:
            changed.truths[name][..., nodes] = truth
    return changed


def _at(case: VerifiedFields, nodes: NDArray[np.int64], first: int = 0) -> VerifiedFields:
    """The case at some nodes."""
    forecasts, truths, usual = (
        {name: values[..., nodes] for name, values in fields.items()}
        for fields in (case.forecasts, case.truths, case.climatologies)
    )
    return VerifiedFields(
        forecasts, truths, usual, case.weights[:, nodes], case.initial_time, case.lead_times, first_node=first
    )


def _weights(grid: Grid) -> Array:
    """The share of the area everywhere and in the north, shape `[region, node]`."""
    return np.stack([grid.area_weights, grid.area_weights * (grid.latitudes > 0)])
