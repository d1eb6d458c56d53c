"""The numbers of anemoi-training 0.17.1, written down by `peer-tests/record_losses_of_structure.py`.

The peer adds up where we average: over nodes, over steps, and over waves.
"""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix, save_npz
from wxml import Grid, LossSpace, LossWeights, PluginChoice
from wxml.graphs.graph import EdgeSet
from wxml.testing.tiny_graphs import tiny_region
from wxml.testing.tiny_loss_space import tiny_loss_space
from wxml_losses.graph.edges import GraphEdgeCrps, GraphVariogram
from wxml_losses.graph.energy import GraphEdgeEnergy, GraphEnergy
from wxml_losses.multi_scale import MultiScale
from wxml_losses.spectral.ensemble import SpectralCrps
from wxml_losses.spectral.power import AdjustedSquared, LogSpectral, SpectralCorrelation, adjusted_squared_error
from wxml_losses.time_aggregate import TimeAggregate

ANSWERS = json.loads(Path(__file__).with_name("answers_of_structure.json").read_text())
NODES, WAVES = 20, 20
OCTAHEDRAL = Grid.octahedral(8)


@pytest.fixture(autouse=True)
def double_precision():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def fields(phase: float, *shape: int) -> torch.Tensor:
    count = int(np.prod(shape))
    return torch.from_numpy(np.sin(phase + 1.7 * np.arange(count) ** 1.3).reshape(shape))


def pair(steps: int, members: int, nodes: int = NODES) -> tuple[torch.Tensor, torch.Tensor]:
    return fields(0.0, 2, members, steps, nodes, 2), fields(1.0, 2, steps, nodes, 2)


def space(grid: Grid, steps: int = 2) -> LossSpace:
    """Two variables on a grid, with edges along which the peer was asked."""
    whole = tiny_loss_space(steps)
    nodes = whole.graph.nodes["grid"]
    one = type(nodes)(grid.latitudes, grid.longitudes)
    node = np.arange(len(grid))
    source = np.concatenate([(node + step) % len(grid) for step in (0, 1, 5, 7)])
    edges = {("grid", "grid"): EdgeSet.between(one, one, source, np.tile(node, 4))}
    graph = type(whole.graph)({"grid": one}, edges)
    known = np.ones(len(grid), bool)
    return replace(whole, grid=grid, graph=graph, is_forecast=known).select(("t_850", "t_250"))


def value(kind, steps=2, members=1, grid=None, **options) -> float:
    loss = kind(space(grid or tiny_region(), steps), LossWeights(), **options)
    return float(loss.value(loss(*pair(steps, members, len(grid or tiny_region())))))


def spherical():
    return AdjustedSquared(space(OCTAHEDRAL), LossWeights(), truncation=7).transform


def test_spherical_harmonics():
    """The peer's are 4π times ours, for m ≥ 0 alone."""
    transform = spherical()
    theirs = np.array(ANSWERS["coefficients"]).reshape(8, 8, 2) / (4 * np.pi)
    degrees, orders = np.tril_indices(8)
    expected = theirs[degrees, orders] * np.where(orders > 0, np.sqrt(2), 1)[:, None]
    found = transform(pair(1, 1, len(OCTAHEDRAL))[0][0, 0, 0, :, 0]).numpy()
    both = np.stack([np.ones(len(orders), bool), orders > 0], axis=1)
    assert found == pytest.approx(expected[both], abs=1e-9)


def theirs_of_power() -> list[torch.Tensor]:
    """S_f, S_o and C as the peer reckons them: waves m > 0 count once, as if there were none −m."""
    transform = spherical()
    forecast, truth = pair(2, 1, len(OCTAHEDRAL))
    f, o = (transform(each.movedim(-2, -1).contiguous()) for each in (forecast[:, 0], truth))
    once = (
        torch.repeat_interleave(
            torch.from_numpy(1 / transform.waves.coefficients), torch.from_numpy(transform.waves.coefficients)
        )
        * (4 * np.pi) ** 2
    )
    return [transform.by_wavenumber(product * once) for product in (f * f, o * o, f * o)]


def test_amse():
    """Σ over wavenumbers and steps, the mean over variables and samples; of the peer's power."""
    found = adjusted_squared_error(*theirs_of_power()).sum((1, 3)).mean()
    assert float(found) == pytest.approx(ANSWERS["amse"][0], rel=1e-6)


def test_spectrum():
    forecast, truth, _ = theirs_of_power()
    assert float((forecast - truth).square().sum((1, 3)).mean()) == pytest.approx(ANSWERS["spectrum"][0], rel=1e-6)


def test_log_spectral():
    """The peer takes the root of the sum over waves and steps."""
    found = value(LogSpectral, transform="fft2d", per="wave", floor=1e-24)
    assert np.sqrt(2 * WAVES * found) == pytest.approx(ANSWERS["log-spectral"][0], rel=1e-6)


def test_spectral_correlation():
    found = value(SpectralCorrelation, transform="fft2d", floor=1e-24)
    assert 2 * WAVES * found == pytest.approx(ANSWERS["spectral-correlation"][0], rel=1e-6)


def test_spectral_crps():
    """The peer's transform has no factor 1 / K; we have √K, and the mean over waves."""
    found = value(SpectralCrps, members=3, transform="fft2d", of="moduli", fairness=0.9)
    assert 2 * WAVES * WAVES**0.5 * found == pytest.approx(ANSWERS["spectral-crps"][0], rel=1e-6)


def test_multi_scale(tmp_path):
    paths = []
    for reach in (4, 1):
        rows = np.repeat(np.arange(NODES), 2)
        columns = np.stack([np.arange(NODES), (np.arange(NODES) + reach) % NODES], axis=1).ravel()
        paths.append(tmp_path / f"{reach}.npz")
        save_npz(paths[-1], csr_matrix((np.full(2 * NODES, 0.5), (rows, columns))))
    found = value(MultiScale, scales=paths, scale_weights=[1.0, 0.5, 2.0], loss=PluginChoice(plugin="squared"))
    assert 2 * NODES * found == pytest.approx(ANSWERS["multi-scale"][0], rel=1e-6)


@pytest.mark.parametrize(("name", "steps"), [("diff", 2), ("mean", 1), ("min", 1), ("max", 1)])
def test_time_aggregate(name, steps):
    found = value(TimeAggregate, steps=3, aggregates=[name])
    assert steps * NODES * found == pytest.approx(ANSWERS[name][0], rel=1e-6)


@pytest.mark.parametrize(
    ("name", "kind", "options"),
    [
        ("graph-energy fair", GraphEnergy, {}),
        ("graph-energy", GraphEnergy, {"fair": False, "normalised": False}),
        ("graph-edge-energy", GraphEdgeEnergy, {}),
        ("graph-variogram fair", GraphVariogram, {}),
        ("graph-variogram", GraphVariogram, {"fair": False, "p": 0.5}),
        ("graph-edge-crps", GraphEdgeCrps, {"fairness": 0.95}),
    ],
)
def test_graph_losses(name, kind, options):
    found = value(kind, members=3, neighbours=None, **options)
    assert 2 * NODES * found == pytest.approx(ANSWERS[name][0], rel=1e-6)
