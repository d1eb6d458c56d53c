"""A small mapper for tests: it has one linear layer for each of its three steps."""

__all__ = ["MeanMapper"]

import torch
from torch import Tensor, nn
from wxml_kernels import EdgeIndex, gather_sources, segment_sum

from wxml.graphs.graph import Route
from wxml.model.mapper import Mapper, MapperChannels


class MeanMapper(Mapper):
    """Maps to W_out tanh(W_target t_i + mean of W_source s_j over the edges j → i), each W with a bias.

    The source leaves as W_source s; a target without edges has a mean of zero.
    """

    def __init__(self, route: Route, channels: MapperChannels) -> None:
        super().__init__(route, channels)
        self.edges = EdgeIndex.of(route.edges)
        self.source = nn.Linear(channels.source, channels.hidden)
        self.target = nn.Linear(channels.target, channels.hidden)
        self.out = nn.Linear(channels.hidden, channels.out)

    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The updated source, `[batch, source_node, hidden]`, and the target, `[batch, target_node, channels.out]`."""
        source = self.source(source)
        count = torch.diff(self.edges.pointers).clamp(min=1)[:, None]
        mean = segment_sum(gather_sources(source, self.edges), self.edges) / count
        return source, self.out(torch.tanh(mean + self.target(target)))
