"""NoOpProcessor: nothing happens on the mesh."""

__all__ = ["NoOpProcessor"]

from torch import Tensor
from wxml import Processor
from wxml.anemoi_names import AnemoiNames


class NoOpProcessor(Processor):
    """Returns the state as the update Δ, for ablations: a model without a processor.

    Core computes state + Δ, so the decoder reads twice what the encoder gave; with `model.latent_skip: false` it reads
    that very state.
    """

    def anemoi_names(self) -> AnemoiNames:
        """A NoOpProcessor has no weights either."""
        return AnemoiNames({})

    def forward(self, state: Tensor) -> Tensor:
        """The state itself, shape `[batch, mesh_node, channel]`."""
        return state
