"""The wiring: encode, process, decode."""

__all__ = ["EncodeProcessDecode"]

import torch
from torch import Tensor, nn

from wxml.interfaces.mapper import Mapper
from wxml.interfaces.processor import Processor
from wxml.model.bounding import Bounding
from wxml.model.node_features import GridFeatures, MeshFeatures


class EncodeProcessDecode(nn.Module):
    """Forecasts one time step: grid → mesh (encoder), mesh → mesh (processor), mesh → grid (decoder)."""

    increment_scale: Tensor

    def __init__(
        self,
        grid_features: GridFeatures,
        mesh_features: MeshFeatures,
        parts: tuple[Mapper, Processor, Mapper],
        residual: nn.Module,
        bounding: Bounding,
        increment_scale: Tensor | None = None,
    ) -> None:
        super().__init__()
        self.grid_features = grid_features
        self.mesh_features = mesh_features
        self.encoder, self.processor, self.decoder = parts
        self.residual = residual
        self.bounding = bounding
        scale = torch.ones(1) if increment_scale is None else increment_scale
        self.register_buffer("increment_scale", scale, persistent=False)

    def forward(self, states: Tensor, forcings: Tensor) -> Tensor:
        """The state one time step after the last one given.

        Args:
            states: shape `[batch, time, grid_node, prognostic]`, model space, the last time is the initial time.
            forcings: shape `[batch, time, grid_node, forcing]`, at the same times.

        Returns:
            Shape `[batch, grid_node, prognostic + diagnostic]`, model space.
        """
        grid = self.grid_features(states, forcings)
        mesh = self.mesh_features(len(states))
        grid, mesh = self.encoder(grid, mesh)
        mesh = mesh + self.processor(mesh)
        _, increments = self.decoder(mesh, grid)
        outputs: Tensor = self.bounding(self.residual(states) + self.increment_scale * increments)
        return outputs
