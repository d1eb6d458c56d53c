"""Losses and weights give the numbers of anemoi-training 0.17.1, recorded by `peer-tests/record_losses.py`."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from wxml import Grid, Loss, LossWeight, LossWeights, resolve
from wxml.graphs.graph import Graph
from wxml.graphs.node_set import NodeSet
from wxml.plugins.load import load
from wxml.testing import tiny_loss_space
from wxml_losses.weights.region_share import RegionShare

RECORD = json.loads(Path(__file__).with_name("anemoi_losses.json").read_text(encoding="utf-8"))
GIVEN = {name: np.array(values) for name, values in RECORD["inputs"].items()}


@pytest.fixture
def _double() -> Iterator[None]:
    """Weights are kept in double precision."""
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def named(case: dict[str, Any]) -> str:
    return " ".join(map(str, (case["plugin"], *case["options"].values(), case.get("members", ""))))


@pytest.mark.usefixtures("_double")
@pytest.mark.parametrize("case", RECORD["losses"], ids=named)
def test_a_loss_is_that_of_the_peer(case: dict[str, Any]) -> None:
    """Value and derivative, with weights of nodes, variables and steps."""
    weights = LossWeights(
        (GIVEN["node"][None, :, None], GIVEN["step"][:, None, None]), (GIVEN["variable"][None, None],)
    )
    loss: Loss = load(resolve("loss", case["plugin"]))(tiny_loss_space(2), weights, **case["options"])
    members = slice(case["members"])
    forecast = torch.tensor(GIVEN["forecast"][:, members], requires_grad=True)
    value = loss.value(loss(forecast, torch.tensor(GIVEN["truth"])))
    (gradient,) = torch.autograd.grad(value, forecast)
    assert float(value.detach()) == pytest.approx(case["value"], rel=1e-7)
    derivative = float((gradient * torch.tensor(GIVEN["direction"][:, members])).sum())
    assert derivative == pytest.approx(case["derivative"], rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("case", RECORD["weights"], ids=named)
def test_a_weight_is_that_of_the_peer(case: dict[str, Any]) -> None:
    """The peer keeps weights in single precision, divides those of steps by their sum, as the loss of wxml does, and
    gives the first variable no factor of its tendency."""
    weight: LossWeight = load(resolve("loss-weight", case["plugin"]))(tiny_loss_space(), **case["options"])
    found, expected = weight.factor().ravel(), np.array(case["factors"])
    if case["plugin"] == "tendency":
        assert (found[0], expected[0]) == (4.0 ** case["options"]["power"], 1.0)
        found, expected = found[1:], expected[1:]
    if case["plugin"] == "lead-decay":
        found = found / found.sum()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_region_is_that_of_the_peer() -> None:
    """The product with the areas, where the nodes of the region count alike."""
    count = len(GIVEN["node"])
    space = tiny_loss_space()
    grid = Grid.unstructured(np.zeros(count), np.arange(float(count)), GIVEN["node"])
    nodes = NodeSet.of_grid(grid).with_attributes(region=np.arange(count) >= count - 2)
    space = replace(space, grid=grid, graph=Graph({"grid": nodes}, {}), is_forecast=np.ones(count, bool))
    factor = RegionShare(space, mask="region", share=0.8, equal=True).factor()[0, :, 0]
    np.testing.assert_allclose(space.area * factor, RECORD["region"], rtol=1e-6)
