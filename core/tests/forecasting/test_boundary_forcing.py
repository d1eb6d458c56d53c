"""The boundary of a limited area: what is given at it, the zone inside it, and forecasts that read it."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from wxml import ConfigError, DataError, Grid
from wxml.config.model_schema import BoundaryConfig, RelaxationConfig
from wxml.experiment.assembling import assemble, check_boundary
from wxml.experiment.parts import Experiment
from wxml.forecasting.boundary import BoundaryForcing
from wxml.forecasting.rollout import rollout
from wxml.graphs.graph import Graph
from wxml.graphs.relaxation import given_shares
from wxml.model.boundary import with_given
from wxml.plugins.options.choices import PluginChoice
from wxml.testing import TravellingWaves, tiny_graph
from wxml.testing.tiny_graphs import wider_region

SIX_HOURS = np.timedelta64(6 * 3600, "s")
WEST = np.arange(48) % 8 < 2


def marked(graph: Graph, boundary: np.ndarray) -> Graph:
    grid = graph.nodes["grid"].with_attributes(boundary=boundary)
    return Graph({**graph.nodes, "grid": grid}, graph.edges)


class Still(nn.Module):
    """Forecasts the last state, and keeps what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.read: list[Tensor] = []

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        self.read.append(states[:, -1].clone())
        return states[:, -1:]


def area(tiny, boundary: np.ndarray = WEST, **changes) -> Experiment:
    """An experiment whose boundary is given, with waves that travel east on 6 × 8 nodes."""
    experiment = assemble(tiny({"data.source": changes.pop("source", {"plugin": "waves"})}))
    config = experiment.config
    model = config.model.model_copy(update={"boundary": changes.pop("model", None)})
    inputs = config.forecast.inputs.model_copy(update={"boundary": changes.pop("inputs", None)})
    forecast = config.forecast.model_copy(update={"inputs": inputs})
    config = config.model_copy(update={"model": model, "forecast": forecast})
    return replace(experiment, config=config, graph=marked(experiment.graph, boundary))


@pytest.mark.parametrize("shape", ["cosine", "tanh"])
def test_shares_of_rows_by_hand(shape: str) -> None:
    """A frame of one row around 10 × 10 nodes, and a zone of two rows."""
    grid = wider_region()
    rows, columns = (np.minimum(index, 9 - index) for index in np.indices(grid.shape))
    depth = np.minimum(rows, columns).ravel()
    shares = given_shares(marked(tiny_graph(grid), depth == 0), grid, RelaxationConfig(nodes=2, shape=shape))
    inner = {"cosine": [0.75, 0.25], "tanh": [1 - np.tanh(2.5 / 3), 1 - np.tanh(5 / 3)]}[shape]
    np.testing.assert_allclose(shares, np.array([1.0, *inner, 0.0, 0.0])[depth], rtol=1e-6)


def test_shares_of_kilometres_by_hand() -> None:
    """Nodes on the equator, one degree or 111.2 km apart: cos² of 0, 30, 60 and 90 degrees in a zone of three."""
    grid = Grid.unstructured(np.zeros(7), np.arange(7.0))
    graph = marked(tiny_graph(grid, 4, 2), np.arange(7) == 0)
    width = 3 * 6371.0 * np.radians(1.0)
    shares = given_shares(graph, grid, RelaxationConfig(km=width))
    np.testing.assert_allclose(shares, [1, 0.75, 0.25, 0, 0, 0, 0], atol=1e-6)


@pytest.mark.carries_out("write the width in `km`")
def test_a_grid_without_rows_has_no_zone_of_rows() -> None:
    grid = Grid.unstructured(np.zeros(7), np.arange(7.0))
    graph = marked(tiny_graph(grid, 4, 2), np.arange(7) == 0)
    with pytest.raises(ConfigError, match="the grid has no rows of nodes"):
        given_shares(graph, grid, RelaxationConfig(nodes=2))
    assert (given_shares(graph, grid, RelaxationConfig(km=300)) > 0).sum() == 3


@pytest.mark.carries_out("write one of the two, such as relaxation: {nodes: 4}")
@pytest.mark.parametrize("written", [{}, {"nodes": 2, "km": 100}])
def test_a_zone_has_one_width(written: dict) -> None:
    with pytest.raises(ValueError, match="`relaxation` has a width in `nodes` or in `km`"):
        RelaxationConfig.model_validate(written)
    assert RelaxationConfig.model_validate({"nodes": 4}).nodes == 4


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_the_blend_is_that_of_davies(seed: int) -> None:
    """Beside a loop in float64; where the share is 1 or nothing is given, to the bit."""
    random = np.random.default_rng(seed)
    forecast, there = random.normal(size=(2, 3, 5, 2)).astype("f4")
    share = random.choice([0.0, 0.25, 1.0, random.random()], 5).astype("f4")
    there[random.random(there.shape) < 0.3] = np.nan
    found = with_given(*map(torch.from_numpy, (forecast, there, share))).numpy()
    for item, node, variable in np.ndindex(found.shape):
        f, b, a = forecast[item, node, variable], there[item, node, variable], share[node]
        if np.isnan(b) or a in (0, 1):
            assert found[item, node, variable] == (f if np.isnan(b) or a == 0 else b)
        else:
            assert found[item, node, variable] == pytest.approx((1 - float(a)) * f + float(a) * b, abs=1e-6)


def test_no_gradient_flows_to_what_is_replaced_and_a_spread_stays() -> None:
    forecast = torch.full((1, 3, 2), 2.0, requires_grad=True)
    there = torch.tensor([1.0, torch.nan, 5.0]).view(1, 3, 1)
    found = with_given(forecast, there, torch.tensor([1.0, 1.0, 0.25]))
    torch.testing.assert_close(found[0], torch.tensor([[1.0, 2.0], [2.0, 2.0], [2.75, 2.0]]))
    found[..., 0].sum().backward()
    assert forecast.grad is not None
    assert forecast.grad[0, :, 0].tolist() == [0.0, 1.0, 0.75]


def test_a_forecast_reads_at_its_boundary_what_is_given(tiny) -> None:
    """The rest is persistence; the boundary is the wave of each valid time, in the output and in what is read next."""
    experiment, waves, model = area(tiny, model=BoundaryConfig()), TravellingWaves(), Still()
    times = waves.header.times[[4, 9]]
    for lead_time, fields in rollout(experiment, model, times, 3):
        start = fields.valid_time - lead_time - waves.header.times[0]
        hours = {place: (start + lead_time * place) / np.timedelta64(1, "h") for place in (0, 1)}
        for name in ("t", "q"):
            expected = np.where(WEST, waves.wave(name, hours[1], 0), waves.wave(name, hours[0], 0))
            np.testing.assert_allclose(fields[name][0], expected, rtol=2e-6)
    space = experiment.preprocessing
    for step, read in enumerate(model.read[:: len(times)]):  # each of the two forecasts is a call of its own
        physical = space.inverse(read.transpose(1, 2).numpy(), ("t", "q"))
        np.testing.assert_allclose(physical[0, 0, WEST], waves.wave("t", 6.0 * (4 + step), 0)[WEST], rtol=2e-6)


def test_without_a_boundary_in_the_config_nothing_is_given(tiny) -> None:
    assert BoundaryForcing.of(area(tiny)) is None
    model = Still()
    list(rollout(area(tiny), model, TravellingWaves().header.times[[4]], 3))
    assert torch.equal(model.read[0], model.read[2])


def forcing(experiment: Experiment) -> BoundaryForcing:
    found = BoundaryForcing.of(experiment)
    assert found is not None
    return found


@pytest.mark.carries_out("write a source that has them in `forecast.inputs.boundary`, or choose a shorter lead time")
def test_missing_times_are_named_before_the_first_step(tiny) -> None:
    experiment, model = area(tiny, model=BoundaryConfig()), Still()
    times = experiment.source.header.times[[-2]]
    with pytest.raises(DataError, match="at 3 times, and its source has no data for 2000-01-21T00, 2000-01-21T06"):
        next(rollout(experiment, model, times, 3))
    assert not model.read
    longer = PluginChoice.model_validate({"plugin": "waves", "days": 30})
    assert len(list(rollout(area(tiny, inputs=longer), model, times, 3))) == 3
    assert len(list(rollout(experiment, model, times, 1))) == 1


@pytest.mark.carries_out("write a source that reaches over the whole boundary in `forecast.inputs.boundary`")
@pytest.mark.parametrize("ahead", [2**26, 0])
def test_a_boundary_without_a_value_is_named(tiny, monkeypatch, ahead: int) -> None:
    """`gap` lacks t on nodes 5 and 6 at the fourth time: it is found before the first step, or at its own."""
    monkeypatch.setattr("wxml.forecasting.boundary.AHEAD", ahead)
    gap, whole = (PluginChoice(plugin=name) for name in ("gap", "waves"))
    boundary, times = np.arange(48) == 5, TravellingWaves().header.times[[1]]
    steps = rollout(area(tiny, boundary, inputs=gap), Still(), times, 3)
    made = 0 if ahead else 1
    assert len([next(steps) for _ in range(made)]) == made
    with pytest.raises(DataError, match="'t' of the boundary is missing at 2000-01-01T18 on 1 of 1 nodes"):
        next(steps)
    early = rollout(area(tiny, boundary, inputs=gap), Still(), times, 2)
    with pytest.raises(DataError, match="2000-01-01T18 on 1 of 1 nodes"):
        next(early)
    assert len(list(rollout(area(tiny, boundary, inputs=whole), Still(), times, 3))) == 3


@pytest.mark.carries_out(
    "leave `forecast.inputs.boundary` out, or train with a boundary, such as graph.boundary.nodes=2"
)
def test_a_boundary_that_the_graph_lacks_is_refused(tiny) -> None:
    with pytest.raises(DataError, match="and the graph of the model has none"):
        BoundaryForcing.of(area(tiny, WEST & False, inputs=PluginChoice(plugin="waves")))
    assert BoundaryForcing.of(area(tiny, WEST & False)) is None
    assert BoundaryForcing.of(area(tiny, inputs=PluginChoice(plugin="waves"))) is not None


@pytest.mark.carries_out("write a source of one member, or of as many, in `forecast.inputs.boundary`")
def test_members_of_the_boundary(tiny) -> None:
    times = TravellingWaves().header.times[[4]]
    for members in (1, 3):
        choice = PluginChoice.model_validate({"plugin": "waves", "members": members})
        experiment = area(tiny, source={"plugin": "waves", "members": 3}, inputs=choice)
        waves = TravellingWaves(members=3)
        for lead_time, fields in rollout(experiment, Still(), times, 2):
            for member in range(3):
                expected = waves.wave("t", 24 + lead_time / np.timedelta64(1, "h"), member if members == 3 else 0)
                np.testing.assert_allclose(fields["t"][member, WEST], expected[WEST], rtol=2e-6)
    two = PluginChoice.model_validate({"plugin": "waves", "members": 2})
    with pytest.raises(DataError, match="the boundary has 2 members, and the initial states have 3"):
        BoundaryForcing.of(area(tiny, source={"plugin": "waves", "members": 3}, inputs=two))


def test_values_at_the_boundary_beyond_the_training_are_told(tiny, caplog) -> None:
    """Values in K that are said to be degC."""
    told = "of the boundary is beyond what the model was trained on"
    for inputs, is_told in (({"plugin": "waves"}, False), ({"plugin": "other-units", "t": "degC"}, True)):
        given = PluginChoice.model_validate(inputs)
        list(rollout(area(tiny, inputs=given), Still(), TravellingWaves().header.times[[4]], 2))
        assert (told in caplog.text) == is_told


def test_the_record_says_which_nodes_are_given(tiny) -> None:
    zone = BoundaryConfig(relaxation=RelaxationConfig(nodes=1, counts=False))
    experiment = area(tiny, np.arange(48) < 8, model=zone)
    record = forcing(experiment).record()
    assert (record["nodes"], record["relaxation"]) == ([[0, 7]], [[8, 15]])
    assert record["variables"] == ["t", "q"]
    np.testing.assert_array_equal(experiment.boundary, np.arange(48) < 16)
    counted = area(tiny, np.arange(48) < 8, model=BoundaryConfig(relaxation=RelaxationConfig(nodes=1)))
    np.testing.assert_array_equal(counted.boundary, np.arange(48) < 8)


@pytest.mark.carries_out("write a boundary into the graph, such as graph: {plugin: limited-area, boundary: {nodes: 2}}")
@pytest.mark.carries_out("write a smaller width")
def test_a_config_whose_boundary_leaves_nothing_or_is_none_is_refused(tiny) -> None:

    with pytest.raises(ConfigError, match="the boundary is to be given, and the graph has none"):
        assemble(tiny({"model.boundary": {}}))
    wide, narrow = (BoundaryConfig(relaxation=RelaxationConfig(nodes=nodes, counts=False)) for nodes in (9, 1))
    with pytest.raises(ConfigError, match="boundary and zone take up all nodes"):
        check_boundary(area(tiny, model=wide))
    check_boundary(area(tiny, model=narrow))
