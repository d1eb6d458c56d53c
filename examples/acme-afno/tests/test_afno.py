"""What every processor must do, and what this one does in closed form."""

import math
from collections.abc import Mapping

import pytest
import torch
from acme_afno.maps import over_the_poles
from acme_afno.mixing import WaveMixing, shrunk
from acme_afno.processor import Afno
from torch import Tensor, nn
from wxml import DataError, Graph, ProcessorChannels, create
from wxml.testing import ProcessorContract, tiny_graph, tiny_grid

ROWS, COLUMNS = 4, 8


def graph(**options: object) -> Graph:
    """A graph of a mesh of latitudes and longitudes."""
    built: Graph = create("graph-builder", "lat-lon", {"latitudes": ROWS, **options}).build(tiny_grid())
    return built


class TestAfno(ProcessorContract):
    """The contract of a processor, on the meshes that it takes."""

    plugin = Afno
    options = {"num_layers": 2}

    def graphs(self) -> Mapping[str, Graph]:
        return {"gaussian": graph(), "equiangular": graph(spacing="equiangular", longitudes=6)}


def stirred(module: nn.Module) -> nn.Module:
    """With other weights than those of the beginning, of which some are zero."""
    with torch.no_grad():
        for weight in module.parameters():
            weight.add_(0.1 * torch.randn_like(weight))
    return module


def unmixing(sparsity: float = 0.0) -> WaveMixing:
    """A mixing whose matrices are the unit matrix."""
    mixing = WaveMixing(4, 2, sparsity)
    with torch.no_grad():
        for weights in (mixing.first, mixing.second):
            weights.copy_(torch.stack([torch.eye(2), torch.zeros(2, 2)], dim=-1).expand_as(weights))
    return mixing


def test_a_walk_over_the_pole_goes_on_at_the_opposite_meridian() -> None:
    rows = torch.tensor([[0.0, 1, 2, 3], [4, 5, 6, 7]])[None, :, :, None]
    expected = [[0, 1, 2, 3], [4, 5, 6, 7], [6, 7, 4, 5], [2, 3, 0, 1]]
    assert over_the_poles(rows)[0, :, :, 0].tolist() == expected


def test_what_is_taken_apart_and_not_mixed_comes_together_again() -> None:
    values = torch.randn(2, ROWS, COLUMNS, 4)
    torch.testing.assert_close(unmixing()(values), values)


@pytest.mark.parametrize("share", [0.25, 0.5, 1])
def test_a_wave_loses_as_much_as_the_threshold_says(share: float) -> None:
    """cos 2λ along every row is one pair of waves, (0, ±2), each of modulus √(nodes of the periodic map) / 2."""
    longitudes = 2 * math.pi * torch.arange(COLUMNS) / COLUMNS
    values = torch.cos(2 * longitudes)[None, None, :, None].expand(1, ROWS, COLUMNS, 4)
    modulus = (2 * ROWS * COLUMNS) ** 0.5 / 2
    torch.testing.assert_close(unmixing(share * modulus)(values), (1 - share) * values, atol=1e-6, rtol=0)


def test_waves_below_the_threshold_are_left_out() -> None:
    values = torch.randn(2, ROWS, COLUMNS, 4)
    assert not unmixing(sparsity=1e3)(values).any()


def test_a_modulus_shrinks_and_its_phase_stays() -> None:
    found = shrunk(torch.tensor([3 + 4j, -0.3 + 0.4j, 0j]), 1.0)
    torch.testing.assert_close(found, torch.tensor([0.8 * (3 + 4j), 0j, 0j]))


@pytest.mark.parametrize("columns", [1, 3, 4])
def test_it_turns_with_the_globe(columns: int) -> None:
    processor = stirred(Afno(graph().mesh(), ProcessorChannels(8), num_layers=2))
    state = torch.randn(2, ROWS * COLUMNS, 8)

    def turned(values: Tensor) -> Tensor:
        return values.unflatten(1, (ROWS, COLUMNS)).roll(columns, 2).flatten(1, 2)

    torch.testing.assert_close(processor(turned(state)), turned(processor(state)))


def test_north_is_like_south() -> None:
    processor = stirred(Afno(graph().mesh(), ProcessorChannels(8), num_layers=2))
    state = torch.randn(2, ROWS * COLUMNS, 8)

    def mirrored(values: Tensor) -> Tensor:
        return values.unflatten(1, (ROWS, COLUMNS)).flip(1).flatten(1, 2)

    torch.testing.assert_close(processor(mirrored(state)), mirrored(processor(state)))


def test_a_node_hears_of_every_other_in_one_layer() -> None:
    processor = Afno(graph().mesh(), ProcessorChannels(8), num_layers=1, sparsity=0)
    state = torch.randn(1, ROWS * COLUMNS, 8, requires_grad=True)
    (gradient,) = torch.autograd.grad(processor(state)[0, 0].sum(), state)
    assert gradient[0].abs().sum(-1).min() > 0


@pytest.mark.parametrize("mesh", [tiny_graph(tiny_grid()).mesh(), graph(longitudes=7).mesh()], ids=["spiral", "odd"])
def test_another_mesh_is_refused_with_the_one_to_write(mesh: object) -> None:
    with pytest.raises(DataError, match="needs a mesh of latitudes") as caught:
        Afno(mesh, ProcessorChannels(8))  # type: ignore[arg-type]
    assert caught.value.fix == "write `graph: {plugin: lat-lon}`"
    Afno(create("graph-builder", "lat-lon", {}).build(tiny_grid()).mesh(), ProcessorChannels(8))


def test_blocks_must_divide_the_channels() -> None:
    with pytest.raises(DataError, match="`blocks` must divide the 8 channels"):
        Afno(graph().mesh(), ProcessorChannels(8), blocks=3)
