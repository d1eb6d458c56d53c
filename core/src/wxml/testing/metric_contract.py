"""The contract of metrics, as tests."""

__all__ = ["MetricContract"]

from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from wxml.data.variables import Variable
from wxml.testing.contract import Contract, require
from wxml.testing.tiny_world import tiny_grid
from wxml.training.metric import Metric, MetricSpace

Array = NDArray[np.float64]
STEPS, MEMBERS, CASES = 2, 5, 6
BETTER = ("lower", "higher", "zero", "one")


class MetricContract(Contract):
    """Checks of a Metric, on forecasts of two variables at 48 nodes."""

    interface: ClassVar[type[Any]] = Metric

    def sample(self) -> Any:
        """Make a metric of two variables."""
        return self.make(_space(self._members))

    def rehearse(self) -> None:
        """Compute it once."""
        self._value(*self._cases())

    def test_it_says_what_is_better(self) -> None:
        """`better` is `lower`, `higher`, `zero` or `one`."""
        require(
            self.plugin.better in BETTER, f"`better` must be one of {', '.join(BETTER)}, got {self.plugin.better!r}"
        )

    def test_there_is_a_number_for_each_step_region_and_variable(self) -> None:
        """The value has the shape `[step, region, variable]`, and is finite where there is a forecast and a truth."""
        value = self._value(*self._cases())
        require(value.shape == (STEPS, 2, 2), f"`value` must have shape [step, region, variable], got {value.shape}")
        require(np.isfinite(value).all(), f"`value` is not finite: {value.tolist()}")

    def test_the_arrays_are_not_modified(self) -> None:
        """Neither the forecast nor the truth is changed."""
        forecasts, truths = self._cases()
        before = forecasts.copy(), truths.copy()
        self._value(forecasts, truths)
        require(np.array_equal(before[0], forecasts), "`statistics` changed the forecast")
        require(np.array_equal(before[1], truths), "`statistics` changed the truth")

    def test_a_node_counts_by_its_place_alone(self) -> None:
        """In another order of the nodes, the weights with them, the value is the same."""
        forecasts, truths = self._cases()
        order = np.random.default_rng(1).permutation(truths.shape[2])
        value = self._value(forecasts, truths)
        metric, weights = self.sample(), _weights()[:, order]
        ordered = _space(self._members, order)
        shuffled = self._value(forecasts[:, :, :, order], truths[:, :, order], weights, self.make(ordered))
        require(np.allclose(value, shuffled, rtol=1e-9), "the value depends on the order of the nodes")
        require(metric.space.grid.shape == tiny_grid().shape, "`space` must be kept as it is")

    def test_a_variable_counts_alone(self) -> None:
        """Another forecast of one variable leaves the value of the other as it is."""
        forecasts, truths = self._cases()
        changed = forecasts.copy()
        changed[..., 1] *= 1.5
        before, after = self._value(forecasts, truths)[..., 0], self._value(changed, truths)[..., 0]
        require(np.array_equal(before, after), "the value of a variable depends on the forecast of another one")

    def test_the_order_of_the_cases_does_not_matter(self) -> None:
        """The value is the same whichever case comes first."""
        forecasts, truths = self._cases()
        value, turned = self._value(forecasts, truths), self._value(forecasts[::-1], truths[::-1])
        require(np.allclose(value, turned, rtol=1e-9), "the value depends on the order of the cases")

    def test_a_forecast_nearer_to_the_truth_is_better(self) -> None:
        """Half the distance to the truth is better, or as good, wherever `better` is `lower` or `higher`."""
        forecasts, truths = self._cases()
        nearer = (forecasts + truths[:, None]) / 2
        if self.plugin.takes_spread:
            nearer[:, 1] = forecasts[:, 1]
        far, near = self._value(forecasts, truths), self._value(nearer, truths)
        if self.plugin.better == "lower":
            require(
                (near <= far + 1e-12).all(), f"nearer forecasts have greater values: {near.tolist()}, {far.tolist()}"
            )
        elif self.plugin.better == "higher" and not self.plugin.takes_members:
            require((near >= far - 1e-12).all(), f"nearer forecasts have lower values: {near.tolist()}, {far.tolist()}")

    @property
    def _members(self) -> int:
        return MEMBERS if self.plugin.takes_members else 1

    def _cases(self) -> tuple[Array, Array]:
        """Forecasts `[case, member, step, node, variable]` and truths `[case, step, node, variable]`."""
        random = np.random.default_rng(0)
        nodes, members = len(tiny_grid()), 2 if self.plugin.takes_spread else self._members
        truths = 280 + 10 * random.normal(size=(CASES, STEPS, nodes, 2))
        noise = random.normal(size=(CASES, members, STEPS, nodes, 2))
        forecasts = truths[:, None] + 3 * noise + 2
        if self.plugin.takes_spread:
            forecasts[:, 1] = 3 * np.exp(noise[:, 1])
        return forecasts, truths

    def _value(
        self, forecasts: Array, truths: Array, weights: Array | None = None, metric: Metric | None = None
    ) -> Array:
        """What the trainer makes of some cases."""
        metric = self.sample() if metric is None else metric
        shares = _weights() if weights is None else weights
        each = []
        for forecast, truth in zip(forecasts, truths, strict=True):
            statistics = metric.statistics(forecast, truth)
            fits = statistics.ndim == 4 and statistics.shape[1:] == truth.shape
            require(fits, f"`statistics` must have shape [any, {truth.shape}], got {statistics.shape}")
            require(np.isfinite(statistics).all(), "`statistics` is not finite where forecast and truth are")
            each.append(metric.of_case(np.einsum("rn,ksnv->ksrv", shares, statistics)))
        value: Array = metric.value(np.mean(each, axis=0))
        return value


def _weights() -> Array:
    """The shares of the nodes everywhere and in the north, shape `[region, node]`."""
    grid = tiny_grid()
    north = grid.area_weights * (grid.latitudes > 0)
    return np.stack([grid.area_weights, north / north.sum()])


def _space(members: int, order: NDArray[np.int64] | None = None) -> MetricSpace:
    grid = tiny_grid()
    climate = 280 + np.random.default_rng(2).normal(size=(len(grid), 2))
    return MetricSpace(
        variables=(Variable("t", units="K"), Variable("q", units="kg kg**-1")),
        grid=grid,
        weights=dict(zip(("all", "north"), _weights(), strict=True)),
        timestep=np.timedelta64(6, "h"),
        members=members,
        climate=lambda: climate if order is None else climate[order],
    )
