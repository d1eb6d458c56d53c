"""Wires the parts of the model: encode, process, decode."""

__all__ = ["EncodeProcessDecode"]

from typing import Any

import torch
from torch import Tensor, nn

from wxml.model.bounding import Bounding
from wxml.model.features import GridFeatures, MeshFeatures
from wxml.model.layers import run_part
from wxml.model.mapper import Mapper
from wxml.model.noise import Noise
from wxml.model.processor import Processor
from wxml.model.several_grids import SeveralDecoders, SeveralEncoders, SeveralFeatures
from wxml.model.spread import Spread


class EncodeProcessDecode(nn.Module):
    """Forecasts one or several time steps: grid → mesh (encoder), mesh → mesh (processor), mesh → grid (decoder)."""

    increment_scale: Tensor
    grid_features: Any
    """A `GridFeatures`, or a `SeveralFeatures`; encoder and decoder are likewise mappers, or those of several grids."""
    encoder: Any
    decoder: Any
    spread: Spread | None
    """Makes standard deviations of what the decoder returns behind the increments; None, as at first: the model
    forecasts values alone."""

    def __init__(
        self,
        features: tuple[GridFeatures | SeveralFeatures, MeshFeatures],
        parts: tuple[Mapper | SeveralEncoders, Processor, Mapper | SeveralDecoders],
        residual: nn.Module,
        bounding: Bounding,
        increment_scale: Tensor,
        noise: Noise | None = None,
        *,
        latent_skip: bool = True,
    ) -> None:
        """Wire the parts.

        Args:
            features: the features of grid nodes and of mesh nodes; of several grids, those of each.
            parts: encoder, processor, decoder; the decoder has channels for every output variable of the first output
                step, then of the second, and so on; of a model that is given a `spread`, as many again for it.
            residual: maps states and forcings, as the model reads them, to the state that increments are added to.
            bounding: keeps the outputs within limits.
            increment_scale: the unit of the decoder's output, shape `[output variable]`, the same for every output
                step.
            noise: makes the members of an ensemble differ; None: the model is deterministic.
            latent_skip: compute state + Δ, where Δ is what the processor returns; if not, Δ itself is the new state.
        """
        super().__init__()
        self.grid_features, self.mesh_features = features
        self.encoder, self.processor, self.decoder = parts
        self.residual = residual
        self.bounding = bounding
        self.noise = noise
        self.spread = None
        self.latent_skip = latent_skip
        self.register_buffer("increment_scale", increment_scale, persistent=False)

    def forward(self, states: Tensor, forcings: Tensor, noise: Tensor | None = None) -> Tensor:
        """Forecast the states at the output times of one call of the task.

        Args:
            states: model values, shape `[batch, time, grid_node, prognostic]`.
            forcings: shape `[batch, time, grid_node, forcing]`, at the same times as `states` unless the task says
                else; its marks are further forcings.
            noise: shape `[batch, mesh_node, noise.channels]`, standard normal, for a model that has noise; None: the
                model draws its own.

        Returns:
            Model values, shape `[batch, output_step, grid_node, prognostic + diagnostic]`. With a spread, the standard
            deviations of all of these follow on the last axis: the model forecasts normal distributions, whose means
            come first.
        """
        grid = self.grid_features(states, forcings)
        mesh = self.mesh_features(len(states))
        grid, mesh = run_part(self.encoder, grid, mesh)
        condition = None
        if self.noise is not None:
            mesh, condition = self.noise(mesh, noise)
        update = run_part(self.processor, *((mesh,) if condition is None else (mesh, condition)))
        mesh = mesh + update if self.latent_skip else update
        _, decoded = run_part(self.decoder, mesh, grid)
        increments = decoded.unflatten(-1, (-1, len(self.increment_scale))).transpose(1, 2)
        if self.spread is None:
            return self._outputs(states, forcings, increments)
        increments, raw = increments.chunk(2, dim=1)
        deviations = self.increment_scale * self.spread(raw.to(self.increment_scale.dtype))
        return torch.cat((self._outputs(states, forcings, increments), deviations), dim=-1)

    def _outputs(self, states: Tensor, forcings: Tensor, increments: Tensor) -> Tensor:
        outputs: Tensor = self.bounding(self.residual(states, forcings) + self.increment_scale * increments)
        return outputs
