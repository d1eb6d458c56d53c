"""The processor `acme-diffusion`: the state spreads along the mesh, then reacts at each node."""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from wxml import Mesh, Processor, ProcessorChannels
from wxml_kernels import EdgeIndex, gather_sources, segment_sum


class Diffusion(Processor):
    """Rounds of diffusion and reaction: few weights, and a reach of as many edges as there are rounds.

    With m_i the mean of the neighbours of node i, a rate r in (0, 1) of each channel, and a network f of two layers:

        x_i ← x_i + r (m_i − x_i),    x_i ← x_i + f(LN(x_i))

    A channel with r near 0 stays local, one with r near 1 is smoothed. A node without neighbours only reacts.
    """

    share: Tensor
    linked: Tensor

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        rounds: Annotated[int, Field(gt=0, le=64, description="how often the state spreads and reacts")] = 4,
    ) -> None:
        super().__init__(mesh, channels)
        width = channels.hidden
        self.edges = EdgeIndex.of(mesh.edges)
        counts = segment_sum(torch.ones(1, self.edges.edge_count, 1), self.edges)
        self.register_buffer("share", counts.clamp(min=1).reciprocal(), persistent=False)
        self.register_buffer("linked", (counts > 0).float(), persistent=False)
        self.rates = nn.ParameterList(nn.Parameter(torch.zeros(width)) for _ in range(rounds))
        self.reactions = nn.ModuleList(reaction(width) for _ in range(rounds))

    def forward(self, state: Tensor) -> Tensor:
        """The update of the state, to which core adds the state; both are `[batch, mesh_node, channel]`."""
        spread = state
        for rate, react in zip(self.rates, self.reactions, strict=True):
            spread = spread + torch.sigmoid(rate) * self.towards_neighbours(spread)
            spread = spread + react(spread)
        return spread - state

    def towards_neighbours(self, state: Tensor) -> Tensor:
        """m_i − x_i, and 0 at a node without neighbours."""
        mean = segment_sum(gather_sources(state, self.edges), self.edges) * self.share
        return mean - state * self.linked


def reaction(width: int) -> nn.Module:
    """f(LN(x)), the same at every node."""
    return nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
