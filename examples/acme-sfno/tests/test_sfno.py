"""What every processor must do, and what this one does in closed form."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from acme_sfno.harmonics import SphericalHarmonics
from acme_sfno.processor import HarmonicFilter, Sfno
from numpy.polynomial import legendre
from torch import Tensor
from wxml import DataError, Graph, ProcessorChannels, create
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid

ROWS, COLUMNS = 6, 12


def graph(**options: object) -> Graph:
    """A graph of a mesh of latitudes and longitudes."""
    built: Graph = create("graph-builder", "lat-lon", {"latitudes": ROWS, **options}).build(tiny_grid())
    return built


class TestSfno(ProcessorContract):
    """The contract of a processor, on the meshes that it takes."""

    plugin = Sfno
    options = {"num_layers": 2}

    def graphs(self) -> Mapping[str, Graph]:
        return {"gaussian": graph(), "equiangular": graph(spacing="equiangular", longitudes=5)}


@pytest.mark.parametrize("degree", range(ROWS))
def test_a_filter_turns_with_the_globe_about_any_axis(degree: int) -> None:
    """P_l(x · a) is the same hill seen from any axis a; the filter takes it to W_l times the same hill."""
    nodes = graph().nodes["mesh"]
    axes = nodes.axes
    assert axes is not None
    filtering = HarmonicFilter(SphericalHarmonics(*axes), 2)
    axis = np.random.default_rng(degree).normal(size=3)
    hill = legendre.Legendre.basis(degree)(nodes.points @ (axis / np.linalg.norm(axis)))
    values = torch.tensor(hill, dtype=torch.float32).reshape(1, ROWS, COLUMNS, 1) * torch.tensor([1.0, -2.0])
    torch.testing.assert_close(filtering(values), values @ filtering.weights[degree], atol=1e-5, rtol=0)


@pytest.mark.parametrize("columns", [1, 5, 6])
def test_it_turns_with_the_globe(columns: int) -> None:
    processor = Sfno(graph().mesh(), ProcessorChannels(8), num_layers=2)
    state = torch.randn(2, ROWS * COLUMNS, 8)

    def turned(values: Tensor) -> Tensor:
        return values.unflatten(1, (ROWS, COLUMNS)).roll(columns, 2).flatten(1, 2)

    torch.testing.assert_close(processor(turned(state)), turned(processor(state)), atol=1e-5, rtol=1e-5)


def test_waves_that_are_too_short_pass_beside_the_filter() -> None:
    """The filter of degree 0 knows the mean alone."""
    filtering = Sfno(graph().mesh(), ProcessorChannels(2), num_layers=1, degree=0).layers[0].filter
    assert isinstance(filtering, HarmonicFilter)
    values = torch.randn(1, ROWS, COLUMNS, 2)
    _, weights = legendre.leggauss(ROWS)
    mean = (values.mean(2) * torch.tensor(weights[::-1].copy() / 2, dtype=torch.float32)[:, None]).sum(1)
    expected = (mean @ filtering.weights[0]).expand(ROWS, COLUMNS, 2)
    torch.testing.assert_close(filtering(values)[0], expected)


def test_a_degree_that_the_mesh_has_not_is_refused() -> None:
    with pytest.raises(DataError, match="`degree` must be at most 5 on a mesh of 6 latitudes and 12 longitudes, got 6"):
        Sfno(graph().mesh(), ProcessorChannels(8), degree=6)
    Sfno(graph().mesh(), ProcessorChannels(8), degree=5)
    Sfno(graph(latitudes=7).mesh(), ProcessorChannels(8), degree=6)


def test_another_mesh_is_refused_with_the_one_to_write() -> None:
    with pytest.raises(DataError, match="needs a mesh of latitudes") as caught:
        Sfno(tiny_graph(tiny_grid()).mesh(), ProcessorChannels(8))
    assert caught.value.fix == "write `graph: {plugin: lat-lon}`"
    Sfno(create("graph-builder", "lat-lon", {}).build(tiny_grid()).mesh(), ProcessorChannels(8))
