"""Mapper: maps values from grid to mesh (encoder) or from mesh to grid (decoder)."""

__all__ = ["Mapper", "MapperChannels"]

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor, nn

from wxml.graphs.graph import Route


@dataclass(frozen=True, slots=True)
class MapperChannels:
    """The widths of the tensors around a mapper, and the number of edge features that it learns."""

    source: int
    """The number of channels of the source nodes in the input."""
    target: int
    """The number of channels of the target nodes in the input."""
    hidden: int
    """The number of channels inside the model."""
    out: int
    """The number of channels of the mapped target."""
    decode: bool = False
    """False for an encoder: both node sets come in raw and leave as `hidden`. True for a decoder: both come in as
    latent states, and the target leaves as model output, unbounded and not normalised."""
    edge_features: int = 0
    """The number of learned features of each edge; pass it to `wxml.model.features.EdgeFeatures`."""


class Mapper(nn.Module, ABC):
    """Carries information along the edges of a route.

    The same class serves as encoder and as decoder, told apart by `channels.decode`. Make indices, orders and masks in
    the constructor, never in `forward`.
    """

    recompute_whole: bool = False
    """Whether the backward pass runs the mapper again instead of keeping its activations; core sets it."""

    def __init__(self, route: Route, channels: MapperChannels) -> None:
        """The keyword-only parameters that a subclass adds are its options in a config.

        Args:
            route: the two node sets and the edges from one to the other.
            channels: the widths of the tensors.
        """
        super().__init__()
        self.channels = channels

    @property
    def source_out(self) -> int:
        """The number of channels of the updated source, which is the decoder's target: `hidden`, unless overridden."""
        return self.channels.hidden

    @abstractmethod
    def forward(self, source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Map source to target.

        Args:
            source: shape `[batch, source_node, channels.source]`.
            target: shape `[batch, target_node, channels.target]`.

        Returns:
            The updated source, shape `[batch, source_node, source_out]`, and the mapped target, shape
            `[batch, target_node, channels.out]`.
        """
