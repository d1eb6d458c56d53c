"""The contract of mappers: a good one passes, each broken one is found out."""

import pytest
import torch
from torch import nn
from wxml.model.mapper import MapperChannels
from wxml.testing import MapperContract, tiny_graph, tiny_grid
from wxml.testing.tiny_mapper import MeanMapper


class TestGoodMapper(MapperContract):
    plugin = MeanMapper
    generates_code = False  # some ten seconds: the contract of processors shows it


def test_the_good_mapper_takes_the_mean_of_what_reaches_a_node() -> None:
    """Written out for each node; source and target leave the first layer as they are."""
    route = tiny_graph(tiny_grid(4, 6), mesh_nodes=10).route("grid", "mesh")
    mapper = MeanMapper(route, MapperChannels(3, 3, 3, 3))
    with torch.no_grad():
        for layer in (mapper.source, mapper.target, mapper.out):
            layer.weight.copy_(torch.eye(3))
            layer.bias.zero_()
    source, target = torch.randn(2, 24, 3), torch.randn(2, 10, 3)
    updated, mapped = mapper(source, target)
    assert torch.equal(updated, source)
    for node in range(10):
        reached = torch.from_numpy(route.edges.source[route.edges.target == node])
        expected = torch.tanh(source[:, reached].mean(1) + target[:, node])
        torch.testing.assert_close(mapped[:, node], expected)


class RawSource(MeanMapper):
    """Leaves the source as it is, and says so."""

    @property
    def source_out(self) -> int:
        return self.channels.source

    def forward(self, source, target):
        return source, super().forward(source, target)[1]


class TestWithARawSource(MapperContract):
    plugin = RawSource
    generates_code = False  # as above


class OnlyMapped(MeanMapper):
    def forward(self, source, target):
        return super().forward(source, target)[1]


class Liar(MeanMapper):
    @property
    def source_out(self) -> int:
        return 3


class HiddenOnly(MeanMapper):
    def __init__(self, route, channels) -> None:
        super().__init__(route, channels)
        if channels.decode and channels.target != channels.hidden:
            raise ValueError("cannot decode")


class IdleInDecoder(MeanMapper):
    """Updates the source of a decoder, which nobody reads."""

    def __init__(self, route, channels) -> None:
        super().__init__(route, channels)
        self.update = nn.Linear(channels.hidden, channels.hidden)

    def forward(self, source, target):
        source, mapped = super().forward(source, target)
        return self.update(source), mapped


class ChangesTarget(MeanMapper):
    def forward(self, source, target):
        target *= 2
        return super().forward(source, target)


class MeanOfBatch(MeanMapper):
    def forward(self, source, target):
        return super().forward(source + source.mean(0), target)


@pytest.mark.parametrize(
    ("plugin", "check", "message"),
    [
        (OnlyMapped, "shapes_and_dtype", "encoder: outputs must have shapes"),
        (Liar, "source_out_is_the_width_of_the_updated_source", "`source_out` is 3, the updated source has 64"),
        (HiddenOnly, "shapes_and_dtype", "cannot decode"),
        (IdleInDecoder, "gradients_reach_every_parameter", "^decoder: no gradient reaches update.weight, update.bias"),
        (ChangesTarget, "inputs_are_not_modified", "encoder: forward changed its input in place"),
        (IdleInDecoder, "two_processes_share_a_batch", "no gradient reaches update.weight, update.bias, for which"),
        (MeanOfBatch, "two_processes_share_a_batch", "encoder: on rank 0 of two, the gradient of .* is off by"),
        (MeanOfBatch, "batch_items_do_not_mix", "encoder: an item of the batch depends on the others"),
    ],
)
def test_a_broken_mapper_is_found_out(find_out, plugin, check, message) -> None:
    find_out(MapperContract, plugin, check, message)


def test_a_mapper_for_one_direction_may_say_so() -> None:
    contract = type("EncoderOnly", (MapperContract,), {"plugin": HiddenOnly, "directions": ("encoder",)})
    contract().test_shapes_and_dtype()
