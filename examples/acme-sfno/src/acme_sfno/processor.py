"""The processor `acme-sfno`."""

__all__ = ["HarmonicFilter", "Sfno"]

from functools import partial
from typing import Annotated, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from wxml import DataError, Mesh, Processor, ProcessorChannels, run_layers

from acme_sfno.harmonics import SphericalHarmonics


class HarmonicFilter(nn.Module):
    """Σ_lm Y_lm W_l c_lm: one matrix of the channels for each degree, the same for all orders.

    Such a filter is a convolution on the sphere: it turns with the globe, about any axis.
    """

    def __init__(self, harmonics: SphericalHarmonics, channels: int) -> None:
        super().__init__()
        self.harmonics = harmonics
        self.weights = nn.Parameter(torch.randn(harmonics.degree + 1, channels, channels) / channels**0.5)

    def forward(self, maps: Tensor) -> Tensor:
        """The filtered maps; both have the shape `[batch, latitude, longitude, channel]`."""
        with torch.autocast(maps.device.type, enabled=False):  # 8 bits of bfloat16 are too few for sums over the globe
            coefficients = self.harmonics.analysis(maps.float())
            return self.harmonics.synthesis(torch.einsum("blmi,lio->blmo", coefficients, self.weights))


class SfnoLayer(nn.Module):
    """x + W₂ gelu(filter(n) + W₁ n + b₁) + b₂ with n = LN x."""

    def __init__(self, harmonics: SphericalHarmonics, channels: int) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(channels)
        self.filter = HarmonicFilter(harmonics, channels)
        self.beside = nn.Linear(channels, channels)
        self.out = nn.Linear(channels, channels)

    def forward(self, state: Tensor, shape: tuple[int, int]) -> Tensor:
        """The new state; both have the shape `[batch, mesh_node, channel]`, `shape` is that of the map."""
        normed = self.norm(state)
        filtered = self.filter(normed.unflatten(1, shape)).flatten(1, 2)
        new: Tensor = state + self.out(nn.functional.gelu(filtered + self.beside(normed)))
        return new


class Sfno(Processor):
    """Spherical Fourier neural operator: filters spherical harmonics, for a mesh of latitudes and longitudes.

    After Bonev et al. (2023, arXiv:2306.03838). The edges of the mesh play no part. Formulas: `acme_sfno.harmonics`.
    """

    has_recompute_groups: ClassVar[bool] = True

    def __init__(
        self,
        mesh: Mesh,
        channels: ProcessorChannels,
        *,
        num_layers: Annotated[int, Field(gt=0, description="number of layers")] = 4,
        degree: Annotated[
            int | None, Field(ge=0, description="highest degree of the harmonics; null: the highest that the mesh has")
        ] = None,
    ) -> None:
        super().__init__(mesh, channels)
        latitudes, longitudes = _axes(mesh)
        highest = SphericalHarmonics.highest_degree(latitudes, longitudes)
        if degree is not None and degree > highest:
            raise DataError(
                f"`degree` must be at most {highest} on a mesh of {len(latitudes)} latitudes and {len(longitudes)} "
                f"longitudes, got {degree}",
                fix="choose a lower degree, or more rows: `graph: {plugin: lat-lon, latitudes: …}`",
            )
        self.shape = len(latitudes), len(longitudes)
        harmonics = SphericalHarmonics(latitudes, longitudes, degree)
        self.layers = nn.ModuleList(SfnoLayer(harmonics, channels.hidden) for _ in range(num_layers))

    def forward(self, state: Tensor) -> Tensor:
        """The update Δ of the state; both have the shape `[batch, mesh_node, channel]`."""

        def step(layer: nn.Module, state: Tensor) -> tuple[Tensor]:
            return (layer(state, self.shape),)

        steps = [partial(step, layer) for layer in self.layers]
        (new,) = run_layers(steps, (state,), self.recompute_groups)
        return new - state


def _axes(mesh: Mesh) -> tuple[np.ndarray, np.ndarray]:
    """The latitudes and longitudes of a mesh around the globe.

    Raises:
        DataError: the mesh is another one.
    """
    axes = mesh.nodes.axes
    if axes is not None:
        latitudes, longitudes = axes
        steps = np.diff(longitudes, append=longitudes[0] + 360) % 360
        if np.allclose(steps, 360 / len(longitudes)):
            return latitudes, longitudes
    raise DataError(
        "processor `acme-sfno` needs a mesh of latitudes and equally spaced longitudes around the globe, "
        f"got one of {len(mesh.nodes)} other nodes",
        fix="write `graph: {plugin: lat-lon}`",
    )
