"""The contract of mappers: a good one passes, each broken one is found out."""

import pytest
import torch
from torch import nn
from wxml.interfaces.mapper import Mapper
from wxml.model.edges import EdgeIndex, gather_sources, segment_sum
from wxml.testing import MapperContract


class Sum(Mapper):
    """A linear map of the target and of the sum of what reaches it; an encoder updates its source as well."""

    def __init__(self, route, channels) -> None:
        super().__init__(route, channels)
        self.edges = EdgeIndex(route.edges)
        self.source = nn.Linear(channels.source, channels.hidden)
        self.target = nn.Linear(channels.target, channels.hidden)
        self.out = nn.Linear(channels.hidden, channels.out)

    def forward(self, source, target):
        source = self.source(source)
        received = segment_sum(gather_sources(source, self.edges), self.edges)
        return source, self.out(torch.tanh(received + self.target(target)))


class TestGoodMapper(MapperContract):
    plugin = Sum


class RawSource(Sum):
    """Leaves the source as it is, and says so."""

    @property
    def source_out(self) -> int:
        return self.channels.source

    def forward(self, source, target):
        return source, super().forward(source, target)[1]


class TestWithARawSource(MapperContract):
    plugin = RawSource


class OnlyMapped(Sum):
    def forward(self, source, target):
        return super().forward(source, target)[1]


class Liar(Sum):
    @property
    def source_out(self) -> int:
        return 3


class HiddenOnly(Sum):
    def __init__(self, route, channels) -> None:
        super().__init__(route, channels)
        if channels.decode and channels.target != channels.hidden:
            raise ValueError("cannot decode")


class IdleInDecoder(Sum):
    """Updates the source of a decoder, which nobody reads."""

    def __init__(self, route, channels) -> None:
        super().__init__(route, channels)
        self.update = nn.Linear(channels.hidden, channels.hidden)

    def forward(self, source, target):
        source, mapped = super().forward(source, target)
        return self.update(source), mapped


class ChangesTarget(Sum):
    def forward(self, source, target):
        target *= 2
        return super().forward(source, target)


class MeanOfBatch(Sum):
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
        (MeanOfBatch, "batch_items_do_not_mix", "encoder: an item of the batch depends on the others"),
    ],
)
def test_a_broken_mapper_is_found_out(find_out, plugin, check, message) -> None:
    find_out(MapperContract, plugin, check, message)


def test_a_mapper_for_one_direction_may_say_so() -> None:
    contract = type("EncoderOnly", (MapperContract,), {"plugin": HiddenOnly, "directions": ("encoder",)})
    contract().test_shapes_and_dtype()
