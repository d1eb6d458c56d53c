"""What increments are added to, and the interpolation that truncates it, against sums done by hand."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from wxml import DataError, EdgeSet, NodeSet, Route
from wxml.model.residual import Interpolation, NoResidual, Persistence, TruncatedState
from wxml.testing import tiny_graph, tiny_grid

COUNT = 12
RING = NodeSet(np.zeros(COUNT), np.arange(COUNT) * 30.0)
COARSE = NodeSet(np.zeros(COUNT // 2), np.arange(COUNT // 2) * 60.0)  # on every second node of the ring


def ring_routes() -> tuple[Route, Route]:
    """Each coarse node reads the ring's node under it and the two beside; back up, each node reads the nearest ones."""
    coarse = np.repeat(np.arange(COUNT // 2), 3)
    fine = (2 * coarse + np.tile([-1, 0, 1], COUNT // 2)) % COUNT
    down = EdgeSet.between(RING, COARSE, fine, coarse)
    return Route(RING, COARSE, down), Route(COARSE, RING, EdgeSet.between(COARSE, RING, coarse, fine))


def states(values: np.ndarray) -> torch.Tensor:
    """One earlier state of zeros and one last state, `[1, 2, node, 1]`."""
    last = torch.tensor(values, dtype=torch.float32)[None, None, :, None]
    return torch.cat([torch.zeros_like(last), last], dim=1)


def test_weights_are_gaussian_in_median_lengths_and_sum_to_one() -> None:
    """Distances 10°, 20°, 40°; the median is 20°, so σ is 10° at a width of one half."""
    source, target = NodeSet(np.zeros(3), np.array([10.0, -20.0, 40.0])), NodeSet(np.zeros(1), np.zeros(1))
    route = Route(source, target, EdgeSet.between(source, target, [0, 1, 2], [0, 0, 0]))
    weights = np.exp([-0.5, -2.0, -8.0])
    values = torch.tensor([[1.0], [10.0], [100.0]])[None]
    expected = (weights * [1, 10, 100]).sum() / weights.sum()
    assert Interpolation(route, 0.5)(values).item() == pytest.approx(expected, rel=1e-6)


def test_a_source_that_is_far_away_counts_where_it_is_the_only_one() -> None:
    """At the smallest width every weight underflows; the nearest source is what is left."""
    source, target = NodeSet(np.zeros(2), np.array([50.0, 70.0])), NodeSet(np.zeros(1), np.zeros(1))
    route = Route(source, target, EdgeSet.between(source, target, [0, 1], [0, 0]))
    assert Interpolation(route, 1e-3)(torch.tensor([[[3.0], [4.0]]])).item() == 3


def test_absent_sources_weigh_nothing() -> None:
    down, _ = ring_routes()
    present = np.ones(COUNT, bool)
    present[[11, 0]] = False  # two of the three that coarse node 0 reads
    present[[3, 4, 5]] = False  # all that coarse node 2 reads
    interpolation = Interpolation(down, 1.0, present)
    values = interpolation(torch.arange(12.0)[None, :, None])[0, :, 0]
    assert values[0].item() == pytest.approx(1)
    assert values[2].item() == 0
    assert interpolation.is_reached.tolist() == [True, True, False, True, True, True]


def test_a_ring_truncated_by_hand() -> None:
    """w = e^(−1/2) for the neighbours, whose distance is the median one; σ is that distance."""
    values = np.random.default_rng(0).normal(size=COUNT)
    w = np.exp(-0.5)
    coarse = (values[::2] + w * (np.roll(values, 1)[::2] + np.roll(values, -1)[::2])) / (1 + 2 * w)
    expected = np.empty(COUNT)
    expected[::2] = coarse
    expected[1::2] = (coarse + np.roll(coarse, -1)) / 2
    found = TruncatedState(*ring_routes(), width=1.0, diagnostics=0)(states(values))
    assert found.shape == (1, 1, COUNT, 1)
    np.testing.assert_allclose(found[0, 0, :, 0], expected, atol=1e-6)


def test_a_wave_of_the_grid_is_damped_and_a_long_one_is_kept() -> None:
    """cos(kλ) on the ring: long waves keep their amplitude, the shortest (two nodes long) a tenth of it."""
    truncated = TruncatedState(*ring_routes(), width=1.0, diagnostics=0)
    angle = np.radians(RING.longitudes)
    kept = {}
    for number in (1, 3, 6):
        wave = np.cos(number * angle)
        kept[number] = float(truncated(states(wave)).abs().max()) / np.abs(wave).max()
    w = np.exp(-0.5)
    assert kept[1] == pytest.approx((1 + 2 * w * np.cos(np.radians(30))) / (1 + 2 * w), rel=1e-5)
    assert kept[3] == pytest.approx(1 / (1 + 2 * w), rel=1e-5)
    assert kept[6] == pytest.approx((2 * w - 1) / (1 + 2 * w), rel=1e-4)


@settings(deadline=None)
@given(st.floats(0.05, 20), st.floats(-300, 300))
def test_constants_stay_and_the_truncation_is_linear(width: float, constant: float) -> None:
    graph = tiny_graph(tiny_grid())
    truncated = TruncatedState(graph.route("grid", "mesh"), graph.route("mesh", "grid"), width, diagnostics=0)
    field = np.random.default_rng(1).normal(size=48)
    np.testing.assert_allclose(truncated(states(np.full(48, constant))).flatten(), constant, rtol=1e-5, atol=1e-6)
    moved = truncated(states(2 * field + constant))
    torch.testing.assert_close(moved, 2 * truncated(states(field)) + constant, rtol=1e-4, atol=1e-3)


def test_gradients_reach_the_state_and_nothing_is_learned() -> None:
    truncated = TruncatedState(*ring_routes(), width=1.0, diagnostics=0)
    given_states = states(np.zeros(COUNT)).requires_grad_()
    truncated(given_states)[0, 0, 3].backward()
    assert given_states.grad[0, 1].sum().item() == pytest.approx(1)  # weights of a mean of means
    assert not given_states.grad[0, 0].any()
    assert truncated.state_dict() == {}


def narrow_and_wide() -> tuple[Route, Route, Route]:
    """Coarse node 2 lost its edges from the ring; back up, its neighbours read it alone, or another one as well."""
    down, up = ring_routes()
    some = down.edges.target != 2
    cut = Route(RING, COARSE, EdgeSet.between(RING, COARSE, down.edges.source[some], down.edges.target[some]))
    more = np.arange(6)  # every coarse node is also read two nodes further on
    source, target = np.r_[up.edges.source, more], np.r_[up.edges.target, (2 * more + 2) % COUNT]
    return cut, up, Route(COARSE, RING, EdgeSet.between(COARSE, RING, source, target))


@pytest.mark.carries_out(
    "give the graph's encoder and decoder more neighbours, or choose `model.residual: persistence`"
)
def test_a_grid_node_without_a_value_is_refused_until_it_has_more_neighbours() -> None:
    cut, up, wide = narrow_and_wide()
    down, _ = ring_routes()
    with pytest.raises(DataError, match="leaves 1 of 12 grid nodes without a value"):
        TruncatedState(cut, up, 1.0, 0)
    sevens = states(np.full(COUNT, 7.0))
    for residual in (TruncatedState(cut, wide, 1.0, 0), TruncatedState(down, up, 1.0, 0), Persistence(0)):
        np.testing.assert_allclose(residual(sevens).flatten(), 7, rtol=1e-6)


def test_diagnostic_variables_have_no_last_state() -> None:
    values = torch.arange(24.0).view(1, 2, 12, 1)
    last = Persistence(2)(values)
    assert last.shape == (1, 1, 12, 3)
    assert torch.equal(last[0, 0, :, 0], values[0, 1, :, 0])
    assert not last[..., 1:].any()
    truncated = TruncatedState(*ring_routes(), width=1.0, diagnostics=2)(values)
    assert truncated.shape == (1, 1, 12, 3)
    assert truncated[..., 0].any()
    assert not truncated[..., 1:].any()
    assert not NoResidual()(values).any()
