"""The loss that the options choose, on experiments; its identity; what version 0.1 called it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from wxml import CombinedLoss, Graph, GridPart, LossSpace, LossWeights, PluginChoice
from wxml.errors import ConfigError
from wxml.plugins.create import parse_options
from wxml.plugins.migrations import chain_of
from wxml.training.loss_choice import LossChoice
from wxml_losses.pointwise import Squared
from wxml_trainer_lightning.loss_identity import loss_identity
from wxml_trainer_lightning.state import flatten, with_new_names
from wxml_trainer_lightning.trainer import LightningTrainer

NAN = float("nan")
SQUARED = LossChoice(plugin="squared")
UNIFORM = LossChoice(plugin="squared", weights=("*", "!tendency"))


def by_variable(**factors):
    return {"by-variable": PluginChoice(plugin="by-variable", weights=factors)}


def of(experiment, loss=SQUARED, weights=None):
    return CombinedLoss.of(LossSpace.of(experiment, 1), loss, weights or {})


def value(loss, forecast, truth):
    """The loss of fields of shape `[batch, node, variable]`."""
    return float(loss.value(loss(forecast[:, None, None], truth[:, None])))


def two_nodes(weights=(1.0, 4.0)):
    """A squared error on nodes with the area shares ¾ and ¼."""
    area = np.array([0.75, 0.25])[None, :, None]
    return Squared(None, LossWeights((area,), (np.array(weights)[None, None],)))


def test_areas_and_variables_weigh_as_the_formula_says() -> None:
    forecast = torch.tensor([[[1.0, 0.0], [2.0, 3.0]]])
    # node 0: (1·1² + 4·0²)/2 = 0.5;  node 1: (1·2² + 4·3²)/2 = 20;  0.75 · 0.5 + 0.25 · 20 = 5.375
    assert value(two_nodes(), forecast, torch.zeros_like(forecast)) == pytest.approx(5.375)


def test_missing_truth_weighs_nothing_and_the_rest_of_its_variable_weighs_more() -> None:
    forecast, truth = torch.tensor([[[1.0, 0.0], [2.0, 3.0]]]), torch.tensor([[[0.0, 0.0], [0.0, NAN]]])
    # first variable: 0.75 · 1² + 0.25 · 2² = 1.75; second: 4 · 0² at the only node; their mean is 0.875
    assert value(two_nodes(), forecast, truth) == pytest.approx(0.875)


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_an_error_of_one_everywhere_has_loss_one_whatever_is_missing(missing) -> None:
    truth = torch.zeros(1, 2, 2).masked_fill(torch.tensor(missing).reshape(1, 2, 2), NAN)
    assert value(two_nodes((1.0, 1.0)), torch.ones(1, 2, 2), truth) == pytest.approx(float(not all(missing)))


def test_a_change_of_each_variable_counts_alike(advection) -> None:
    """The weight `tendency` is there without a section, and a loss leaves it out."""
    truth = torch.zeros(1, len(advection.source.header.grid), 2)
    change = torch.tensor(advection.tendency_scale, dtype=torch.float32).expand_as(truth)
    assert value(of(advection), change, truth) == pytest.approx(1.0)
    assert value(of(advection, weights=by_variable(q=3.0)), change, truth) == pytest.approx((1 + 3) / 2)
    assert value(of(advection, UNIFORM, by_variable(q=3.0)), torch.ones_like(truth), truth) == pytest.approx(2.0)


@pytest.mark.carries_out("write names of prognostic or diagnostic variables")
def test_an_unknown_variable_is_refused_with_the_nearest(advection) -> None:
    with pytest.raises(
        ConfigError, match=r"no variable 'T'.*known: q, t.*training\.loss_weights\.by-variable\.weights"
    ):
        of(advection, weights=by_variable(T=1.0))
    with pytest.raises(ConfigError, match=r"no variable 'cos_latitude'"):
        of(advection, weights=by_variable(cos_latitude=1.0))
    assert of(advection, weights=by_variable(t=1.0))


def bounded(experiment, boundary):
    """The experiment with some nodes of its grid given and not forecast."""
    graph = experiment.graph
    marked = graph.nodes["grid"].with_attributes(boundary=boundary)
    return replace(experiment, graph=Graph({**graph.nodes, "grid": marked}, graph.edges))


def test_the_boundary_of_an_area_weighs_nothing_and_has_no_gradient(advection) -> None:
    grid = advection.source.header.grid
    boundary = np.arange(len(grid)) % 3 == 0
    loss = of(bounded(advection, boundary), UNIFORM)
    forecast = torch.randn(4, len(grid), 2, generator=torch.Generator().manual_seed(0), requires_grad=True)
    sums = loss(forecast[:, None, None], torch.zeros_like(forecast)[:, None])
    inner = torch.tensor(np.where(boundary, 0, grid.area_weights)).float()
    squares = (forecast.detach().square() * inner[:, None]).sum((0, 1))
    torch.testing.assert_close(sums.parts[0].total.detach(), squares)
    assert sums.parts[0].weight.tolist() == pytest.approx([4 * grid.area_weights[~boundary].sum()] * 2, rel=1e-5)
    loss.value(sums).backward()
    assert not forecast.grad[:, boundary].any()
    assert forecast.grad[:, ~boundary].ne(0).all()


def several(experiment):
    """The experiment, the first 16 nodes of whose grid are one grid and the others another."""
    grid = experiment.source.header.grid
    parts = (GridPart("globe", 16), GridPart("north", len(grid) - 16, ("q",)))
    return replace(experiment, preprocessing=replace(experiment.preprocessing, grid=replace(grid, parts=parts)))


def by_grid(**factors):
    return {"by-grid": PluginChoice(plugin="by-grid", weights=factors)}


def test_weights_by_grid_are_factors_beside_the_area(advection) -> None:
    """An error at the nodes of the second grid alone, which count half."""
    experiment, areas = several(advection), advection.source.header.grid.area_weights
    there = np.arange(len(areas)) >= 16
    error = torch.tensor(there).float()[None, :, None].expand(1, -1, 2)
    outside, inside = areas[~there].sum(), 0.5 * areas[there].sum()
    half = value(of(experiment, UNIFORM, by_grid(north=0.5)), error, torch.zeros_like(error))
    assert half == pytest.approx(inside / (inside + outside), rel=1e-5)
    whole = value(of(experiment, UNIFORM), error, torch.zeros_like(error))
    assert whole == pytest.approx(areas[there].sum(), rel=1e-5)


@pytest.mark.carries_out("write names of the option `names` of the source")
def test_weights_of_grids_that_are_not_there_are_refused(advection) -> None:
    with pytest.raises(ConfigError, match="the data have no grid 'nort'; did you mean 'north'"):
        of(several(advection), weights=by_grid(nort=1.0))
    with pytest.raises(ConfigError, match="the data have no grid 'north'; they are one without a name"):
        of(advection, weights=by_grid(north=1.0))
    assert of(several(advection), weights=by_grid(north=1.0))


def test_a_training_makes_the_loss_of_its_options_small(advection, fit, tmp_path) -> None:
    """Twice a loss is twice its history; `squared` in two halves is `squared`."""

    def history(name, **options):
        fit(advection, tmp_path / name, max_steps=3, learning_rate=1e-30, weight_decay=0, **options)
        rows = (tmp_path / name / "history.csv").read_text().splitlines()[1:]
        return [float(row.split(",")[1]) for row in rows]

    once = history("once")
    doubled = {"by-variable": {"weights": {"t": 2.0, "q": 2.0}}}
    assert history("twice", loss_weights=doubled) == pytest.approx([2 * loss for loss in once], rel=1e-5)
    halves = [{"plugin": "squared", "share": 1}, {"plugin": "squared", "share": 3}]
    assert history("halves", loss=halves) == pytest.approx(once, rel=1e-5)


# The identity of a training


def identity(loss=SQUARED, weights=None):
    return flatten({"training": loss_identity(loss, weights or {})})


def test_two_ways_to_write_one_loss_have_one_identity() -> None:
    assert identity([SQUARED]) == identity(SQUARED) != identity(UNIFORM)
    assert identity(weights=by_variable(q=2)) == identity(weights=by_variable(q=2.0))
    assert identity(weights=by_variable(q=2)) != identity(weights=by_variable(q=3))


@pytest.mark.parametrize("weighting", ["tendency", "uniform"])
@pytest.mark.parametrize("factors", [{}, {"t": 3.0, "q": 0.5}])
def test_the_identity_of_version_01_is_that_of_the_same_loss_today(weighting, factors) -> None:
    old = flatten({"training": {"variable_weighting": weighting, "variable_weights": factors}})
    today = identity(SQUARED if weighting == "tendency" else UNIFORM, by_variable(**factors) if factors else {})
    left_out = {"training.loss": identity()["training.loss"], "training.loss_weights": "{}"}
    assert with_new_names(old) == {key: text for key, text in today.items() if left_out.get(key) != text}


def test_the_options_of_version_01_are_todays(advection) -> None:
    """The same loss, of fields that differ from variable to variable."""
    chain = chain_of("trainer", "wxml-trainer-lightning:lightning", "0.1.0")
    old = {"variable_weighting": "uniform", "variable_weights": {"q": 3.0}, "max_steps": 7}
    options, _ = chain.apply(old)
    trainer = LightningTrainer(**parse_options(LightningTrainer, options))
    assert trainer.max_steps == 7
    loss = of(advection, trainer.loss, trainer.loss_weights)
    error = torch.tensor([1.0, 2.0]).expand(1, len(advection.source.header.grid), 2)
    assert value(loss, error, torch.zeros_like(error)) == pytest.approx((1**2 + 3 * 2**2) / 2)
    assert chain.apply({"variable_weighting": "tendency", "variable_weights": {}})[0] == {}
