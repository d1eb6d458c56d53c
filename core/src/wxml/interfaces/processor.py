"""Processor: evolves the state on the mesh."""

__all__ = ["Processor"]

from abc import ABC, abstractmethod

from torch import Tensor, nn

from wxml.graph import Mesh


class Processor(nn.Module, ABC):
    """Evolves the latent state on the mesh by one step. Everything after `channels` is a keyword-only option.

    Indices, orders and masks are made in the constructor, never in `forward`.
    """

    def __init__(self, mesh: Mesh, channels: int) -> None:
        super().__init__()
        self.channels = channels

    @abstractmethod
    def forward(self, state: Tensor) -> Tensor:
        """The new state, shape `[batch, mesh_node, channel]` like the old one; core adds the old state to it."""
