"""Processor: updates the state on the mesh."""

__all__ = ["Processor", "ProcessorChannels"]

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from wxml.graphs.graph import Mesh


@dataclass(frozen=True, slots=True)
class ProcessorChannels:
    """The widths of the tensors around a processor, and the number of edge features that it learns."""

    hidden: int
    """The number of channels of the mesh state, in and out."""
    condition: int = 0
    """The number of noise channels that each node gets as a condition; 0: none (see `Processor.takes_condition`)."""
    edge_features: int = 0
    """The number of learned features of each edge; pass it to `wxml.model.features.EdgeFeatures`."""


class Processor(nn.Module, ABC):
    """Evolves the latent state on the mesh by one step.

    Make indices, orders and masks in the constructor, never in `forward`.
    """

    takes_condition: ClassVar[bool] = False
    """Whether `forward` takes a second argument, `condition: Tensor | None`, of shape
    `[batch, mesh_node, channels.condition]`: noise that makes the members of an ensemble differ."""
    has_recompute_groups: ClassVar[bool] = False
    """Whether `forward` obeys `recompute_groups`. If not, core sets `recompute_whole` instead."""
    recompute_groups: int = 0
    """Activation checkpointing: the backward pass recomputes the layers in so many groups; 0: it recomputes none. Core
    sets it; a processor of many layers passes it on to `wxml.model.layers.run_layers`."""
    recompute_whole: bool = False
    """Whether the backward pass runs the whole processor again instead of keeping its activations; core sets it."""

    def __init__(self, mesh: Mesh, channels: ProcessorChannels) -> None:
        """The keyword-only parameters that a subclass adds are its options in a config.

        Args:
            mesh: the mesh nodes and the edges among them.
            channels: the widths of the tensors.
        """
        super().__init__()
        self.channels = channels

    @abstractmethod
    def forward(self, state: Tensor) -> Tensor:
        """Return the update Δ of `state`; core computes state + Δ unless `model.latent_skip` is off.

        Args:
            state: shape `[batch, mesh_node, channels.hidden]`.

        Returns:
            Δ, of the same shape.
        """
