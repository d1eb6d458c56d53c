"""Weights of losses, against numbers worked by hand."""

import logging
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from wxml import LossSpace, LossWeights, Variable
from wxml.data.grid_part import GridPart
from wxml.errors import ConfigError
from wxml.graphs.graph import Graph
from wxml.testing import tiny_loss_space
from wxml_losses.pointwise import Absolute
from wxml_losses.weights.by_level import ByLevel
from wxml_losses.weights.by_variable import ByVariable
from wxml_losses.weights.mask import Mask
from wxml_losses.weights.node_attribute import NodeAttribute
from wxml_losses.weights.region_share import RegionShare
from wxml_losses.weights.steps import LeadDecay, Steps
from wxml_losses.weights.tendency import Tendency

SPACE = tiny_loss_space()
EAST = SPACE.grid.longitudes < 180


def with_boundary() -> LossSpace:
    """A space of which the first row is given and not forecast."""
    return replace(SPACE, is_forecast=np.arange(len(SPACE.grid)) >= 8)


def with_attribute(values: Any, name: str = "urban") -> LossSpace:
    nodes = SPACE.graph.nodes
    graph = Graph({**nodes, "grid": nodes["grid"].with_attributes(**{name: values})}, SPACE.graph.edges)
    return replace(SPACE, graph=graph)


# Variables and levels


def test_factors_of_variables_may_be_shares_or_of_mean_one() -> None:
    for norm, expected in (("none", [3, 1, 2]), ("sum", [0.5, 1 / 6, 1 / 3]), ("mean", [1.5, 0.5, 1.0])):
        weight = ByVariable(SPACE, weights={"t_850": 3.0, "tp": 2.0}, norm=norm)  # type: ignore[arg-type]
        np.testing.assert_allclose(weight.factor().ravel(), expected)


def test_a_parameter_stands_for_all_of_its_levels() -> None:
    found = ByVariable(SPACE, weights={"t": 6.0, "t_250": 2.0}, default=0.5).factor()
    np.testing.assert_allclose(found.ravel(), [6, 2, 0.5])
    with pytest.raises(ConfigError, match="forecasts no variable 'tt'; did you mean 't"):
        ByVariable(SPACE, weights={"tt": 1.0})


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, [0.85, 0.25, 1]),
        ({"minimum": 0.5}, [0.85, 0.5, 1]),
        ({"kind": "linear", "minimum": 0.5}, [1.35, 0.75, 1]),
        ({"kind": "polynomial", "slope": 0.002, "minimum": 0.1}, [1.7**2 + 0.1, 0.35, 1]),
        ({"norm": "sum"}, np.array([0.85, 0.25, 1]) / 2.1),
    ],
)
def test_factors_of_levels_follow_the_pressure(options: dict[str, Any], expected: Any) -> None:
    np.testing.assert_allclose(ByLevel(SPACE, **options).factor().ravel(), expected)


def test_a_group_of_parameters_and_levels_of_other_types() -> None:
    """Model levels have no pressure; a level of which nothing else is said does."""
    wind = Variable("u_500", param="u", level=500)
    hybrid = Variable("q_90", param="q", level=90, level_type="hybrid")
    height = Variable("t_2m", param="t", level=2, level_units="m", level_type="heightAboveGround")
    space = replace(SPACE, variables=(SPACE.variables[0], wind, hybrid, height))
    np.testing.assert_allclose(ByLevel(space).factor().ravel(), [0.85, 0.5, 1, 1])
    np.testing.assert_allclose(ByLevel(space, group=["u"]).factor().ravel(), [1, 0.5, 1, 1])


@pytest.mark.carries_out("leave this weight out")
def test_a_space_without_levels_of_pressure_is_refused() -> None:
    with pytest.raises(ConfigError, match="none of tp is on a level of pressure"):
        ByLevel(replace(SPACE, variables=SPACE.variables[2:]))
    loss = Absolute(SPACE, LossWeights())
    assert loss.weight.shape == (1, 1, 1)


@pytest.mark.carries_out("write names of parameters on levels of pressure")
def test_a_group_must_be_on_levels_of_pressure() -> None:
    with pytest.raises(ConfigError, match="no variable 'tp' is on a level of pressure; did you mean 't'"):
        ByLevel(SPACE, group=["tp"])
    assert ByLevel(SPACE, group=["t"]).factor()[0, 0, 0] == 0.85


def test_the_tendency_makes_slow_and_fast_variables_alike(caplog) -> None:
    np.testing.assert_allclose(Tendency(SPACE).factor().ravel(), [16, 4, 1])
    np.testing.assert_allclose(Tendency(SPACE, power=1).factor().ravel(), [4, 2, 1])
    np.testing.assert_allclose(Tendency(replace(SPACE, degree=1), power=0.5).factor().ravel(), [2, 2**0.5, 1])
    for degree, expected in ((0, [1, 1, 1]), (1, [4, 2, 1]), (4, [256, 16, 1])):
        np.testing.assert_allclose(Tendency(replace(SPACE, degree=degree)).factor().ravel(), expected)
    statistics = replace(SPACE.statistics, tendency_std=np.array([0.0, np.nan, 0.5]))
    space = replace(SPACE, statistics=statistics)
    with caplog.at_level(logging.WARNING, "wxml"):
        np.testing.assert_allclose(Tendency(space).factor().ravel(), [1, 1, 4])
    assert "the loss weight `tendency` is 1 for t_850, t_250: no typical change is known" in caplog.text
    np.testing.assert_allclose(Tendency(space, diagnostic=False).factor().ravel(), [1, 1, 1])


# Places


def test_an_attribute_of_the_nodes_comes_before_a_variable_of_the_source() -> None:
    space = with_attribute(np.arange(48) % 2, "lsm")
    np.testing.assert_allclose(NodeAttribute(space, name="lsm").factor()[0, :, 0], np.arange(48) % 2)
    np.testing.assert_allclose(NodeAttribute(SPACE, name="lsm").factor()[0, :, 0], EAST)
    np.testing.assert_allclose(NodeAttribute(SPACE, name="lsm", inverse=True).factor()[0, :, 0], ~EAST)


def test_attributes_of_several_grids_stand_behind_each_other() -> None:
    nodes = SPACE.graph.nodes["grid"]
    parts = {"data:south": nodes.take(np.arange(24, 48)), "data:north": nodes.take(np.arange(24))}
    named = {name: part.with_attributes(a=part.latitudes.clip(0)) for name, part in parts.items()}
    grid = replace(SPACE.grid, parts=(GridPart("north", 24), GridPart("south", 24)))
    space = replace(SPACE, grid=grid, graph=Graph({**named, "mesh": SPACE.graph.nodes["mesh"]}, {}))
    np.testing.assert_allclose(NodeAttribute(space, name="a").factor()[0, :, 0], grid.latitudes.clip(0))


@pytest.mark.carries_out("write the name of an attribute or of a variable")
@pytest.mark.carries_out("name another attribute or variable")
def test_places_that_are_not_known_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"no variable 'urbn'.*no attribute of this name; did you mean 'urban'"):
        NodeAttribute(with_attribute(np.ones(48)), name="urbn")
    with pytest.raises(ConfigError, match="the nodes of the graph have no attributes"):
        NodeAttribute(SPACE, name="urban")
    with pytest.raises(ConfigError, match="one finite number for each node"):
        NodeAttribute(with_attribute(np.ones((48, 2))), name="urban")
    with pytest.raises(ConfigError, match="must be 0 or above, and one above 0, got -4699 to 1"):
        NodeAttribute(SPACE, name="orog", inverse=True)
    assert NodeAttribute(with_attribute(np.ones(48)), name="urban").factor().sum() == 48


@pytest.mark.parametrize("equal", [False, True])
@pytest.mark.parametrize("space", [SPACE, with_boundary()], ids=["globe", "region"])
def test_a_region_has_its_share_of_the_whole(space: LossSpace, equal: bool) -> None:
    product = space.area * RegionShare(space, mask="lsm", share=0.8, equal=equal).factor()[0, :, 0]
    assert product[EAST].sum() / product.sum() == pytest.approx(0.8)
    np.testing.assert_allclose(product[~EAST], space.area[~EAST])
    inside = product[EAST & space.is_forecast]
    spread = inside.max() / inside.min()
    assert spread == pytest.approx(1.0) if equal else spread > 2


@pytest.mark.carries_out("name another mask")
def test_a_region_that_is_all_or_nothing_is_refused() -> None:
    space = with_attribute(np.arange(48) < 8)
    with pytest.raises(ConfigError, match="'urban' must part the forecast nodes, got 0 inside and 40 outside"):
        RegionShare(replace(space, is_forecast=np.arange(48) >= 8), mask="urban", share=0.5)
    assert RegionShare(space, mask="lsm", share=0.5).factor().shape == (1, 48, 1)


def test_a_mask_keeps_some_nodes_of_some_variables() -> None:
    np.testing.assert_array_equal(Mask(SPACE, field="lsm").factor()[0, :, 0], EAST)
    part = Mask(SPACE, field="lsm", keep="below", variables=["tp"]).factor()
    assert part.shape == (1, 48, 3)
    np.testing.assert_array_equal(part[0, :, 2], ~EAST)
    assert (part[..., :2] == 1).all()
    np.testing.assert_array_equal(Mask(SPACE, field="orog", threshold=1000.0).factor().ravel(), np.arange(48) >= 10)


@pytest.mark.carries_out("choose another threshold")
@pytest.mark.carries_out("write names of prognostic or diagnostic variables")
def test_a_mask_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(ConfigError, match="no forecast node is left where 'lsm' is above 2"):
        Mask(SPACE, field="lsm", threshold=2.0)
    with pytest.raises(ConfigError, match="forecasts no variable 'sst'"):
        Mask(SPACE, field="lsm", variables=["sst"])
    assert Mask(SPACE, field="lsm", threshold=0.5, variables=["tp"]).factor().any()


# Steps


def test_steps_are_averaged_with_their_weights() -> None:
    """Errors 1, 2, 3 with the weights 3, 2, 1: (3 + 4 + 3) / 6; of the first two steps alone (3 + 4) / 5."""
    truth = torch.zeros(1, 3, 48, 3)
    forecast = (truth + torch.tensor([1.0, 2.0, 3.0])[:, None, None])[:, None]
    loss = Absolute(SPACE, LossWeights((Steps(SPACE, weights=[3.0, 2.0, 1.0]).factor(),)))
    assert float(loss.value(loss(forecast, truth))) == pytest.approx(10 / 6)
    assert float(loss.value(loss(forecast[:, :, :2], truth[:, :2]))) == pytest.approx(7 / 5)


@pytest.mark.carries_out("write one for each step of the longest rollout")
@pytest.mark.carries_out("give a step a weight above 0")
def test_each_step_needs_a_weight() -> None:
    with pytest.raises(ConfigError, match="a number for each of the 3 steps, got 2"):
        Steps(SPACE, weights=[1.0, 2.0])
    with pytest.raises(ConfigError, match="all `weights` are 0"):
        Steps(SPACE, weights=[0.0, 0.0, 0.0])
    assert Steps(SPACE, weights=[0.0, 0.0, 1.0]).factor().shape == (3, 1, 1)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, np.exp([-1 / 3, -2 / 3, -1])),
        ({"factor": 3.0, "inverse": True}, 1 - np.exp([-1, -2, -3])),
        ({"kind": "linear", "factor": 0.6}, [0.8, 0.6, 0.4]),
        ({"kind": "linear", "factor": 0.6, "inverse": True}, [0.2, 0.4, 0.6]),
    ],
)
def test_weights_fall_or_rise_with_the_lead_time(options: dict[str, Any], expected: Any) -> None:
    np.testing.assert_allclose(LeadDecay(SPACE, **options).factor().ravel(), expected)


@pytest.mark.carries_out("choose a smaller `factor`")
def test_a_decay_below_zero_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"must be 0 or above, and one above 0, got -0\.5 of step 3"):
        LeadDecay(SPACE, kind="linear", factor=1.5)
    np.testing.assert_allclose(LeadDecay(SPACE, kind="linear", factor=1.0).factor().ravel(), [2 / 3, 1 / 3, 0])
