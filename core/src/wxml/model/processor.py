"""Processor: evolves the state on the mesh."""

__all__ = ["Processor"]

from abc import ABC, abstractmethod
from typing import ClassVar

from torch import Tensor, nn

from wxml.anemoi_names import AnemoiNames
from wxml.graphs.graph import Mesh


class Processor(nn.Module, ABC):
    """Evolves the latent state on the mesh by one step. Everything after `channels` is a keyword-only option.

    Indices, orders and masks are made in the constructor, never in `forward`.
    """

    takes_condition: ClassVar[bool] = False
    """Whether `forward` takes a second argument, `condition: Tensor | None`, of shape
    `[batch, mesh_node, mesh.condition_channels]`: noise that makes the members of an ensemble differ."""
    has_layer_groups: ClassVar[bool] = False
    """Whether `forward` obeys `layer_groups`. If not, core recomputes the whole processor where activations are not to
    be kept."""
    layer_groups: int = 0
    """In how many groups of layers the activations are recomputed in the backward pass rather than kept; 0: all are
    kept. Core sets it; a processor of many layers passes it on to `wxml.model.layers.run_layers`."""
    is_recomputed: bool = False
    """Whether core runs the whole processor again in the backward pass; core sets it."""

    def __init__(self, mesh: Mesh, channels: int) -> None:
        super().__init__()
        self.channels = channels

    def anemoi_names(self) -> AnemoiNames | None:
        """How the weights are called in a model of Anemoi; None: there is no such processor there."""
        return None

    @abstractmethod
    def forward(self, state: Tensor) -> Tensor:
        """The new state, shape `[batch, mesh_node, channel]` like the old one; core adds the old state to it."""
