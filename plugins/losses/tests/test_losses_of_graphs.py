"""Scores of neighbourhoods beside sums over members and edges that are written out."""

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from wxml import Graph, LossWeights
from wxml.errors import ConfigError
from wxml.graphs.graph import EdgeSet
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml_losses.crps import kernel_crps
from wxml_losses.graph import loss as graph_loss
from wxml_losses.graph.edges import GraphEdgeCrps, GraphVariogram
from wxml_losses.graph.energy import GraphEdgeEnergy, GraphEnergy

REGION = tiny_region()
KINDS = {
    "energy": (GraphEnergy, {}),
    "energy, not fair": (GraphEnergy, {"fair": False}),
    "edge energy": (GraphEdgeEnergy, {}),
    "variogram": (GraphVariogram, {}),
    "variogram of roots": (GraphVariogram, {"p": 0.5, "fair": False}),
    "edge crps": (GraphEdgeCrps, {"fairness": 0.7}),
}


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def space(grid=REGION):
    return replace(tiny_loss_space(1), grid=grid, is_forecast=np.ones(len(grid), bool)).select(("t_850",))


def pair(members=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(2, members, 1, 20, 1)), rng.normal(size=(2, 1, 20, 1))


def value(loss, forecast, truth):
    return float(loss.value(loss(torch.from_numpy(forecast), torch.from_numpy(truth))))


def written_out(loss, members, truth) -> np.ndarray:
    """The score of each node of one field; NaN where it has none.

    Args:
        loss: of which the edges are taken.
        members: shape `[member, node]`.
        truth: shape `[node]`.
    """
    source, target = (index.numpy() for index in (loss.around.edges.source, loss.around.edges.target))
    weights, count = loss.around.weights.numpy()[:, 0], len(members)
    scores = np.full(len(truth), np.nan)
    for node in range(len(truth)):
        known = ~np.isnan(truth)
        into = np.flatnonzero((target == node) & known[source])
        if not known[node] or not len(into):
            continue
        w, j = weights[into], source[into]
        w = w / w.sum() if loss.around.normalised else w
        if isinstance(loss, GraphEnergy):
            scores[node] = _energy(members[:, j], truth[j], w, fair=loss.fair)
        elif isinstance(loss, GraphEdgeEnergy):
            scores[node] = _energy(members[:, j] - members[:, [node]], truth[j] - truth[node], w, fair=loss.fair)
        elif isinstance(loss, GraphVariogram):
            v, o = np.abs(members[:, j] - members[:, [node]]) ** loss.p, np.abs(truth[j] - truth[node]) ** loss.p
            pairs = sum(v[a] * v[b] for a, b in combinations(range(count), 2)) * 2 / max(1, count * (count - 1))
            is_fair = loss.fair and count > 1
            each = o**2 - 2 * o * v.mean(0) + pairs if is_fair else (v.mean(0) - o) ** 2
            scores[node] = w @ each
        else:
            d, o = members[:, j] - members[:, [node]], truth[j] - truth[node]
            apart = 0 if count == 1 else (count - 1 + loss.fairness) / (count**2 * (count - 1))
            spread = sum(np.abs(d[a] - d[b]) for a, b in combinations(range(count), 2)) if count > 1 else 0
            scores[node] = w @ (np.abs(d - o).mean(0) - apart * spread)
    return scores


def _energy(members, truth, weights, *, fair):
    count = len(members)
    apart = 0 if count == 1 else 1 / (count * (count - 1 if fair else count))
    pairs = sum(np.sqrt(weights @ (members[a] - members[b]) ** 2) for a, b in combinations(range(count), 2))
    return np.sqrt((members - truth) ** 2 @ weights).mean() - apart * pairs


@pytest.mark.parametrize("members", [1, 2, 4])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("name", KINDS)
def test_brute_force(name, normalised, missing, members):
    kind, options = KINDS[name]
    forecast, truth = pair(members)
    if missing:
        truth[0, 0, :8] = np.nan
        truth[1, 0, 3] = np.nan
    area = REGION.area_weights
    weights = LossWeights((area[None, :, None],))
    loss = kind(space(), weights, neighbours=3, normalised=normalised, **options)
    scores = np.array([written_out(loss, f[:, 0, :, 0], o[0, :, 0]) for f, o in zip(forecast, truth, strict=True)])
    expected = np.nansum(area * scores) / (area * ~np.isnan(scores)).sum()
    assert value(loss, forecast, truth) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("name", KINDS)
def test_some_columns_after_the_others_are_all_at_once(name, monkeypatch):
    kind, options = KINDS[name]
    forecast, truth = pair()
    loss = kind(space(), LossWeights(), **options)
    results = []
    for at_once in (1, 2**24):
        monkeypatch.setattr(graph_loss, "AT_ONCE", at_once)
        made = torch.from_numpy(forecast).requires_grad_()
        total = loss.value(loss(made, torch.from_numpy(truth)))
        results.append((float(total.detach()), torch.autograd.grad(total, made)[0]))
    assert results[0][0] == pytest.approx(results[1][0], rel=1e-13)
    assert torch.allclose(results[0][1], results[1][1], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", KINDS)
def test_gradients_are_finite_where_members_and_truth_are_equal(name):
    kind, options = KINDS[name]
    _, truth = pair()
    made = torch.from_numpy(np.repeat(truth[:, None], 3, axis=1)).requires_grad_()
    loss = kind(space(), LossWeights(), **options)
    total = loss.value(loss(made, torch.from_numpy(truth)))
    assert float(total.detach()) == pytest.approx(0, abs=1e-12)
    assert torch.autograd.grad(total, made)[0].isfinite().all()


@pytest.mark.parametrize("name", ["edge energy", "variogram", "edge crps"])
def test_edges_do_not_see_a_constant(name):
    kind, options = KINDS[name]
    forecast, truth = pair()
    loss = kind(space(), LossWeights(), **options)
    assert value(loss, forecast + 7, truth) == pytest.approx(value(loss, forecast, truth))


def test_without_neighbours_energy_is_the_crps():
    """The norm over a node alone is the absolute value."""
    forecast, truth = pair()
    whole = space()
    lonely = replace(whole, graph=Graph({"grid": whole.graph.nodes["grid"]}, {("grid", "grid"): _no_edges(whole)}))
    loss = GraphEnergy(replace(lonely, grid=whole.grid), LossWeights(), neighbours=None)
    crps = kernel_crps(torch.from_numpy(forecast), torch.from_numpy(truth), 1.0).mean()
    assert value(loss, forecast, truth) == pytest.approx(float(crps))


def _no_edges(whole):
    nodes = whole.graph.nodes["grid"]
    return EdgeSet.between(nodes, nodes, np.zeros(0, int), np.zeros(0, int))


def _with_edges(whole, source, target):
    nodes = type(whole.graph.nodes["grid"])(whole.grid.latitudes, whole.grid.longitudes)
    return replace(
        whole, graph=Graph({"grid": nodes}, {("grid", "grid"): EdgeSet.between(nodes, nodes, source, target)})
    )


def test_edges_of_the_graph_are_taken_without_those_of_a_node_to_itself():
    whole = _with_edges(space(), np.array([0, 1, 2, 2]), np.array([0, 0, 1, 2]))
    around = GraphVariogram(whole, LossWeights(), neighbours=None).around
    assert (around.edges.source.tolist(), around.edges.target.tolist()) == ([1, 2], [0, 1])
    with_itself = GraphEnergy(whole, LossWeights(), neighbours=None).around
    assert len(with_itself.edges.source) == 20 + 2


def test_a_node_without_neighbours_counts_nothing():
    whole = _with_edges(space(), np.array([1, 2]), np.array([0, 1]))
    forecast, truth = pair()
    loss = GraphEdgeCrps(whole, LossWeights(), neighbours=None)
    assert float(loss(torch.from_numpy(forecast), torch.from_numpy(truth)).weight) == 2 * 2


def test_memory_does_not_grow_with_the_pairs_of_members():
    """What the backward pass keeps is the fields of the members: nothing on edges, and nothing for each pair."""
    kept = []
    loss = GraphEnergy(space(), LossWeights())
    forecast, truth = (torch.from_numpy(each) for each in pair(16))
    with torch.autograd.graph.saved_tensors_hooks(lambda t: (kept.append(t.numel()), t)[1], lambda t: t):
        loss(forecast.requires_grad_(), truth)
    assert sum(kept) <= 4 * forecast.numel()


@pytest.mark.carries_out("write the number of `neighbours`, or choose a graph builder that builds these edges")
def test_a_graph_without_edges_of_the_grid_is_refused():
    with pytest.raises(ConfigError, match="the graph has no edges grid → grid"):
        GraphEnergy(space(), LossWeights(), neighbours=None)
    GraphEnergy(space(), LossWeights(), neighbours=4)


@pytest.mark.carries_out("write a smaller number of `neighbours`")
def test_more_neighbours_than_nodes_are_refused():
    with pytest.raises(ConfigError, match="a node of 20 has fewer others, got 20"):
        GraphEnergy(space(), LossWeights(), neighbours=20)
    GraphEnergy(space(), LossWeights(), neighbours=19)
