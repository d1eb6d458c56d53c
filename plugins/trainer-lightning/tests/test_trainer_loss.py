"""The loss, against numbers worked out by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from wxml import Graph, GridPart
from wxml.data.variables import VariableRoles
from wxml.errors import ConfigError
from wxml_trainer_lightning.loss import WeightedSquaredError, part_losses, squared_error

NAN = float("nan")


def value(loss, forecast, truth):
    total, weight = loss(torch.tensor(forecast), torch.tensor(truth))
    return float(total / weight)


def test_areas_and_variables_weigh_as_the_formula_says() -> None:
    loss = WeightedSquaredError([0.75, 0.25], [1.0, 4.0])
    # node 0: (1·1² + 4·0²)/2 = 0.5;  node 1: (1·2² + 4·3²)/2 = 20;  0.75 · 0.5 + 0.25 · 20 = 5.375
    assert value(loss, [[[1.0, 0.0], [2.0, 3.0]]], [[[0.0, 0.0], [0.0, 0.0]]]) == pytest.approx(5.375)


def test_the_batch_is_averaged() -> None:
    loss = WeightedSquaredError([1.0], [1.0])
    assert value(loss, [[[1.0]], [[3.0]]], [[[0.0]], [[0.0]]]) == pytest.approx((1 + 9) / 2)


def test_missing_truth_weighs_nothing_and_the_rest_weighs_more() -> None:
    loss = WeightedSquaredError([0.75, 0.25], [1.0, 4.0])
    # present: node 0 both variables, node 1 the first: (0.75 · (1 + 0) + 0.25 · 4) / (0.75 + 0.75 + 0.25) = 1
    assert value(loss, [[[1.0, 0.0], [2.0, 3.0]]], [[[0.0, 0.0], [0.0, NAN]]]) == pytest.approx(1.0)


def test_missing_truth_has_no_gradient() -> None:
    forecast = torch.tensor([[[1.0, 2.0]]], requires_grad=True)
    total, weight = WeightedSquaredError([1.0], [1.0, 1.0])(forecast, torch.tensor([[[0.0, NAN]]]))
    (total / weight).backward()
    assert forecast.grad is not None
    assert forecast.grad.tolist() == [[[2.0, 0.0]]]


def test_a_forecast_that_is_not_finite_is_not_taken_for_missing() -> None:
    assert np.isnan(value(WeightedSquaredError([1.0], [1.0]), [[[NAN]]], [[[0.0]]]))


@given(st.lists(st.booleans(), min_size=6, max_size=6))
def test_an_error_of_one_everywhere_has_loss_one_whatever_is_missing(missing) -> None:
    truth = torch.zeros(1, 3, 2).masked_fill(torch.tensor(missing).reshape(1, 3, 2), NAN)
    total, weight = WeightedSquaredError([0.2, 0.3, 0.5], [1.0, 1.0])(torch.ones(1, 3, 2), truth)
    assert float(total) == pytest.approx(float(weight))
    assert (float(weight) == 0) == all(missing)


def test_half_precision_forecasts_are_compared_in_single_precision() -> None:
    loss = WeightedSquaredError([1.0], [1.0])
    total, _ = loss(torch.tensor([[[1.0]]], dtype=torch.bfloat16), torch.tensor([[[1.001]]]))
    assert float(total) == pytest.approx(0.001**2, rel=1e-3)


def test_tendency_weighting_counts_in_typical_changes(advection) -> None:
    loss = squared_error(advection, "tendency", {"q": 3.0})
    expected = np.array([1.0, 3.0]) / advection.tendency_scale.astype(float) ** 2
    np.testing.assert_allclose(loss.variable_weights.numpy(), expected, rtol=1e-6)
    np.testing.assert_allclose(loss.area_weights.numpy()[:, 0], advection.source.header.grid.area_weights, rtol=1e-6)


def test_uniform_weighting_leaves_the_factors(advection) -> None:
    assert squared_error(advection, "uniform", {"q": 3.0}).variable_weights.tolist() == [1.0, 3.0]


@pytest.mark.carries_out("write names of prognostic or diagnostic variables")
def test_an_unknown_variable_is_refused_with_the_nearest(advection) -> None:
    with pytest.raises(ConfigError, match=r"no variable 'T'.*known: q, t"):
        squared_error(advection, "uniform", {"T": 1.0})
    roles = VariableRoles(prognostic=("t",), forcing=("cos_latitude",), diagnostic=("q",))
    experiment = replace(advection, preprocessing=replace(advection.preprocessing, roles=roles))
    with pytest.raises(ConfigError, match=r"no variable 'cos_latitude'"):
        squared_error(experiment, "uniform", {"cos_latitude": 1.0})
    assert squared_error(experiment, "uniform", {"t": 2.0, "q": 3.0}).variable_weights.tolist() == [2.0, 3.0]


def bounded(experiment, boundary):
    """The experiment with some nodes of its grid given and not forecast."""
    graph = experiment.graph
    marked = graph.nodes["grid"].with_attributes(boundary=boundary)
    return replace(experiment, graph=Graph({**graph.nodes, "grid": marked}, graph.edges))


def test_the_boundary_of_an_area_weighs_nothing_and_has_no_gradient(advection) -> None:
    grid = advection.source.header.grid
    boundary = np.arange(len(grid)) % 3 == 0
    loss = squared_error(bounded(advection, boundary), "uniform", {})
    forecast = torch.randn(4, len(grid), 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    truth = torch.zeros_like(forecast)
    total, weight = loss(forecast, truth)
    inner = torch.tensor(np.where(boundary, 0, grid.area_weights)).float()
    assert total.item() == pytest.approx(float((forecast.detach().square() * inner[:, None]).sum()), rel=1e-5)
    assert float(weight) == pytest.approx(4 * 2 * grid.area_weights[~boundary].sum(), rel=1e-5)
    total.backward()
    assert not forecast.grad[:, boundary].any()
    assert forecast.grad[:, ~boundary].ne(0).all()


def test_without_a_boundary_the_loss_is_what_it_was_bit_for_bit(advection) -> None:
    nowhere = squared_error(bounded(advection, np.zeros(len(advection.source.header.grid), bool)), "uniform", {})
    expected = np.asarray(advection.source.header.grid.area_weights, np.float32)
    assert nowhere.area_weights.numpy()[:, 0].tobytes() == expected.tobytes()


def several(experiment):
    """The experiment, the first 16 nodes of whose grid are one grid and the others another."""
    grid = experiment.source.header.grid
    parts = (GridPart("globe", 16), GridPart("north", len(grid) - 16, ("q",)))
    return replace(experiment, preprocessing=replace(experiment.preprocessing, grid=replace(grid, parts=parts)))


def test_grid_weights_are_factors_beside_the_area(advection) -> None:
    experiment, areas = several(advection), advection.source.header.grid.area_weights
    weighted = squared_error(experiment, "uniform", {}, {"north": 0.5}).area_weights.numpy()[:, 0]
    np.testing.assert_allclose(weighted, np.where(np.arange(len(areas)) < 16, areas, 0.5 * areas), rtol=1e-6)
    np.testing.assert_array_equal(
        squared_error(experiment, "uniform", {}, {}).area_weights, squared_error(advection, "uniform", {}).area_weights
    )


@pytest.mark.carries_out("write names of the option `names` of the source")
def test_weights_of_grids_that_are_not_there_are_refused(advection) -> None:
    with pytest.raises(ConfigError, match="the data have no grid 'nort'; did you mean 'north'"):
        squared_error(several(advection), "uniform", {}, {"nort": 1.0})
    with pytest.raises(ConfigError, match="the data have no grid 'north'; they are one without a name"):
        squared_error(advection, "uniform", {}, {"north": 1.0})
    assert squared_error(several(advection), "uniform", {}, {"north": 1.0})


def test_the_loss_is_the_mean_of_those_of_the_grids(advection) -> None:
    experiment, areas = several(advection), advection.source.header.grid.area_weights
    forecast = torch.randn(4, len(areas), 2, generator=torch.Generator().manual_seed(0))
    truth = torch.zeros_like(forecast)
    whole = squared_error(experiment, "tendency", {"q": 3.0})
    parts = part_losses(experiment, "tendency", {"q": 3.0})
    assert [part.name for part in parts] == ["globe", "north"]
    each = [value(part, forecast.tolist(), truth.tolist()) for part in parts]
    share = areas[:16].sum()
    expected = pytest.approx(share * each[0] + (1 - share) * each[1], rel=1e-5)
    assert value(whole, forecast.tolist(), truth.tolist()) == expected
    assert part_losses(advection, "tendency", {}) == []
